"""What a new backtest is to be: candles, time, money, and settings that differ from the trader's own."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from nicegui import ui

from app.backtest_ports import Busy, CandleData, Kind, Wanted
from app.core.errors import TraderError
from app.ports import Row, Who
from app.strategy_files import Unfit
from components.frame import Frame
from components.parts import Button, Choice, Loader, Text, box

SPANS = {"30": "30 d", "182": "6 mo", "365": "1 yr", "730": "2 yr", "all": "All"}
KINDS: dict[str, str] = {
    Kind.BACKTEST: "One run", Kind.OPTIMIZE: "Find better", Kind.SENSITIVITY: "Sensitivity",
}  # fmt: skip
MEANINGS = {
    Kind.BACKTEST: "Trades the past as the trader would, with its fees, stops and limits.",
    Kind.OPTIMIZE: "Tries many settings and says which did better, and how far that can be trusted.",
    Kind.SENSITIVITY: "How the result changes with one or two settings: a good one has good neighbours.",
}
MOST_TRIALS = 5000
TIMEFRAME = "Candles strategies are shown"
WALK_FORWARD = "365d/91d"
RANGES = {
    "buy_threshold": "50..90/10",
    "sell_threshold": "50..90/10",
    "timeframe": "1h,2h,4h,8h",
    "risk.stop_loss_pct": "1,2,3,5,8",
    "risk.position_size_pct": "1,2,3,5,8",
    "risk.trailing.distance_pct": "1,2,3,5,8",
}
FRAMES = ("1m", "5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d")
NUMBERS = {  # path: (label, what it means)
    "buy_threshold": ("Buys from a score of", "1 to 100"),
    "sell_threshold": ("Sells from a score of minus", "1 to 100"),
    "min_participation": ("Participation needed, %", "of the strategies' weight"),
    "risk.position_size_pct": ("Each entry, % of equity", "0.5 to 10"),
    "risk.stop_loss_pct": ("Stop below entry, %", "0.5 to 10"),
    "risk.trailing.distance_pct": ("Trailing stop's distance, %", "0.1 to 20"),
}

VARIED = {path: f"{NUMBERS.get(path, (TIMEFRAME, ''))[0]}: {values}" for path, values in RANGES.items()}


class BacktestForm:
    """`started` is told the id of each that was put into the line."""

    def __init__(self, frame: Frame, data: CandleData, started: Callable[[str], None]) -> None:
        self._frame, self._data, self._started = frame, data, started
        self._series: dict[str, Row] = {}
        with box("panel backtest-form", "section").props('aria-label="New backtest"'):
            Text("New backtest", "panel-title", "h2")
            Choice("What", KINDS, Kind.BACKTEST, self._choose_kind)
            self._kind_words = Text(MEANINGS[Kind.BACKTEST], "soft", "p")
            self._loader = Loader(frame.doors.tasks, self._load, "candles")
            self._nothing = Text(NOTHING, "soft", "p")
            self._nothing.set_visibility(False)
            with box("form-body") as self._body:
                self._which = ui.select([], label="Candles").props("outlined behavior=menu").mark("candles")
                self._which.on_value_change(self._chosen)
                self._about = Text(classes="soft", tag="p").mark("about-candles")
                Choice("How much of it", SPANS, "all", self._span)
                with box("form-pair"):
                    self._since = _date("From").mark("since")
                    self._until = _date("Until (not included)").mark("until")
                self._cash = (
                    ui.input("Capital, dollars", value="10000").props("outlined inputmode=decimal").mark("cash")
                )
                self._looking = Looking()
                self._changes = Settings(frame)
                self._error = Text(classes="ask-error", tag="p").props("role=alert").mark("backtest-error")
                Button("Start", self._start, "resume").mark("start-backtest")
            Upload(self._loader.want)
        self._body.set_visibility(False)
        self._loader.want()

    def _choose_kind(self, key: str) -> None:
        self._looking.show(Kind(key))
        self._kind_words.say(MEANINGS[Kind(key)])

    async def _load(self) -> None:
        rows = await self._data.list()
        self._series = {row["name"]: row for row in rows}
        self._nothing.set_visibility(not rows)
        self._body.set_visibility(bool(rows))
        options = {name: f"{name}, {row['first']:%b %Y} to {row['last']:%b %Y}" for name, row in self._series.items()}
        kept = self._which.value if self._which.value in options else next(iter(options), None)
        self._which.set_options(options, value=kept)

    def _chosen(self) -> None:
        row = self._series.get(str(self._which.value))
        self._about.say(about(row) if row else "")

    def _span(self, key: str) -> None:
        row = self._series.get(str(self._which.value))
        if row is None:
            return
        end: datetime = row["last"] + timedelta(days=1)
        self._until.set_value(f"{end:%Y-%m-%d}" if key != "all" else "")
        self._since.set_value(f"{max(row['first'], end - timedelta(days=int(key))):%Y-%m-%d}" if key != "all" else "")

    async def _start(self) -> None:
        backtests = self._frame.doors.backtests
        try:
            wanted = Wanted(
                data=str(self._which.value),
                since=midnight(self._since.value, "From"),
                until=midnight(self._until.value, "Until"),
                cash=amount(self._cash.value, "Capital"),
                changes=self._changes.chosen(),
                **self._looking.chosen(),
            )
        except Unfit as error:
            self._error.say(str(error))
            return
        rows: list[Row] = []

        async def start(who: Who) -> None:
            if backtests is not None:
                rows.append(await backtests.start(who, wanted))

        try:
            wrong = await self._frame.person.order(start)
        except (Unfit, Busy) as refusal:
            wrong = str(refusal)
        except TraderError as error:
            wrong = f"Not done: {error}"
        self._error.say(wrong or "")
        if rows:
            self._started(str(rows[0]["id"]))
            ui.notify("Started: it stands first among the backtests", position="top")


NOTHING = (
    "There are no candles yet. Upload a file below, or fetch them on the server with: main.py data download. "
    "On Binance.US's market they are brought up to date each night."
)


class Looking:
    """What a search for better settings, or a look at neighbouring ones, wants to know."""

    def __init__(self) -> None:
        self._kind = Kind.BACKTEST
        with box("form-body") as self._study:
            self._trials = ui.input("Configurations to try", value="100").props("outlined inputmode=numeric")
            self._trials.mark("trials")
            self._walk = ui.switch("Prove it on days that it has not seen", value=True).mark("walk-forward")
            Text(
                "Looks on a year, trades the quarter after it, and goes on: only those quarters count. Better results "
                "are easy to find and hard to trust; each configuration tried makes luck likelier.",
                "soft",
                "p",
            )
        with box("form-body") as self._neighbours:
            self._first = ui.select(VARIED, value="buy_threshold", label="Setting").props("outlined behavior=menu")
            self._second = ui.select(
                {"": "none", **VARIED}, value="risk.stop_loss_pct", label="and a second one"
            ).props("outlined behavior=menu")
        self.show(Kind.BACKTEST)

    def show(self, kind: Kind) -> None:
        self._kind = kind
        self._study.set_visibility(kind is Kind.OPTIMIZE)
        self._neighbours.set_visibility(kind is Kind.SENSITIVITY)

    def chosen(self) -> dict[str, Any]:
        """Fields of Wanted. Raises Unfit for what is no number."""
        if self._kind is Kind.OPTIMIZE:
            trials = amount(self._trials.value, "Configurations to try") or Decimal(100)
            if trials != int(trials) or not 1 <= trials <= MOST_TRIALS:
                raise Unfit(f"Configurations to try: a whole number from 1 to {MOST_TRIALS:,}")
            walk = WALK_FORWARD if self._walk.value else ""
            return {"kind": self._kind, "trials": int(trials), "walk_forward": walk}
        if self._kind is Kind.SENSITIVITY:
            paths = dict.fromkeys(str(each.value) for each in (self._first, self._second) if each.value)
            return {"kind": self._kind, "vary": tuple(f"{path}={RANGES[path]}" for path in paths)}
        return {}


class Settings:
    """Empty fields mean: as the trader has it."""

    def __init__(self, frame: Frame) -> None:
        self._fields: dict[str, ui.input] = {}
        with box("fold", "details"):
            Text("Change settings for this run", "fold-head", "summary")
            with box("form-grid"):
                Text("What is left empty is as the trader has it. Nothing here changes the trader.", "soft wide", "p")
                self._timeframe = ui.select(
                    {"": "as it is", **{each: each for each in FRAMES}}, value="", label=TIMEFRAME
                ).props("outlined behavior=menu")
                for path, (label, hint) in NUMBERS.items():
                    self._fields[path] = _number(label, hint)
                for row in frame.doors.view.strategies():
                    name = str(row["name"])
                    if row.get("configured"):
                        label = f"Weight of {name.replace('_', ' ')}"
                        self._fields[f"strategies.{name}.weight"] = _number(label, f"now {row['weight']}; 0 is silent")

    def chosen(self) -> Mapping[str, Decimal | int | bool | str]:
        """Raises Unfit for what is no number."""
        changes: dict[str, Decimal | int | bool | str] = {}
        if self._timeframe.value:
            changes["timeframe"] = str(self._timeframe.value)
        for path, field in self._fields.items():
            if str(field.value or "").strip():
                changes[path] = amount(field.value, str(field.props["label"])) or Decimal(0)
        return changes


class Upload:
    """The file goes straight to the API, a piece at a time; the page hears when it is in."""

    def __init__(self, done: Callable[[], None]) -> None:
        with box("fold", "details"):
            Text("Upload candles", "fold-head", "summary")
            with box("upload", "form").props("data-upload=/api/v1/data"):
                Text(
                    "CSV, parquet or feather: Binance's and freqtrade's files, or columns time, open, high, low, "
                    "close, volume. Impossible rows are refused, and then nothing is taken.",
                    "soft",
                    "p",
                )
                box("file", "input").props('type=file name=file required aria-label="File with candles"')
                with box("form-pair"):
                    _native("Symbol", "symbol", "BTC/USD")
                    _native("Length of a candle", "timeframe", "1m")
                Text("Upload", "button", "button").props("type=submit")
                Text("", "soft", "p").props("data-said role=status")
                Text("", tag="button").props("type=button data-done hidden").on("click", done, [])  # the script's


def about(row: Row) -> str:
    """1,051,200 candles from 1 Jan 2022 to 31 Dec 2023; 12 are missing."""
    missing = f"; {row['missing']:,} are missing" if row["missing"] else ""
    return f"{row['candles']:,} candles from {_day(row['first'])} to {_day(row['last'])}{missing}."


def midnight(given: object, name: str) -> datetime | None:
    """A day as the browser says it; None where it is left open. Raises Unfit."""
    text = str(given or "").strip()
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise Unfit(f"{name}: give a day such as 2023-03-14") from error


def amount(given: object, name: str) -> Decimal | None:
    """Raises Unfit for what is no number."""
    text = str(given or "").strip().replace(",", "").removeprefix("$")
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise Unfit(f"{name}: give a number such as 5 or 2.5") from error
    if not value.is_finite() or not text.isascii():
        raise Unfit(f"{name}: give a number such as 5 or 2.5")
    return value


def _day(at: datetime) -> str:
    return f"{at.day} {at:%b %Y}"


def _date(label: str) -> ui.input:
    return ui.input(label).props("outlined type=date stack-label")


def _number(label: str, hint: str) -> ui.input:
    return ui.input(label).props(f'outlined inputmode=decimal hint="{hint}"')


def _native(label: str, name: str, value: str) -> None:
    with box("native", "label"):
        Text(label, "caption")
        box("", "input").props(f"name={name} value={value} required")
