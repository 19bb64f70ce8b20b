"""A deposit or withdrawal as a row among the trades: money that came or went, and no result."""

from decimal import Decimal

from app.ports import Row
from components import format as words
from components.frame import Frame
from components.parts import Moment, Text, box

TITLES = {"deposit": "Money paid in", "withdrawal": "Money taken out"}


class FlowRow:
    """Nothing more is behind it."""

    def __init__(self, row: Row, _: Frame) -> None:
        with box("entry flow", "li").mark(f"flow-{row['id']}") as self.root, box("card-head"):
            with box("card-what"):
                Text(row["kind"].upper(), "chip").props('title="Not part of any result"')
                Text(TITLES[row["kind"]], "flow-what")
            Text(words.signed_money(Decimal(row["amount"])), "result")
            with box("soft"):
                Moment(words.when(row["at"]))
                Text(f" · {row['note']}" if row["note"] else "")
