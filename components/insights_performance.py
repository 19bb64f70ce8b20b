"""How each strategy has done: how often it was right against chance, how sure it was, and whether 80 means 80."""

from collections.abc import Sequence
from decimal import Decimal

from app.ports import Row
from components import format as words
from components.format import titled
from components.insights_parts import Card, Scale, drawing, shown
from components.parts import Text, box

TITLE = "How the strategies have done, 30 days"
CHANCE = 50.0
ENOUGH = 100  # judged signals, below which a share may be luck
WHAT = (
    "Accuracy: of the BUY and SELL opinions, the share whose direction the price took over the next 24 hours. Guessing "
    "gives about 50 %. An opinion is judged a day after it was given.",
    "Calibration: of the opinions given with about 80 % confidence, were 80 % right? Dots on the line mean that a "
    "strategy knows how sure it may be; below it, it is too sure of itself.",
    "Contribution: what closed trades earned or lost, shared among those who agreed with the entry, by weight and "
    "confidence.",
)


class Performance:
    def __init__(self) -> None:
        self._card = Card(TITLE, "performance", "What do these figures mean?", WHAT)

    def update(self, rows: Sequence[Row]) -> None:
        key = str([(each["name"], each["enabled"], each["performance"]) for each in rows])
        self._card.draw(key, lambda: self._build(rows))

    def _build(self, rows: Sequence[Row]) -> None:
        told = [each for each in rows if each["performance"].get("signals_generated") or each["enabled"]]
        weak = [each for each in told if each["performance"].get("worse_than_chance")]
        for each in weak:
            name = titled(each["name"])
            Text(f"⚠ {name} was worse than chance for 30 days. {advice(each)}", "weak-strategy", "p")
        if not told:
            Text("No strategy is switched on.", "soft", "p")
        with box("scores").mark("scores"):
            for each in told:
                _strategy(each)


def _strategy(row: Row) -> None:
    done = row["performance"]
    with box("score-card"):
        with box("opinion-head"):
            Text(titled(row["name"]), "opinion-name")
            earned = Decimal(done.get("contribution_to_pnl") or 0)
            Text(f"{words.arrow(earned)} {words.signed_money(earned)}".strip(), f"score-earned {words.tone(earned)}")
        if not done.get("signals_generated"):
            Text("None on record yet. An opinion is counted two hours after it was given.", "soft", "p")
            return
        sure = f", {shown(done['avg_confidence'])} % sure on average" if done["avg_confidence"] is not None else ""
        Text(f"{done['signals_generated']} opinions{sure}. {accuracy(done)}", "soft", "p")
        if done["accuracy_pct"] is not None:
            Scale(0, 100, float(done["accuracy_pct"]), (CHANCE, CHANCE), ("zone-weak", "zone-good"))
        if done["calibration"]:
            drawing(calibration(done["calibration"]), calibration_words(done["calibration"]))
            Text(
                "How often it was right (up) by how sure it was (across), in %. On the dashed line 80 means 80.",
                "soft chart-note",
            )
        if done.get("days"):
            _days(done["days"])


def accuracy(done: Row) -> str:
    if done["accuracy_pct"] is None:
        return "None is old enough to be judged: that takes a day."
    few = "" if done["judged"] >= ENOUGH else " (too few to tell from luck)"
    return f"Right {shown(done['accuracy_pct'], 1)} % of {done['judged']} that could be judged; chance is 50 %{few}."


def advice(row: Row) -> str:
    return "Give it less weight in Controls, or switch it off." if row["enabled"] else "It is switched off."


def calibration_words(groups: Sequence[Row]) -> str:
    return "Calibration: " + "; ".join(
        f"{shown(each['confidence'])} % sure, {shown(each['correct_pct'])} % right of {each['signals']}"
        for each in groups
    )


def calibration(groups: Sequence[Row]) -> str:
    """A dot a group: how sure it was (across) and how often it was right (up); larger where there were more."""
    most = max(each["signals"] for each in groups)
    dots = "".join(
        f'<circle class="dot" cx="{20 + float(each["confidence"]) * 1.2:.1f}" '
        f'cy="{124 - float(each["correct_pct"]) * 1.2:.1f}" r="{3 + 4 * (each["signals"] / most) ** 0.5:.1f}"/>'
        for each in groups
    )
    marks = "".join(
        f'<text x="{20 + at * 1.2}" y="138" text-anchor="middle">{at}</text>'
        f'<text x="16" y="{128 - at * 1.2}" text-anchor="end">{at}</text>'
        for at in (0, 50, 100)
    )
    frame = '<rect class="frame" x="20" y="4" width="120" height="120"/>'
    frame += '<line class="even" x1="20" y1="124" x2="140" y2="4"/>'
    return f'<svg viewBox="-6 0 162 142" class="calibration">{frame}{marks}{dots}</svg>'


def _days(days: Sequence[Row]) -> None:
    with box("what", "details"):
        Text("Day by day", tag="summary")
        with box("vote-table days", "table"), box("", "tbody"):
            with box("", "tr"):
                for head in ("Day (UTC)", "Opinions", "Sure", "Right", "Earned"):
                    Text(head, tag="th").props("scope=col")
            for day in days:
                with box("", "tr"):
                    Text(day["date"], tag="th").props("scope=row")
                    Text(str(day["signals_generated"]), tag="td")
                    Text(_share(day["avg_confidence"]), tag="td")
                    Text(_share(day["accuracy_pct"]), tag="td")
                    Text(words.signed_money(Decimal(day["contribution_to_pnl"])), tag="td")


def _share(value: float | None) -> str:
    return "–" if value is None else f"{shown(value)} %"
