"""The trading process stays small: what only a backtest needs is never loaded there."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
OURS = ("app", "services", "backtest", "components", "wiring")
HEAVY = {"numba", "pandas", "pyarrow", "scipy", "plotly", "matplotlib", "optuna", "ccxt"}
LOADED = "import sys, {names}; print(*(name for name in sys.modules if '.' not in name))"


def imports(part: str) -> Iterator[str]:
    """Our modules that a part of wiring imports, wherever in it; not what only the type checker reads."""
    left: list[ast.AST] = [ast.parse((ROOT / f"{part.replace('.', '/')}.py").read_text(encoding="utf-8"))]
    while left:
        node = left.pop()
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] in OURS:
            yield node.module
        elif not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            left += ast.iter_child_nodes(node)


def imported_by(first: str) -> list[str]:
    """Those of this part of wiring and of every other that it takes."""
    found, left = {first}, [first]
    while left:
        new = {*imports(left.pop())} - found
        left += [name for name in new if name.startswith("wiring.")]
        found |= new
    return sorted(found)


def loaded_with(modules: list[str]) -> list[str]:
    code = LOADED.format(names=", ".join(modules))
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()


def test_a_trader_loads_no_compiler_no_tables_and_no_charts() -> None:
    modules = imported_by("wiring.serving")
    assert {"backtest.grounds", "backtest.paper", "backtest.feeds", "app.session", "wiring.trader"} <= set(modules)
    assert not HEAVY & set(loaded_with(modules))


def test_a_backtest_does() -> None:
    assert "numba" in loaded_with(["backtest.fast_forward"])
