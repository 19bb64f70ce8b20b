"""What is read back from the journal is what was: also where time had passed that no row tells of."""

from datetime import timedelta

from app import codec
from app.core.messages import Message, OrderReported, TimePassed
from app.core.model import OrderStatus
from app.core.state import State
from app.ports import JournalRow
from app.session import recovered
from tests.builders import Desk, some_rules
from tests.core_stories import EASY, report_on
from tests.fakes import MemoryJournal


class Written(Desk):
    """A desk whose messages are journalled as a session does it."""

    def __init__(self, **settings: object) -> None:
        super().__init__(**settings)  # type: ignore[arg-type]
        self.journal = MemoryJournal()
        self.tick: list[Message] = []

    def tell(self, message):  # type: ignore[no-untyped-def]
        """A price alone waits for the next message that counts."""
        quote = self.engine.state.quote
        actions = super().tell(message)
        if self.engine.touched:
            for waiting in self.tick:
                self._write(waiting, [], waiting.at)
            self.tick = []
            self._write(message, actions, self.engine.state.now)
        elif self.engine.state.quote is not quote:
            self.tick = [message]
        return actions

    def _write(self, message, actions, at) -> None:  # type: ignore[no-untyped-def]
        rows = self.journal._rows
        texts = {"message": codec.encode(message), "actions": codec.encode(actions)}
        rows.append(JournalRow(seq=len(rows) + 1, at=at, recorded_at=at, version="1", hash="", **texts))


def as_text(state: State) -> str:
    return codec.encode(state)


def test_a_report_that_is_older_than_an_unwritten_tick_is_read_back_with_the_same_times() -> None:
    desk = Written(rules=some_rules(risk=EASY))
    desk.start()
    desk.bought()
    filled_at = desk.now + timedelta(seconds=1)
    desk.now = filled_at + timedelta(seconds=2)
    desk.tell(TimePassed(at=desk.now))
    assert not desk.engine.touched, "time alone is not worth a row"
    late = report_on(desk, "S02", OrderStatus.CANCELED, at=filled_at)
    desk.tell(OrderReported(at=filled_at, report=late))
    engine, _ = recovered(desk.journal)
    live = desk.engine.state
    assert engine.state.orders == live.orders
    assert engine.state.positions == live.positions
    assert as_text(engine.state) == as_text(live)
