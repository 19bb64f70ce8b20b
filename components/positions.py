"""The Positions tab: a card for each open position, and what the trader thinks while it waits."""

from collections.abc import Callable
from decimal import Decimal

from app.core.decisions import Decision, Outcome
from app.core.model import Direction, Position, PositionStatus, Signal
from app.core.money import ZERO, pct_of, plain
from app.ports import Status
from components import format as words
from components.first_steps import FirstSteps
from components.frame import Frame
from components.opinion import opinion
from components.parts import Button, Loader, Moment, Text, box

STATUS_WORDS = {
    PositionStatus.CLOSING: "Closing …",
    PositionStatus.QUARANTINE: "Needs a look",
}


class Positions:
    """Keeps one card per position: changed in place, so that an open card stays open."""

    def __init__(self, frame: Frame) -> None:
        self._frame, self._view, self._controls = frame, frame.doors.view, frame.controls
        self._cards: dict[str, Card] = {}
        with box("positions", "section").props('aria-label="Open positions"') as self._list:
            self._empty = box("empty")
            with self._empty:
                Text("No open position", "empty-title", "h2")
                self._waits = Text(tag="p").mark("waits-for")
            with box("all") as self._all:
                self._close_all = Button("Close all", self._ask_all, "close").mark("close-all")
        self._outlook = Outlook(self._frame.receipt)
        self._steps = FirstSteps(frame)

    def update(self, status: Status) -> None:
        positions = self._view.positions()
        for id in [id for id in self._cards if id not in {position.id for position in positions}]:
            self._cards.pop(id).root.delete()
        for position in positions:
            card = self._cards.get(position.id)
            if card is None:
                with self._list:
                    card = self._cards[position.id] = Card(position, self._frame)
                card.root.move(self._list, 0)  # oldest come first, so the newest ends on top
            card.update(position, status)
        decision = self._view.latest_decision()
        self._empty.set_visibility(not positions)
        left = [each for each in positions if each.status is not PositionStatus.CLOSING]
        self._all.set_visibility(bool(left))
        self._close_all.say(f"Close all {len(left)} positions" if len(left) > 1 else "Close all")
        self._waits.say(waits_for(status, decision))
        self._outlook.update(status, decision, list(self._view.latest_signals()))
        self._steps.update(status)

    def _ask_all(self) -> None:
        held = self._view.positions()
        price = self._view.status().price or ZERO
        worth = sum((each.remaining * price for each in held), ZERO)
        self._controls.ask_to_close_all(len(held), worth, sum(map(self._view.unrealized, held), ZERO))


class Card:
    """Closed it says how the position stands; tapped it tells everything. Close is always one tap away.

    What a tap shows is made at the first tap: a new position must not cost each open page some fifty elements.
    """

    def __init__(self, position: Position, frame: Frame) -> None:
        self._position, self._frame = position, frame
        self._view, self._controls = frame.doors.view, frame.controls
        self._facts: dict[str, Text] = {}
        self._orders_then: object = None
        with box("card", "article").mark(f"position-{position.id}") as self.root:
            self._details = box("", "details").mark("details").on("toggle", self._unfold, [])
            with self._details, box("card-head", "summary"):
                self._build_head()
            with box("card-foot"):
                self._stop = Text(classes="stop")
                self._close = Button("Close", self._ask, "close").mark("close")

    def _build_head(self) -> None:
        with box("card-what"):
            self._amount = Text(classes="amount")
            self._badge = Text(classes="badge none")
        self._result = Text(classes="result").mark("result")
        self._since = Text(classes="soft")
        self._result_pct = Text(classes="result-pct")

    def _unfold(self) -> None:
        if not self._facts:
            with self._details:
                with box("facts", "dl"):
                    self._facts = {name: _fact(name) for name in FACTS}
                self._build_reasons(self._position)
            self.update(self._position, self._view.status())

    def _build_reasons(self, position: Position) -> None:
        with box("reasons"):
            Text("Why it was bought", "caption", "h3")
            Text(words.arithmetic(position.reasoning) or "No reasoning was recorded.", "reasoning", "p")
            if position.signals:
                with box("opinions", "ul"):
                    for signal in position.signals:
                        _opinion(signal)
            Text("Orders", "caption", "h3")
            self._orders = Loader(self._frame.doors.tasks, self._load_orders, "orders")
            self._order_list = box("order-list")
            with box("row-buttons"):
                Button("The whole decision", lambda: self._frame.receipt(position.decision_id), "quiet").mark("receipt")

    def update(self, position: Position, status: Status) -> None:
        self._position = position
        result, tone = self._result_of(position), words.tone(self._result_of(position))
        share = position.remaining / position.quantity if position.quantity else ZERO
        self._amount.say(words.quantity(position.remaining, position.symbol))
        badge = STATUS_WORDS.get(position.status, "")
        self._badge.say(badge, "badge market" if badge else "badge none")
        age = words.duration(status.market_at - position.opened_at) if status.market_at else "?"
        self._since.say(f"bought at {words.money(position.entry_price)}, {age}{words.JOINED}ago")
        self._result.say(f"{words.arrow(result)} {words.signed_money(result)}".strip(), f"result {tone}")
        self._result_pct.say(words.signed_pct(pct_of(result, position.cost * share)), f"result-pct {tone}")
        self._stop.say(*stop_words(position, status.price, answers=words.answers(status)))
        self._close.say("Closing …" if position.status is PositionStatus.CLOSING else "Close")
        self._close.enable(position.status is not PositionStatus.CLOSING)
        if self._facts:
            for name, text in facts(position, status, result, age).items():
                self._facts[name].say(text)
            orders = (position.stop_order_id, position.stop_confirmed, position.status, position.remaining)
            if orders != self._orders_then:
                self._orders_then = orders
                self._orders.want()

    async def _load_orders(self) -> None:
        """What stands at the exchange for it, is on its way there, or has ended."""
        rows, _ = await self._frame.doors.reader.list("orders", 20, 0, position=self._position.id)
        self._order_list.clear()
        with self._order_list:
            for row in rows:
                Text(words.order_words(row), "soft", "p")
            if not rows:
                Text("None is on record yet.", "soft", "p")

    def _result_of(self, position: Position) -> Decimal:
        return self._view.unrealized(position)

    def _ask(self) -> None:
        price = self._view.status().price or ZERO
        self._controls.ask_to_close(self._position, self._position.remaining * price, self._result_of(self._position))


class Outlook:
    """The last vote in words: why it did, or did not, act."""

    def __init__(self, receipt: Callable[[str], None]) -> None:
        with box("outlook", "section").props('aria-label="Last decision"') as self.root:
            with box("outlook-head"):
                Text("Last decision", "caption", "h2")
                self._when = Moment(classes="soft").mark("decided-at")
            self._verdict = Text(classes="verdict", tag="p").mark("verdict")
            self._vote = Text(classes="soft", tag="p")
            self._opinions = box("opinions", "ul")
            self._open = Button("The whole decision", lambda: receipt(self._id), "quiet").mark("receipt-latest")
        self._id = ""
        self._shown: tuple[Signal, ...] = ()

    def update(self, status: Status, decision: Decision | None, signals: list[Signal]) -> None:
        self.root.set_visibility(decision is not None or bool(signals))
        self._id = decision.id if decision else ""
        self._open.set_visibility(decision is not None)
        if decision is None:
            self._verdict.say("No vote has been held yet.")
        else:
            self._when.show(decision.at)
            self._verdict.say(verdict(decision))
            self._vote.say(opinions_weighed(decision))
        told = decision.signals if decision is not None and decision.signals else tuple(signals)
        if told != self._shown:
            self._shown = told
            self._opinions.clear()
            with self._opinions:
                for signal in told:
                    _opinion(signal)


FACTS = (
    "Bought at",
    "Price now",
    "Result so far",
    "Paid, with fees",
    "Worth now",
    "Open for",
    "Stop",
    "If the stop is hit",
    "Trailing stop",
)


def facts(position: Position, status: Status, result: Decimal, age: str) -> dict[str, str]:
    """Everything about a position, in the words of FACTS."""
    price = status.price or ZERO
    share = position.remaining / position.quantity if position.quantity else ZERO
    cost = position.cost * share
    change = signed_change(position.entry_price, price)
    stop = position.stop_price
    return {
        "Bought at": words.money(position.entry_price),
        "Price now": f"{words.money(price)} ({change})",
        "Result so far": f"{words.signed_money(result)} ({words.signed_pct(pct_of(result, cost))})",
        "Paid, with fees": words.money(cost),
        "Worth now": words.money(position.remaining * price),
        "Open for": f"{age}, since {words.moment(position.opened_at, status.market_at)}",
        "Stop": "none yet" if stop is None else stop_fact(position, price),
        "If the stop is hit": (
            f"about {words.signed_money(position.remaining * stop - cost)} in all"
            if stop is not None
            else "there is none yet"
        ),
        "Trailing stop": (
            f"follows the highest close, {words.money(position.highest_close)}"
            if position.trailing_active
            else "not yet; it starts to follow once far enough in profit"
        ),
    }


def signed_change(then: Decimal, now: Decimal) -> str:
    return words.signed_pct(pct_of(now - then, then))


def stop_fact(position: Position, price: Decimal) -> str:
    stop = position.stop_price or ZERO
    known = "on the exchange" if position.stop_confirmed else "not confirmed"
    return f"{words.money(stop)}, {distance(stop, price)}; {known}"


def distance(stop: Decimal, price: Decimal) -> str:
    """3.7 % below the price."""
    gap = pct_of(price - stop, price)
    return f"{words.pct(abs(gap), 1)} {'below' if gap >= 0 else 'above'}"


def stop_words(position: Position, price: Decimal | None, *, answers: bool = True) -> tuple[str, str]:
    """(text, classes): where the stop lies and whether the exchange has it."""
    if position.status is PositionStatus.CLOSING and not answers:
        return "⚠ will be sold as soon as the exchange lets us", "stop weak"
    if position.status is PositionStatus.CLOSING:
        return "being sold at the market price", "stop"
    if position.stop_price is None:
        return "⚠ no stop on the exchange yet", "stop weak"
    name = "Trailing stop" if position.trailing_active else "Stop"
    where = f"{name} {words.money(position.stop_price)}"
    if price:
        where += f", {distance(position.stop_price, price)}"
    if not position.stop_confirmed:
        return f"⚠ {where}; not confirmed by the exchange", "stop weak"
    return where, "stop"


def verdict(decision: Decision) -> str:
    """BUY, and an order was made. / HOLD: 31.2, buys from 70."""
    became = {
        Outcome.ORDER: ", and an order was made",
        Outcome.REFUSED: ", but not carried out",
        Outcome.HOLD: "",
    }[decision.outcome]
    # the vote's arithmetic has a line of its own: only what came of it stands up here
    reason = decision.reason.rpartition("→ ")[2] if decision.reason == decision.vote.text else decision.reason
    return f"{decision.action}{became}{': ' if reason else ''}{words.minus(reason)}"


def opinions_weighed(decision: Decision) -> str:
    """Confidence × weight: DeepSeek BUY 62 × 50, …; with what came of it where the verdict does not say that."""
    said = words.arithmetic(decision.vote.text)
    if decision.reason == decision.vote.text:
        said = said.rpartition(" → ")[0]
    return f"Confidence × weight: {said}" if decision.vote.terms and said else said


def waits_for(status: Status, decision: Decision | None) -> str:
    """Why nothing is held, and what would change it."""
    if status.state == "RECONCILING":
        return "The trader is comparing notes with the exchange. It starts by itself."
    if status.reason == "live_check":
        return "Nothing is bought until every item of the go-live list is passed."
    if status.state == "STOPPED":
        return "The trader is stopped. Nothing is bought until a person unlocks it."
    if status.state == "PAUSED":
        return f"The trader is paused: {words.state_reason(status)}. Nobody is asked and nothing is bought meanwhile."
    if decision is None:
        return "The strategies are reading their first candles. The first vote comes with the next closed candle."
    if decision.action is Direction.BUY and decision.outcome is Outcome.REFUSED:
        return f"The last vote was BUY, but a risk rule said no: {decision.reason}."
    if decision.action is Direction.BUY:
        return "The last vote was BUY; its order is on the way or has ended. The next candle brings the next vote."
    score = plain(round(decision.score, 1)).replace("-", words.MINUS)
    if decision.buy_threshold is not None and decision.score < decision.buy_threshold:
        return f"It waits for a BUY vote. The last one scored {score}; it buys from {plain(decision.buy_threshold)}."
    return f"It waits for a BUY vote. The last one: {decision.reason or f'a score of {score}'}."


def _fact(name: str) -> Text:
    Text(name, tag="dt")
    return Text(tag="dd")


def _opinion(signal: Signal) -> None:
    opinion(signal.strategy, signal.action, signal.confidence, signal.status, signal.reasoning)
