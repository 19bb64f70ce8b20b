"""Loads strategy files and asks them: the same code, so the same answers, in live and in backtests.

A strategy's mistake becomes a StrategyError with one clear line, never anything else.
"""

import hashlib
import json
import linecache
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

from app.analyst import Question
from app.core.errors import StrategyError, TraderError
from app.core.model import Candle, Direction, MarketData, NewsEvent
from app.core.rules import StrategyRule
from app.core.voting import SIGNS
from app.ports import StrategyFace
from strategies import answers
from strategies.answers import Answer
from strategies.base_strategy import (
    MOST_CANDLES,
    PRICES,
    AskingStrategy,
    BaseStrategy,
    Framed,
    rows_of,
    table_of,
)
from strategies.long_history import History, Rows
from strategies.truncation import ACTION, CONFIDENCE, Seen, seen_in_history

HERE = Path(__file__).resolve().parent
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
OUR_MODULES: frozenset[str] = frozenset(json.loads((HERE / "shipped.json").read_text(encoding="utf-8"))["modules"])
LARGEST_FILE = 1_000_000  # bytes

Opinions = tuple[NDArray[np.int8], NDArray[np.float64], Callable[[int], str]]


class Loaded:
    """One strategy, ready to be asked. `face` is what is known of it."""

    def __init__(self, name: str, strategy: BaseStrategy, sha256: str) -> None:
        self.name = name
        self._strategy = strategy
        self._prepared: _Prepared | None = None
        self._before: tuple[tuple[Candle, ...], NDArray[np.float64]] = (), rows_of(())
        self.face = _face(name, strategy, sha256)
        own = type(strategy).indicators
        self._has_indicators = own is not BaseStrategy.indicators

    def ask(self, data: MarketData, news: Sequence[NewsEvent] = (), answer: str | None = None) -> Answer:
        """(BUY, SELL or HOLD, confidence rounded to 2 places, reasoning). Raises StrategyError.

        Looks at the newest `startup_candles` candles, so that one shown more of them says the same. `answer` is what
        its question was answered with.
        """
        with self._guarded():
            shown = self._shown(data)
            if isinstance(self._strategy, AskingStrategy):
                return answers.answer(self._strategy.analyze(shown, news, answer))
            return answers.answer(self._strategy.analyze(shown, news))

    def question(self, data: MarketData, news: Sequence[NewsEvent] = ()) -> Question | None:
        """What it wants to know before it is asked. Raises StrategyError."""
        if not isinstance(self._strategy, AskingStrategy):
            return None
        with self._guarded():
            return answers.question(self._strategy.question(self._shown(data), news))

    def readings(self, data: MarketData, count: int) -> dict[str, list[float | None]]:
        """The newest values of every column that it computes, oldest first; None where there is none yet."""
        with self._guarded():
            table = self._shown(data).table.iloc[-count:]
            added = [str(column) for column in table.columns if column not in PRICES]
            return {name: [answers.reading(value) for value in table[name].tolist()] for name in added}

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Whatever goes wrong in a strategy becomes a StrategyError with its name."""
        try:
            yield
        except StrategyError as error:
            raise StrategyError(f"{self.name}: {error}") from error
        except KeyboardInterrupt:  # a person's, in a backtest
            raise
        except BaseException as error:  # guard: strategy
            raise StrategyError(f"{self.name}: {blame(error)}") from error

    def shown(self, data: MarketData) -> Framed:
        """What `analyze` is given: the newest candles, and their table with the indicators."""
        return self._shown(data)

    @property
    def strategy(self) -> BaseStrategy:
        return self._strategy

    def _shown(self, data: MarketData) -> Framed:
        wanted = self.face.startup_candles
        if len(data.candles) < wanted:
            raise StrategyError(f"needs {wanted} closed candles, was shown {len(data.candles)}")
        window = data.candles[-wanted:]
        table = self._prepared.window(window) if self._prepared else None
        if table is None:
            table = self._with_indicators(self._windowed(window))
        return _framed(data, window, table)

    def prepare(self, candles: Sequence[Candle]) -> None:
        """Compute the indicators once over a whole history, for asking about its windows one after the other.

        What is asked about other candles is computed as ever.
        """
        self._prepared = None
        if self._has_indicators and candles:
            self._prepared = _Prepared(tuple(candles), self._table_of(rows_of(candles)))

    def signals(self, candles: Sequence[Candle], symbol: str, timeframe: str) -> DataFrame:
        """`action` and `confidence` (0-100, 2 places) at every candle of a history, index opened_at.

        HOLD with confidence 0 until `startup_candles` are there. Says what `ask` says, with no news. Raises
        StrategyError where it fails at any of them.
        """
        rows = rows_of(candles)
        action, confidence, words = self.opinions(rows, symbol, timeframe)
        failed = np.flatnonzero(np.isnan(confidence))
        if len(failed):
            raise StrategyError(words(int(failed[0])))
        named = np.array(("SELL", "HOLD", "BUY"))[action + 1]
        return DataFrame({"action": named, "confidence": confidence}, index=table_of(rows).index)

    def seen_ahead(self, rows: NDArray[np.float64]) -> Seen:
        """Whether it looks ahead in this history (as `rows_of` gives it), and whether its warm-up is too short for it.

        What it does wrong besides is not told here: whoever asks it will hear.
        """
        try:
            with self._guarded():
                return seen_in_history(self._computed, table_of(rows), self.face.startup_candles)
        except StrategyError:
            return Seen()

    def _computed(self, table: DataFrame) -> DataFrame:
        """Everything that it computes over a history at once."""
        full = self._with_indicators(table)
        given = self._strategy.signals(full)
        own = full.drop(columns=list(PRICES))
        if given is None:
            return own
        return own.assign(**{ACTION: given["action"], CONFIDENCE: given["confidence"]})

    def opinions(self, rows: Rows, symbol: str, timeframe: str) -> Opinions:
        """The same over rows of candles: +1 BUY, 0 HOLD, −1 SELL; the confidence, NaN where it failed; and the words
        of one row, which cost as much as asking.
        """
        history = History(rows, symbol, timeframe, self._table_of(rows))
        with self._guarded():
            given = self._strategy.signals(history.table)
            signs = None if given is None else answers.signs(given)
        action, confidence, errors = (*signs, {}) if signs else self._one_by_one(history)
        warming = min(self.face.startup_candles - 1, len(rows))
        action[:warming], confidence[:warming] = 0, 0.0

        def words(row: int) -> str:
            try:
                return errors[row] if row in errors else self._ask_at(history, row)[2]
            except StrategyError as error:
                return str(error)

        return action, confidence, words

    def _one_by_one(self, history: History) -> tuple[NDArray[np.int8], NDArray[np.float64], dict[int, str]]:
        """Also what went wrong, by row."""
        count = len(history.rows)
        action, confidence, errors = np.zeros(count, dtype=np.int8), np.zeros(count), dict[int, str]()
        for row in range(self.face.startup_candles - 1, count):
            try:
                said, sure, _ = self._ask_at(history, row)
                action[row], confidence[row] = SIGNS[Direction(said)], float(sure)
            except StrategyError as error:
                confidence[row], errors[row] = np.nan, str(error)
        return action, confidence, errors

    def _ask_at(self, history: History, row: int) -> Answer:
        """When the candle of that row has closed."""
        with self._guarded():
            shown = history.shown(row, self.face.startup_candles)
            if isinstance(self._strategy, AskingStrategy):
                return answers.answer(self._strategy.analyze(shown, (), None))
            return answers.answer(self._strategy.analyze(shown, ()))

    def _windowed(self, window: tuple[Candle, ...]) -> DataFrame:
        """A table of these candles. Most often they are those of the call before, one further."""
        before, rows = self._before
        if before and window[:-1] == before[1:]:
            rows = np.concatenate((rows[1:], rows_of(window[-1:])))
        else:
            rows = rows_of(window)
        self._before = window, rows
        return table_of(rows.copy())

    def _table_of(self, rows: Rows) -> DataFrame:
        with self._guarded():
            return self._with_indicators(table_of(rows))

    def _with_indicators(self, table: DataFrame) -> DataFrame:
        if not self._has_indicators:
            return table
        added = self._strategy.indicators(table.copy(deep=False))
        if not isinstance(added, DataFrame) or not added.index.equals(table.index):
            raise StrategyError("indicators must return a DataFrame with one row for each candle")
        if taken := sorted(set(PRICES) & set(added.columns)):
            raise StrategyError(f"indicators may not replace the column {taken[0]!r}")
        return pd.concat([table, added], axis=1)


class _Prepared:
    """A history with its indicators, from which windows are cut."""

    def __init__(self, candles: tuple[Candle, ...], table: DataFrame) -> None:
        self._candles = candles
        self._table = table
        self._place = {candle.opened_at: place for place, candle in enumerate(candles)}

    def window(self, candles: tuple[Candle, ...]) -> DataFrame | None:
        """The rows of exactly these candles; None where they are not a piece of the history."""
        end = self._place.get(candles[-1].opened_at, -1) + 1
        begin = end - len(candles)
        if begin < 0 or self._candles[begin:end] != candles:
            return None
        return self._table.iloc[begin:end]


class LocalStrategies:
    """Strategies asked in this very process: for backtests and replays, which have a process of their own.

    Answers exactly as the strategy process does.
    """

    def __init__(self, directory: Path = HERE) -> None:
        self._directory = directory
        self._loaded: dict[str, Loaded] = {}
        self._failed: dict[str, str] = {}
        self._rules: dict[str, StrategyRule] = {}

    def load(self, rules: Sequence[StrategyRule]) -> Sequence[StrategyFace]:
        """A face for each rule; `status` is "failed" and `error` says why where a file would not load."""
        return [self._load(rule) for rule in rules]

    def _load(self, rule: StrategyRule) -> StrategyFace:
        self._rules[rule.name] = rule
        self._loaded.pop(rule.name, None)
        try:
            loaded = load(rule.name, settings_of(rule), rule.sha256, self._directory)
        except StrategyError as error:
            self._failed[rule.name] = str(error)
            return failed_face(rule.name, str(error))
        self._loaded[rule.name] = loaded
        return loaded.face

    def prepare(self, name: str, candles: Sequence[Candle]) -> None:
        """Make asking about windows of `candles` fast. Optional; the answers are the same."""
        self._get(name).prepare(candles)

    def ask(self, rule: StrategyRule, data: MarketData, news: Sequence[NewsEvent] = ()) -> Answer:
        """(BUY, SELL or HOLD, confidence 0-100, reasoning). Raises StrategyError."""
        if self._rules.get(rule.name, rule).settings != rule.settings:
            self._load(rule)  # changed at run time
        return self._get(rule.name).ask(data, news)

    def signals(self, name: str, candles: Sequence[Candle], symbol: str, timeframe: str) -> DataFrame:
        """Every opinion over a history: see `Loaded.signals`."""
        return self._get(name).signals(candles, symbol, timeframe)

    def seen_ahead(self, name: str, rows: NDArray[np.float64]) -> Seen:
        """Whether it looks ahead in a history: see `Loaded.seen_ahead`."""
        return self._get(name).seen_ahead(rows)

    def opinions(self, name: str, rows: Rows, symbol: str, timeframe: str) -> Opinions:
        """The same as arrays: see `Loaded.opinions`."""
        return self._get(name).opinions(rows, symbol, timeframe)

    def asks_a_model(self, name: str) -> bool:
        """Whether its opinions rest on a language model's answers."""
        return name in self._loaded and self._loaded[name].face.asks

    def _get(self, name: str) -> Loaded:
        if name in self._loaded:
            return self._loaded[name]
        raise StrategyError(self._failed.get(name, f"{name}: is not loaded"))


def load(name: str, settings: Mapping[str, object], sha256: str = "", directory: Path = HERE, kept: str = "") -> Loaded:
    """The strategy of the file `name`.py. With `sha256`, only that very version. Raises StrategyError.

    `kept`: where else those bytes stand, so that the file itself may have changed meanwhile.
    """
    if not NAME.fullmatch(name):
        raise StrategyError(f"{name!r}: a strategy's name has small letters, digits and _ and begins with a letter")
    if name in OUR_MODULES:
        raise StrategyError(f"{name}: is the name of a part of the program; give the file another one")
    path = directory / f"{name}.py"
    source = _read(Path(kept) if kept else path, name)
    digest = hashlib.sha256(source).hexdigest()
    if sha256 and digest != sha256:
        raise StrategyError(f"{name}: {path} is not the version that was enabled (SHA-256 {digest}); enable it again")
    try:
        module = _run(f"strategies.{name}", path, source)
        strategy = _only_class(module, path)(settings)
        return Loaded(name, strategy, digest)
    except TraderError as error:
        raise StrategyError(str(error)) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # guard: strategy
        raise StrategyError(f"{name}: {blame(error)}") from error


def settings_of(rule: StrategyRule) -> dict[str, object]:
    """A rule's settings as values."""
    return {name: json.loads(value) for name, value in rule.settings}


def failed_face(name: str, error: str) -> StrategyFace:
    return StrategyFace(
        name=name, title=name, startup_candles=1, reads_text=False, sha256="", status="failed", error=error
    )


def _read(path: Path, name: str) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise StrategyError(f"{name}: {path} is larger than {LARGEST_FILE:,} bytes; that is no strategy")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise StrategyError(f"{name}: there is no file {path}; add it, or take {name} out of strategies.yml") from error
    except OSError as error:
        raise StrategyError(f"{name}: cannot read {path}: {error.strerror}") from error


def _run(module_name: str, path: Path, source: bytes) -> ModuleType:
    """Execute exactly the bytes whose hash was taken: a file that changes meanwhile cannot slip in."""
    module = ModuleType(module_name)
    module.__file__ = str(path)
    text = source.decode("utf-8", "replace").splitlines(keepends=True)
    linecache.cache[str(path)] = (len(source), None, text, str(path))  # for tracebacks: these lines, not the file's
    before = sys.modules.get(module_name)
    sys.modules[module_name] = module  # dataclasses and pickle look themselves up there
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)  # noqa: S102 - loading the owner's code is the purpose
    except BaseException:
        if before is None:
            del sys.modules[module_name]
        else:
            sys.modules[module_name] = before
        raise
    return module


def _only_class(module: ModuleType, path: Path) -> type[BaseStrategy]:
    own = [
        thing
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, BaseStrategy) and thing.__module__ == module.__name__
    ]
    if len(own) != 1 or own[0] is BaseStrategy:
        found = ", ".join(thing.__name__ for thing in own) or "none"
        raise StrategyError(f"{path.stem}: {path.name} must define one class derived from BaseStrategy; found: {found}")
    return own[0]


def _face(name: str, strategy: BaseStrategy, sha256: str) -> StrategyFace:
    count = strategy.startup_candles
    if type(count) is not int or not 1 <= count <= MOST_CANDLES:
        raise StrategyError(f"{name}: startup_candles is {count!r}; use 1 to {MOST_CANDLES}")
    return StrategyFace(
        name=name,
        title=str(strategy.title) or name.replace("_", " "),
        startup_candles=count,
        reads_text=bool(strategy.reads_text),
        sha256=sha256,
        asks=isinstance(strategy, AskingStrategy),
    )


def _framed(data: MarketData, window: tuple[Candle, ...], table: DataFrame) -> Framed:
    known = {field.name: getattr(data, field.name) for field in fields(MarketData)}
    return Framed(**{**known, "candles": window}, table=table)


def blame(error: BaseException) -> str:
    """What went wrong, in which line, and what stands there; in one line."""
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())[:300]
    said = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{said} (line {error.lineno})"
    steps = [step for step in traceback.extract_tb(error.__traceback__) if Path(step.filename).name not in _OWN_FILES]
    if not steps:
        return said
    first, last = steps[0], steps[-1]
    where = f"{Path(first.filename).name} line {first.lineno}"
    if (last.filename, last.lineno) != (first.filename, first.lineno):
        where += f", then {Path(last.filename).name} line {last.lineno}"
    return f"{said} ({where})"


_OWN_FILES = (Path(__file__).name, "answers.py", "truncation.py", "proof.py", "confined.py", "worker.py")
