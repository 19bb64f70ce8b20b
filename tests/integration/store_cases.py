"""What tests of the store have in common: entries for the journal, and a whole trade with every change on its way."""

from datetime import timedelta

from app import codec
from app.core.messages import ClosePosition, TimePassed
from app.ports import Entry
from tests.builders import NOON, Desk


def entry(number: int = 1, changes: tuple = (), actions: str = "[]") -> Entry:
    message = codec.encode(TimePassed(at=NOON + timedelta(seconds=number)))
    return Entry(at=NOON, recorded_at=NOON, message=message, actions=actions, changes=changes)


def a_whole_trade() -> tuple[Desk, list[Entry]]:
    """Bought, protected, closed by hand: every change on the way."""
    desk, entries = Desk().start(), []
    handle = desk.engine.handle

    def keep(message):  # type: ignore[no-untyped-def]
        actions = handle(message)
        entries.append(
            Entry(
                at=message.at,
                recorded_at=NOON,
                message=codec.encode(message),
                actions=codec.encode(actions),
                changes=desk.engine.changes,
            )
        )
        return actions

    desk.engine.handle = keep  # type: ignore[method-assign]
    position = desk.bought("50000")
    desk.wait(minutes=5)
    desk.tell(ClosePosition(at=desk.now, id="c1", actor="me", position_id=position.id))
    stop = desk.engine.state.orders[position.stop_order_id]
    desk.reports(replace_place(stop), "CANCELED")
    exit_order = desk.place()
    desk.sends(exit_order)
    desk.reports(exit_order, "FILLED", price="51000")
    return desk, entries


def replace_place(order):  # type: ignore[no-untyped-def]
    """The stored order is what the exchange reports on."""

    class Placed:
        client_order_id = order.id
        side, quantity = order.side, order.quantity

    return Placed()
