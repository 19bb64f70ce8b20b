"""The house rules that no linter knows, read from the syntax trees: who may import whom, and where the raw forms of
time, chance, tasks and broad guards may stand. Nothing is imported or run here.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("app", "services", "strategies", "backtest", "components", "wiring")
MOST_LINES = 500

# What the pure core may take of the standard library: no input, no output, no clock, no chance.
PURE = {
    *("__future__", "abc", "bisect", "collections", "collections.abc", "copy", "dataclasses", "datetime", "decimal"),
    *("enum", "fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re"),
    *("statistics", "string", "types", "typing"),
}

# One library, one room: where a third-party library may be imported. What is not named here may be nowhere.
LIBRARIES = {
    "ccxt": ("services/binance_us",),
    "aiohttp": ("services/binance_us",),
    "yarl": ("services/binance_us",),
    "httpx": ("services/deepseek", "services/news", "services/notifications", "services/doctor"),
    "defusedxml": ("services/news",),
    "rapidfuzz": ("services/news",),
    "sqlmodel": ("services/database",),
    "sqlalchemy": ("services/database",),
    "psycopg": ("services/database",),
    "alembic": ("services/database",),
    "apscheduler": ("services/scheduler",),
    "pyotp": ("services/auth",),
    "segno": ("components/qr",),
    "argon2": ("services/auth",),
    "jwt": ("services/auth", "services/notifications/push"),
    "aiosmtplib": ("services/notifications",),
    "apprise": ("services/notifications",),
    "cryptography": ("services/secrets", "services/notifications/push"),
    "ruamel": ("services/settings",),
    "dotenv": ("services/settings",),
    "pydantic": ("services/settings", "components/"),
    "nicegui": ("components/", "wiring/serving.py"),
    "fastapi": ("components/",),
    "starlette": ("components/",),
    "python_multipart": ("components/multipart",),
    "plotly": ("components/charts", "backtest/report_html"),  # report.html carries its script
    "reportlab": ("backtest/report_pdf",),
    "optuna": ("backtest/optimize", "backtest/studies"),
    "distributed": ("backtest/optimize",),
    "pandas": ("strategies/", "backtest/"),
    "numpy": ("strategies/", "backtest/"),
    "ta": ("strategies/", "backtest/"),
    "numba": ("backtest/",),
    "pyarrow": ("strategies/", "backtest/"),
}

NOT_FOR_COMPONENTS = ("app.core.engine", "app.session")

SEAM = "app/seam.py"
RAW_MODULES = ("time", "random", "secrets")
RAW_NAMES = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("uuid.uuid1", "uuid.uuid4", "os.urandom", "asyncio.sleep", "threading.Thread", "threading.Timer"),
    *("concurrent.futures.ThreadPoolExecutor", "numpy.random.default_rng", "numpy.random.seed"),
}
RAW_METHODS = {"create_task", "ensure_future", "to_thread", "run_in_executor", "call_later", "call_at"}

MODE_WORDS = {"paper", "dry-run", "live"}
MODE_READERS = {
    "wiring/market.py": "makes the market and the exchange of a mode",
    "wiring/trader.py": "says once whether the money is real",
    "wiring/books.py": "opens the books of a mode",
    "wiring/settings.py": "refuses what a mode does not allow, before anything is begun",
    "services/settings/environment.py": "defines the words and refuses settings that contradict each other",
    "components/format.py": "the badge",
    "components/controls.py": "asks for the code before it is refused; app.control decides",
}

RUNS = {"run_javascript", "add_head_html", "add_body_html", "add_css", "add_scss", "run_method"}
GUARDS = ("observer", "strategy", "proof", "job")
BROAD = {"Exception", "BaseException"}


@dataclass(frozen=True)
class Source:
    """One file: where it is, its text, its tree."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def module(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def room(self) -> str:
        return self.path.removesuffix(".py").split("/")[0]


def sources() -> list[Source]:
    paths = [ROOT / "main.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Every module imported anywhere in the file, also inside functions and for type checkers only."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                yield node.lineno, each.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                inside = (
                    source.module.split(".")
                    if source.path.endswith("__init__.py")
                    else [*source.module.split(".")][:-1]
                )
                kept = inside[: len(inside) - node.level + 1]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            if base in (*ROOMS, "app.core"):  # `from app.core import engine` imports a module
                yield from ((node.lineno, f"{base}.{each.name}") for each in node.names)
            else:
                yield node.lineno, base


def inside(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


# ---------------------------------------------------------------- the rules


def who_imports_whom(source: Source) -> Iterator[str]:
    """Rules 1 to 3 of the house."""
    for line, name in imports(source):
        top = name.split(".")[0]
        wrong = ""
        if top == "main":
            wrong = "nobody imports main"
        elif source.room == "main":
            if top in ROOMS and top not in ("app", "wiring"):
                wrong = "main takes only wiring and app"
        elif source.path.startswith("app/core/"):
            if not inside(name, "app.core") and name not in PURE:
                wrong = "app/core takes only itself and the pure part of the standard library"
        elif source.room == "app":
            if top != "app" and top not in sys.stdlib_module_names:
                wrong = "app takes nothing but app and the standard library"
        elif source.room != "wiring" and top in ROOMS and top not in ("app", source.room):
            wrong = f"{source.room} takes only app and itself"
        elif source.room == "components" and any(inside(name, each) for each in NOT_FOR_COMPONENTS):
            wrong = "components read through EngineView and write through Control"
        if wrong:
            yield f"{source.path}:{line}: imports {name}; {wrong}"


def one_library_one_room(source: Source) -> Iterator[str]:
    for line, name in imports(source):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in (*ROOMS, "main"):
            continue
        if top not in LIBRARIES:
            yield f"{source.path}:{line}: imports {name}, which has no room yet; give it one in LIBRARIES"
        elif not source.path.startswith(LIBRARIES[top]):
            yield f"{source.path}:{line}: imports {name}, whose room is {', '.join(LIBRARIES[top])}"


def names_in(source: Source) -> dict[str, str]:
    """What each imported name of the file stands for, in full."""
    known: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                known[each.asname or each.name.split(".")[0]] = each.name if each.asname else each.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return known


def full_name(node: ast.expr, known: dict[str, str]) -> str:
    """`dt.now` → `datetime.datetime.now`; empty where it hangs on something else than an import."""
    if isinstance(node, ast.Name):
        return known.get(node.id, "")
    if isinstance(node, ast.Attribute):
        base = full_name(node.value, known)
        return f"{base}.{node.attr}" if base else ""
    return ""


def only_through_the_seam(source: Source) -> Iterator[str]:
    """Time, chance, tasks and threads. `random.Random` may be named as a type, and made nowhere."""
    if source.path == SEAM:
        return
    known = names_in(source)
    called = {id(node.func) for node in ast.walk(source.tree) if isinstance(node, ast.Call)}
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Name | ast.Attribute):
            continue
        name = full_name(node, known)
        raw = name in RAW_NAMES or ("." in name and name.split(".")[0] in RAW_MODULES)
        if name == "random.Random" and id(node) not in called:
            raw = False
        method = node.attr if isinstance(node, ast.Attribute) else name.rpartition(".")[2]
        if raw or method in RAW_METHODS:
            yield f"{source.path}:{node.lineno}: {name or method}; use app.seam"


def mode_is_read_in_wiring(source: Source) -> Iterator[str]:
    """A comparison, a case or a table with the word of a mode is code that knows in which mode it runs."""
    if source.path in MODE_READERS:
        return
    for node in ast.walk(source.tree):
        parts: list[ast.expr | None] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.MatchValue):
            parts = [node.value]
        elif isinstance(node, ast.Dict):
            parts = [*node.keys]
        for part in parts:
            if part is not None and _is_mode(part):
                yield f"{source.path}:{part.lineno}: {ast.unparse(part)}; modes are read in wiring"


def _is_mode(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.Set | ast.List):
        return any(_is_mode(each) for each in node.elts)
    if isinstance(node, ast.Constant):
        return node.value in MODE_WORDS
    return isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "Mode"


def broad_guards_say_which(source: Source) -> Iterator[str]:
    """Four guards may catch everything, and say so. Whoever only cleans up ends with a bare `raise`."""
    lines = source.text.splitlines()
    known = names_in(source)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and full_name(node.func, known) == "contextlib.suppress":
            if any(_broad(each) for each in node.args):
                yield f"{source.path}:{node.lineno}: suppresses everything; a guard is an `except` that says which"
            continue
        if not isinstance(node, ast.ExceptHandler) or not _broad(node.type):
            continue
        last = node.body[-1]
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        if not any(f"# guard: {guard}" in lines[node.lineno - 1] for guard in GUARDS):
            yield f"{source.path}:{node.lineno}: catches everything, and is none of the guards {', '.join(GUARDS)}"


def _broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_broad(each) for each in caught.elts)
    return caught is None or (isinstance(caught, ast.Name) and caught.id in BROAD)


def no_asserts(source: Source) -> Iterator[str]:
    """`python -O` takes them away; what must hold is an `if` and an error. A word to the type checker may stay."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assert) and not ast.unparse(node.test).startswith("isinstance("):
            yield f"{source.path}:{node.lineno}: assert"


def not_too_long(source: Source) -> Iterator[str]:
    count = source.text.count("\n")
    if "/migrations/versions/" not in source.path and count > MOST_LINES:
        yield f"{source.path}: {count} lines, {MOST_LINES} at most"


def foreign_text_never_becomes_code(source: Source) -> Iterator[str]:
    """What a page runs, styles, or reads as HTML stands in our own source, word for word; addresses too."""
    if source.room != "components":
        return
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name = ast.unparse(node.func)
        if not (node.func.attr in RUNS or name in ("ui.html", "ui.markdown", "ui.link", "ui.navigate.to")):
            continue
        told = [*node.args, *(each.value for each in node.keywords if each.arg in ("target", "code", "content"))]
        if any(isinstance(each, ast.JoinedStr | ast.BinOp) and not _ours(each) for each in told):
            yield f"{source.path}:{node.lineno}: {name} is given a text put together; text is shown by Text"


Rule = Callable[[Source], Iterator[str]]


def _ours(node: ast.expr) -> bool:
    """Constants put together are one."""
    if isinstance(node, ast.BinOp):
        return _ours(node.left) and _ours(node.right)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


RULES: tuple[Rule, ...] = (
    who_imports_whom,
    one_library_one_room,
    only_through_the_seam,
    mode_is_read_in_wiring,
    broad_guards_say_which,
    no_asserts,
    foreign_text_never_becomes_code,
    not_too_long,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_is_in_order(rule: Rule) -> None:
    wrong = [line for source in sources() for line in rule(source)]
    assert not wrong, "\n".join(["", *wrong])


def test_every_room_was_looked_at() -> None:
    assert {source.room for source in sources()} == {"main", *ROOMS}
    assert all(path in {source.path for source in sources()} for path in MODE_READERS)


# ---------------------------------------------------------------- the checker notices what it is for


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (who_imports_whom, "app/session.py", "from services.database import Ledgers"),
        (who_imports_whom, "app/session.py", "import httpx"),
        (who_imports_whom, "app/core/risk.py", "import asyncio"),
        (who_imports_whom, "app/core/risk.py", "import logging"),
        (who_imports_whom, "app/core/risk.py", "from app.ports import Journal"),
        (who_imports_whom, "app/core/risk.py", "from ..seam import clock"),
        (who_imports_whom, "services/logs.py", "from components.format import money"),
        (who_imports_whom, "strategies/mine.py", "def f():\n    import services.database"),
        (who_imports_whom, "backtest/paper.py", "from strategies.runtime import LocalStrategies"),
        (who_imports_whom, "components/page.py", "from app.core import engine"),
        (who_imports_whom, "components/page.py", "from app.core.engine import Engine"),
        (who_imports_whom, "components/page.py", "import app.session"),
        (who_imports_whom, "components/page.py", "from main import parser"),
        (who_imports_whom, "components/page.py", "from wiring import settings"),
        (who_imports_whom, "app/session.py", "from wiring.trader import Trader"),
        (who_imports_whom, "wiring/trader.py", "def f():\n    from main import parser"),
        (who_imports_whom, "main.py", "def f():\n    from services import logs"),
        (one_library_one_room, "main.py", "from nicegui import ui"),
        (one_library_one_room, "wiring/trader.py", "from nicegui import ui"),
        (one_library_one_room, "components/page.py", "import ccxt"),
        (one_library_one_room, "services/logs.py", "import httpx"),
        (one_library_one_room, "components/positions.py", "import plotly.graph_objects as go"),
        (one_library_one_room, "services/logs.py", "import requests"),
        (only_through_the_seam, "services/logs.py", "import time\ntime.time()"),
        (only_through_the_seam, "services/logs.py", "from time import monotonic as m\nm()"),
        (only_through_the_seam, "services/logs.py", "import datetime as d\nd.datetime.now()"),
        (only_through_the_seam, "services/logs.py", "from datetime import datetime\nx = datetime.utcnow"),
        (only_through_the_seam, "services/logs.py", "import random\nrandom.choice([1])"),
        (only_through_the_seam, "backtest/market.py", "from random import Random\nRandom(1)"),
        (only_through_the_seam, "services/logs.py", "from uuid import uuid4\nuuid4()"),
        (only_through_the_seam, "services/logs.py", "import secrets\nsecrets.token_hex()"),
        (only_through_the_seam, "services/logs.py", "import os\nos.urandom(8)"),
        (only_through_the_seam, "app/session.py", "import asyncio\nasyncio.create_task(f())"),
        (only_through_the_seam, "app/session.py", "loop.create_task(f())"),
        (only_through_the_seam, "app/session.py", "from asyncio import to_thread\nto_thread(f)"),
        (only_through_the_seam, "app/session.py", "asyncio.get_running_loop().run_in_executor(None, f)"),
        (only_through_the_seam, "app/session.py", "import asyncio\nasyncio.sleep(1)"),
        (only_through_the_seam, "app/session.py", "import threading\nthreading.Thread(target=f)"),
        (mode_is_read_in_wiring, "app/session.py", "if mode == 'live': pass"),
        (mode_is_read_in_wiring, "app/session.py", "if settings.mode in (Mode.LIVE, Mode.PAPER): pass"),
        (mode_is_read_in_wiring, "app/session.py", "match mode:\n    case 'paper': pass"),
        (mode_is_read_in_wiring, "backtest/paper.py", "x = {'dry-run': 1}[mode]"),
        (mode_is_read_in_wiring, "main.py", "if settings.mode == 'live': pass"),
        (mode_is_read_in_wiring, "wiring/serving.py", "if settings.mode == 'live': pass"),
        (broad_guards_say_which, "app/session.py", "try:\n    f()\nexcept Exception:\n    pass"),
        (broad_guards_say_which, "app/session.py", "try:\n    f()\nexcept:\n    pass"),
        (broad_guards_say_which, "app/session.py", "try:\n    f()\nexcept (OSError, BaseException):\n    pass"),
        (broad_guards_say_which, "app/session.py", "try:\n    f()\nexcept Exception:  # guard: haste\n    pass"),
        (broad_guards_say_which, "app/session.py", "import contextlib\nwith contextlib.suppress(Exception):\n    f()"),
        (no_asserts, "app/session.py", "assert True"),
        (foreign_text_never_becomes_code, "components/page.py", "client.run_javascript(f'show({text})')"),
        (foreign_text_never_becomes_code, "components/page.py", "ui.html('<b>' + text, sanitize=False)"),
        (foreign_text_never_becomes_code, "components/page.py", "ui.link('more', f'{url}')"),
        (not_too_long, "app/session.py", "x = 1\n" * 501),
        (not_too_long, "main.py", "x = 1\n" * 501),
    ],
)
def test_a_planted_violation_is_found(rule: Rule, path: str, text: str) -> None:
    assert list(rule(Source(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("app/core/risk.py", "from decimal import Decimal\nfrom app.core.money import part\nfrom . import stops"),
        ("app/session.py", "import asyncio\nfrom app.seam import clock\nclock.now()"),
        ("services/database/journal.py", "from sqlalchemy import Table\nfrom app.core.errors import StoreError"),
        ("services/scheduler.py", "import apscheduler"),
        ("components/page.py", "from nicegui import ui\nfrom app.ports import EngineView"),
        ("components/page.py", "ui.html(ICON, sanitize=False)\nclient.run_javascript('location.reload()')"),
        (
            "backtest/market.py",
            "from random import Random\ndef f(stream: Random) -> float:\n    return stream.random()",
        ),
        ("app/session.py", "try:\n    f()\nexcept Exception:  # guard: observer\n    pass"),
        ("app/session.py", "try:\n    f()\nexcept BaseException:\n    clean()\n    raise"),
        ("app/view.py", "labels = Labels(mode=settings.mode)"),
        ("main.py", "from app.core.errors import TraderError\nfrom wiring.serving import run"),
        ("wiring/serving.py", "from services import logs\nfrom nicegui import ui\nfrom wiring.trader import Trader"),
        ("wiring/market.py", "from backtest.paper import PaperExchange\nif settings.mode == 'live': pass"),
    ],
)
def test_what_is_allowed_passes(path: str, text: str) -> None:
    assert [line for rule in RULES for line in rule(Source(path, text))] == []
