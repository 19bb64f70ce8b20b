"""Mutation testing of the money rules: each small change must make a fast test fail. Run by `make mutation`.

The changes come from cosmic-ray's operators. Everything happens in copies of the repository in a temporary directory,
one a core; the repository itself is never touched. Exit 1 when the share of noticed changes is below the gate.
"""

import argparse
import ast
import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

ROOT = Path(__file__).resolve().parents[2]
GATE = 85.0
TARGETS = tuple(f"app/core/{name}.py" for name in ("orders", "risk", "stops", "voting", "portfolio"))
COPIED = (
    *("app", "backtest", "components", "services", "strategies", "wiring", "main.py"),
    *("tests", "config", "pyproject.toml"),
)
SLOWEST = 10.0  # seconds a mutant is given at least; more where the tests themselves take long

# What a person could have mistyped. Types and decorators stay: they fail at import, which proves nothing.
OPERATORS = (
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt")),
    *(f"ReplaceComparisonOperator_{pair}" for pair in ("Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul")),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ("Mod_Mul", "Pow_Mul")),
    *("ReplaceUnaryOperator_USub_UAdd", "ReplaceUnaryOperator_Delete_Not", "AddNot"),
    *("ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
    *("ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "NumberReplacer", "ZeroIterationForLoop"),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    path: str  # of the file, from the root
    line: int
    code: str
    change: str


@dataclass(slots=True)
class Score:
    noticed: int = 0
    survivors: list[Mutant] = field(default_factory=list)

    @property
    def pct(self) -> float:
        count = self.noticed + len(self.survivors)
        return 100.0 * self.noticed / count if count else 100.0


# ---------------------------------------------------------------- mutants


def mutants_of(path: str) -> list[Mutant]:
    """Every change of one file, in the order of its lines; changes that give the same code count once."""
    original = (ROOT / path).read_text(encoding="utf-8")
    tree, found = get_ast(original), {}
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        count = sum(1 for node in ast_nodes(tree) for _ in operator.mutation_positions(node))
        for occurrence in range(count):
            code = mutate_code(original, operator, occurrence)
            if code is None or code == original or code in found or not _compiles(code):
                continue
            line, change = _difference(original, code)
            found[code] = Mutant(path, line, code, change)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _compiles(code: str) -> bool:
    with contextlib.suppress(SyntaxError):
        ast.parse(code)
        return True
    return False


def _difference(before: str, after: str) -> tuple[int, str]:
    """The first line that differs, and how it reads before and after."""
    old, new = before.splitlines(), after.splitlines()
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            was, became = (" ".join(line.strip() for line in lines) for lines in (old[i1:i2], new[j1:j2]))
            return i1 + 1, f"{was}  →  {became}"
    raise ValueError("nothing differs")


# ---------------------------------------------------------------- tests


def tests_of(path: str) -> list[str]:
    """The fast tests that may notice a change in `path`: named after it first, then all that know its module."""
    module = path.removesuffix(".py").replace("/", ".")
    name = module.rpartition(".")[2]
    files = [file for folder in ("unit", "property") for file in sorted((ROOT / "tests" / folder).glob("test_*.py"))]
    concerned = [file for file in files if _knows(file, module)]
    concerned.sort(key=lambda file: (name not in file.stem, file.parent.name == "property", file.name))
    return [file.relative_to(ROOT).as_posix() for file in concerned]


def _knows(file: Path, module: str) -> bool:
    """Imports the module, or the engine, which goes through all of them."""
    wanted = {module, "app.core.engine"}
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        names: set[str] = set()
        if isinstance(node, ast.Import):
            names = {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        if names & wanted:
            return True
    return False


def run_tests(copy: Path, tests: Sequence[str], seconds: float | None) -> tuple[bool, str]:
    """Whether all pass, and what was printed. One that does not end in time has failed."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--hypothesis-seed=0"]
    command += ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", *tests]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(copy)}
    process = subprocess.Popen(
        command,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False, "too slow"
    return process.returncode == 0, output


# ---------------------------------------------------------------- the work


@contextlib.contextmanager
def copies(count: int) -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        places = [Path(folder) / str(number) for number in range(count)]
        for place in places:
            place.mkdir()
            for name in COPIED:
                source = ROOT / name
                if source.is_dir():
                    shutil.copytree(source, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
                elif source.exists():
                    shutil.copy2(source, place / name)
        yield places


def score_of(mutants: Sequence[Mutant], tests: Sequence[str], places: Sequence[Path], seconds: float) -> Score:
    """Try every mutant, each copy of the repository in a thread of its own."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    score, lock = Score(), threading.Lock()

    def work(place: Path) -> None:
        while True:
            try:
                mutant = waiting.get_nowait()
            except queue.Empty:
                return
            file = place / mutant.path
            original = file.read_text(encoding="utf-8")
            file.write_text(mutant.code, encoding="utf-8")
            survived, _ = run_tests(place, tests, seconds)
            file.write_text(original, encoding="utf-8")
            with lock:
                if survived:
                    score.survivors.append(mutant)
                else:
                    score.noticed += 1

    threads = [threading.Thread(target=work, args=(place,), daemon=True) for place in places]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    score.survivors.sort(key=lambda mutant: mutant.line)
    return score


def spread(mutants: list[Mutant], limit: int | None) -> list[Mutant]:
    """At most `limit`, spread evenly over the file."""
    if limit is None or limit >= len(mutants):
        return mutants
    return [mutants[number * len(mutants) // limit] for number in range(limit)]


def examine(path: str, limit: int | None, places: Sequence[Path]) -> Score | None:
    """One file's score, printed; None where its tests cannot judge anything."""
    tests = tests_of(path)
    if not tests:
        print(f"{path}: no test in tests/unit or tests/property imports it", file=sys.stderr)
        return None
    began = time.monotonic()
    passed, output = run_tests(places[0], tests, None)
    took = time.monotonic() - began
    if not passed:
        print(f"{path}: the tests fail without any change; mend them first\n{output}", file=sys.stderr)
        return None
    mutants = spread(mutants_of(path), limit)
    print(f"{path}: {len(mutants)} mutants, {len(tests)} files of tests ({took:.1f} s a run)", flush=True)
    score = score_of(mutants, tests, places, max(SLOWEST, 4 * took * len(places)))
    for mutant in score.survivors:
        print(f"  {mutant.path}:{mutant.line}: nobody noticed  {mutant.change}")
    print(f"{path}: {score.noticed} of {len(mutants)} noticed, {score.pct:.1f} %", flush=True)
    return score


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="mutation", description=__doc__)
    parser.add_argument("--only", metavar="FILE", choices=TARGETS, action="append", help=f"one of {', '.join(TARGETS)}")
    parser.add_argument("--limit", metavar="N", type=int, help="at most N mutants a file, spread evenly")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 2, help="copies at work at once")
    chosen = parser.parse_args(arguments)
    noticed = total = 0
    with copies(max(1, chosen.jobs)) as places:
        for path in chosen.only or TARGETS:
            score = examine(path, chosen.limit, places)
            if score is None:
                return 2
            noticed += score.noticed
            total += score.noticed + len(score.survivors)
    pct = 100.0 * noticed / total if total else 0.0
    print(f"in all: {noticed} of {total} mutants noticed, {pct:.1f} % (needed: {GATE:.0f} %)")
    return 0 if pct >= GATE else 1


if __name__ == "__main__":
    sys.exit(main())
