"""One closed trade or one decision as a row: in short, and all of it when tapped."""

from datetime import datetime
from decimal import Decimal

from app.ports import Row
from components import format as words
from components.frame import Frame
from components.opinion import opinion_row
from components.parts import Button, Moment, Text, box


class TradeRow:
    """Head: what came of it. Tapped: why it was bought and sold, at what, with which fees, and both decisions."""

    def __init__(self, row: Row, frame: Frame) -> None:
        self._row, self._frame = row, frame
        result = Decimal(row["profit_loss"])
        with box("entry", "li").mark(f"trade-{row['id']}") as self.root:
            self._details = box("", "details").mark(f"trade-{row['id']}-details")
            self._details.on("toggle", self._unfold, [])
            with self._details, box("card-head", "summary"):
                with box("card-what"):
                    Text("SELL", "chip sell").props('title="Sold again: the trade is closed"')
                    Text(words.quantity(Decimal(row["quantity"]), row["symbol"]), "amount")
                Text(f"{words.arrow(result)} {words.signed_money(result)}".strip(), f"result {words.tone(result)}")
                with box("soft trade-about"):
                    Moment(words.when(row["closed_at"]))
                    Text(prices(row))
                    Text(words.exit_words(row["exit_reason"]))
                share = words.signed_pct(Decimal(str(row["profit_loss_pct"])))
                Text(share, f"result-pct {words.tone(result)}")
        self._unfolded = False

    def _unfold(self) -> None:
        if self._unfolded:
            return
        self._unfolded = True
        row = self._row
        with self._details:
            with box("facts", "dl"):
                for name, value in facts(row).items():
                    Text(name, tag="dt")
                    with box("", "dd"):
                        Text(value) if isinstance(value, str) else Moment(value)
            with box("reasons"):
                Text("Why it was bought", "caption", "h3")
                Text(words.arithmetic(row["reasoning"]) or "No reasoning was recorded.", "reasoning", "p")
                with box("opinions", "ul"):
                    for each in row.get("signals") or ():
                        opinion_row(each)
                Text("Why it was sold", "caption", "h3")
                Text(f"{words.exit_words(row['exit_reason']).capitalize()}.", "reasoning", "p")
                with box("row-buttons"):
                    bought, sold = row["decision_id"], row.get("exit_decision_id")
                    Button("Decision to buy", lambda: self._frame.receipt(bought), "quiet").mark("receipt-buy")
                    if sold:
                        Button("Decision to sell", lambda: self._frame.receipt(sold), "quiet").mark("receipt-sell")


class DecisionRow:
    """A tap opens the whole receipt."""

    def __init__(self, row: Row, frame: Frame) -> None:
        action, outcome = row["action"], row["outcome"]
        with box("entry", "li") as self.root:
            head = box("decision-row", "button").props("type=button").mark(f"decision-{row['id']}")
            head.on("click", lambda: frame.receipt(row["id"]), [])
            with head:
                with box("card-what"):
                    Text(action, f"chip {action.lower()}")
                    Text(words.OUTCOMES[outcome], "amount")
                Text(f"score {words.score(row['score'])}", "result-pct")
                with box("soft"):
                    Moment(words.when(row["at"]))
                    Text(f" · {words.arithmetic(row['reason'])}")


def prices(row: Row) -> str:
    """$62,900.00 → $64,000.00."""
    return f"{words.money(Decimal(row['entry_price']))} → {words.money(Decimal(row['exit_price']))}"


def facts(row: Row) -> dict[str, str | datetime]:
    """Everything about a closed trade."""
    opened, closed = words.when(row["opened_at"]), words.when(row["closed_at"])
    result = Decimal(row["profit_loss"])
    share = words.signed_pct(Decimal(str(row["profit_loss_pct"])))
    return {
        "Bought": opened,
        "at": words.money(Decimal(row["entry_price"])),
        "Sold": closed,
        "for": words.money(Decimal(row["exit_price"])),
        "Held for": words.duration(closed - opened),
        "Fees, both ways": words.money(Decimal(row["fees"])),
        "Result after fees": f"{words.signed_money(result)} ({share})",
    }
