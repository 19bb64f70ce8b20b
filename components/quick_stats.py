"""The head of every tab: price with its age, equity, today, what the trader is doing, and how safe the money is."""

from collections.abc import Callable

from nicegui import ui

from app.ports import Status
from components import format as words
from components.controls import Controls
from components.frame import drawn
from components.parts import Text, box

MENU = '<path d="M12 5v.01M12 12v.01M12 19v.01" stroke-width="4"/>'
SHIELD = '<path d="M12 3l7 3v5c0 4.6-2.9 8.3-7 10-4.1-1.7-7-5.4-7-10V6z"/>'


class QuickStats:
    """`bar` stays on top while the page scrolls; the rest is the first card."""

    def __init__(self, controls: Controls, username: str, bell: Callable[[], object] = lambda: None) -> None:
        """`bell` puts the way to the alerts where it is called."""
        with box("bar", "header"):
            self._build_bar()
            bell()
            _menu(username)
        with box("stats", "section").props('aria-label="Account"') as self._stats:
            with box("worth"):
                with box("worth-head"):
                    Text("Equity", "caption")
                    self._market_time = Text(classes="caption")
                self._equity = Text(classes="equity").mark("equity")
                self._total = Text(classes="total")
            with box("figures"):
                self._today = _figure("Today", "today")
                self._trades = _figure("Trades today", "trades-today")
                self._open = _figure("Open positions", "open-positions")
            with box("standing"):
                with box("standing-words"):
                    self._state = Text(classes="state").props("role=status").mark("state")
                    self._reason = Text(classes="reason").mark("reason")
                self._pause = controls.pause_button()
                self._unlock = controls.unlock_button()
            with box("protection") as self._shield:
                ui.html(drawn(SHIELD, 18), sanitize=False)
                self._protection = Text().mark("protection")

    def _build_bar(self) -> None:
        with box("quote"):
            with box("quote-head"):
                self._symbol = Text(classes="caption")
                self._badges = [Text(classes="badge"), Text(classes="badge")]
            with box("quote-line"):
                self._price = Text(classes="price").mark("price")
                self._age = Text(classes="age").props("id=price-age")

    def shrink(self, small: bool) -> None:
        """To one line of figures, where another tab needs the room."""
        self._stats.classes(**({"add": "small"} if small else {"remove": "small"}))

    def update(self, status: Status) -> None:
        self._show_price(status)
        for place, (text, kind) in zip(self._badges, [*words.badges(status), ("", "")], strict=False):
            place.say(text, f"badge {kind}" if text else "badge none")
        day, total = words.tone(status.day_pnl), words.tone(status.total_pnl)
        self._equity.say(f"{words.arrow(status.total_pnl)} {words.money(status.equity)}".strip(), f"equity {total}")
        self._total.say(
            f"{words.signed_money(status.total_pnl)} ({words.signed_pct(status.total_pnl_pct)}) since the start",
            "total",
        )
        self._today.say(
            f"{words.signed_money(status.day_pnl)} ({words.signed_pct(status.day_pnl_pct)})", f"figure {day}"
        )
        self._trades.say(str(status.trades_today))
        self._open.say(str(status.open_positions))
        self._state.say(f"● {words.state_word(status)}", f"state {status.state.lower()}")
        self._reason.say(words.state_reason(status))
        self._pause.update(status)
        self._unlock.update(status)
        self._protection.say(words.protection(status))
        self._shield.classes(
            **({"add": "weak"} if status.open_positions and status.protected_pct < 100 else {"remove": "weak"})
        )

    def _show_price(self, status: Status) -> None:
        """The age is counted in the browser: it goes on growing when nothing comes any more."""
        self._price.say(words.money(status.price) if status.price is not None else "no price yet")
        pretend = words.pretend_market(status)
        self._symbol.say(status.symbol)
        self._market_time.say(
            f"in the market: {words.moment(status.market_at)}" if pretend and status.market_at else ""
        )
        age = 0.0
        if not pretend and status.price_at is not None and status.market_at is not None:
            age = max(0.0, (status.market_at - status.price_at).total_seconds())
        beat = status.market_at.isoformat() if status.market_at and status.reason != "market_ended" else ""
        self._age.attribute("data-beat", beat)
        self._age.attribute("data-at", status.price_at.isoformat() if status.price_at else "")
        if self._age.props.get("data-at") and not pretend:
            self._age.attribute("data-age", f"{age:.0f}")


def _figure(caption: str, mark: str) -> Text:
    with box(f"cell {mark}"):
        Text(caption, "caption")
        return Text(classes="figure").mark(mark)


def _menu(username: str) -> None:
    """Native: it opens without a round trip, and Sign out is a plain form."""
    with box("menu", "details"):
        with box("", "summary").props('aria-label="Menu"'):
            ui.html(drawn(MENU), sanitize=False)
        with box("menu-items"):
            Text(f"Signed in as {username}", "caption")
            Text("Settings", "menu-item", "a").props("href=/?tab=settings")
            Text("Your account", "menu-item", "a").props("href=/account")
            with box("", "form").props("method=post action=/logout"):
                Text("Sign out", "menu-item", "button").props("type=submit")
