"""The trading process stays small: what only a backtest needs is never loaded there."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRADING = ("Trader", "make_ground", "make_feed", "on_binanceus", "real_ground", "serve", "run")
HEAVY = {"numba", "pandas", "pyarrow", "scipy", "plotly", "matplotlib", "optuna", "ccxt"}
LOADED = "import sys, {names}; print(*(name for name in sys.modules if '.' not in name))"


def imported_by(*names: str) -> list[str]:
    """Our modules that these parts of main.py import, wherever in them."""
    tree = ast.parse((ROOT / "main.py").read_text(encoding="utf-8"))
    parts = [node for node in tree.body if getattr(node, "name", "") in names]
    assert len(parts) == len(names), "a part of main.py has another name now"
    found = {
        node.module
        for part in parts
        for node in ast.walk(part)
        if isinstance(node, ast.ImportFrom) and node.module is not None
    }
    return sorted(name for name in found if name.split(".")[0] in ("app", "services", "backtest", "components"))


def loaded_with(modules: list[str]) -> list[str]:
    code = LOADED.format(names=", ".join(modules))
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()


def test_a_trader_loads_no_compiler_no_tables_and_no_charts() -> None:
    modules = imported_by(*TRADING)
    assert {"backtest.grounds", "backtest.paper", "backtest.feeds", "app.session"} <= set(modules)
    assert not HEAVY & set(loaded_with(modules))


def test_a_backtest_does() -> None:
    assert "numba" in loaded_with(["backtest.fast_forward"])
