"""The price as candles, with averages, entries, exits, the stops of open positions and marks where news came.

Only numbers and words of our own go into the chart: no text from outside.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from nicegui import ui

from app.core.errors import StoreError
from app.core.model import Candle, Position
from app.ports import Row, Status
from components import format as words
from components.doors import Doors
from components.insights_parts import at_of
from components.parts import Choice, Loader, Text, box
from components.price_picture import AVERAGES, Marks, lines, options

CANDLES = 240  # asked for, and kept in the browser
TRADES = 200
AGAIN_SECONDS = 10.0  # at most so often a chart is sent anew
REST_SECONDS = 1.0  # between two pictures, however much happens
PRICE_SECONDS = 1.0  # and its price line moved
HINT = "Drag to move, pinch or Ctrl and wheel to zoom; tap a candle for its figures."


class PriceChart:
    def __init__(self, doors: Doors, told: Callable[[], None]) -> None:
        """`told` hears that `candles` are newer ones."""
        self._doors, self._told, self._timeframe = doors, told, ""
        self.candles: Sequence[Candle] = ()  # of the strategies' own time frame, where those are shown
        self.insights: Row = {}
        self.news: Sequence[Row] = ()
        self._minute: datetime | None = None
        self._loaded_at = self._priced_at = float("-inf")
        self._price: Decimal | None = None
        self._stops: list[Decimal] = []
        self._stands = False
        with box("insight insight-chart", "section").props('aria-label="Price chart"').mark("insight-chart"):
            with box("chart-head"):
                Text("Price", "caption", "h2")
                choices = {"": "As voted on", "1m": "1 m", "1h": "1 h", "4h": "4 h"}
                Choice("Length of a candle", choices, "", self._choose)
            self._place = box("chart-place")
            self._make()
            self._said = Text(classes="soft chart-words", tag="p").mark("chart-words")
            _legend()
            self._loader = Loader(doors.tasks, self._load, "the price chart")

    def update(self, status: Status) -> None:
        """A new minute is a new picture; a new price moves its line."""
        now = self._doors.clock.monotonic()
        minute = status.market_at.replace(second=0, microsecond=0) if status.market_at else None
        if minute != self._minute and now - self._loaded_at >= AGAIN_SECONDS:
            self._minute, self._loaded_at = minute, now
            self._loader.want()
        elif self._stands and status.price != self._price and now - self._priced_at >= PRICE_SECONDS:
            self._price, self._priced_at = status.price, now
            line = {"id": "candles", "markLine": {"data": lines(status.price, self._stops)}}
            self._chart.run_chart_method("setOption", {"series": [line]})

    def redraw(self) -> None:
        """Something else than the market has changed."""
        self._loader.want()

    def _choose(self, timeframe: str) -> None:
        self._timeframe = timeframe
        self._make()
        self._loader.want()

    def _make(self) -> None:
        """At once, still empty: the browser fetches what it draws with while the candles are read."""
        self._stands = False
        self._place.clear()
        with self._place:
            self._chart = ui.echart(options([], Marks(), None), renderer="svg").classes("price-chart")
            self._chart.props("role=img")
        self._chart.on("chart:finished", self._standing, [], throttle=1.0)

    def _standing(self) -> None:
        self._stands = True

    async def _load(self) -> None:
        if self._stands:
            await self._doors.clock.sleep(REST_SECONDS)
        timeframe = self._timeframe
        candles = list(await self._doors.candles(timeframe or None, CANDLES))
        if not timeframe:
            self.candles = candles
            self._told()
        trades = await self._trades(candles)
        if timeframe != self._timeframe:
            return
        status, held = self._doors.view.status(), self._doors.view.positions()
        marks = self._marks(trades, held, own=not timeframe)
        self._stops = [each.stop_price for each in held if each.stop_price is not None]
        drawn = options(candles, marks, status.price)
        if self._stands and self._chart.options["xAxis"][0]["data"]:
            del drawn["dataZoom"]  # a person may have zoomed: what is not said again stays
        self._chart.options.clear()
        self._chart.options.update(drawn)
        self._chart.update()
        said = chart_words(candles)
        self._said.say(said)
        self._chart.props["aria-label"] = said

    async def _trades(self, candles: Sequence[Candle]) -> Sequence[Row]:
        if not candles:
            return ()
        try:
            return (await self._doors.reader.list("trades", TRADES, 0, since=candles[0].opened_at))[0]
        except StoreError:
            return ()  # the candles are worth showing without them

    def _marks(self, trades: Sequence[Row], held: Sequence[Position], *, own: bool) -> Marks:
        curves = (self.insights.get("indicators") or {}).get("curves", {}) if own else {}
        return Marks(
            entries=[
                *((when, Decimal(each["entry_price"])) for each in trades if (when := at_of(each["opened_at"]))),
                *((each.opened_at, each.entry_price) for each in held),
            ],
            exits=[(when, Decimal(each["exit_price"])) for each in trades if (when := at_of(each["closed_at"]))],
            stops=[each.stop_price for each in held if each.stop_price is not None],
            news=[(when, each["severity"]) for each in self.news if (when := at_of(each["published_at"]))],
            averages={name: curves[f"average_{name}"] for name in AVERAGES if f"average_{name}" in curves},
            averages_end=at_of(self.insights.get("candle_at")),
        )


def chart_words(candles: Sequence[Candle]) -> str:
    """The picture in a sentence."""
    if not candles:
        return "No candles are known yet."
    low, high = min(each.low for each in candles), max(each.high for each in candles)
    change = (candles[-1].close - candles[0].open) / candles[0].open * 100
    span = words.duration(candles[-1].closed_at - candles[0].opened_at)
    return (
        f"{span}: {words.signed_pct(change, 1)}, lowest {words.money(low)}, highest {words.money(high)}, "
        f"candles of {words.duration(candles[-1].closed_at - candles[-1].opened_at)}. {HINT}"
    )


def _legend() -> None:
    with box("legend", "ul").props('aria-label="Legend"'):
        for kind, text in (
            ("key-entry", "bought"),
            ("key-exit", "sold"),
            ("key-stop", "stop"),
            ("key-news", "news"),
            ("key-short", "short average"),
            ("key-medium", "medium"),
            ("key-long", "long"),
        ):
            with box("", "li"):
                box(f"mark-key {kind}", "span").props("aria-hidden=true")
                Text(text)
