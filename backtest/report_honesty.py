"""The block `honesty` of result.json in words: how far a result may be believed.

What is known by name is explained; what is not is still shown, name by name, and nothing is judged anew here.
"""

from collections.abc import Callable, Iterator
from typing import Any

from backtest.report import Finished
from backtest.report_words import NONE, Figure, Group, number, percent, tone

Block = dict[str, Any]


def honesty(run: Finished) -> list[Group]:
    """A table for each part of the block that has something to tell; none where the result has no such block."""
    return told_of(run.result.get("honesty"))


def told_of(given: Block | None) -> list[Group]:
    block: Block = dict(given or {})
    found = fair_rival(block)
    for part, content in block.items():
        if content is None or content in ([], {}):
            continue
        title, explain = KNOWN.get(part, (readable(part).capitalize(), generic))
        try:
            rows = explain(content)
        except (KeyError, TypeError):  # another version's shape
            rows = generic(content)
        found.append(Group(title=title, figures=rows))
    return found


def fair_rival(block: Block) -> list[Group]:
    """Takes its two figures out of the block."""
    rival, exposure = block.pop("buy_and_hold_same_exposure_pct", None), block.pop("average_exposure_pct", None)
    if rival is None:
        return []
    return [
        Group(
            title="Holding as much bitcoin as the bot did",
            figures=[
                Figure(
                    name="Average exposure",
                    value=percent(exposure, 1),
                    meaning="share of the money that was in bitcoin, over the whole time",
                ),
                Figure(
                    name="Holding that much",
                    value=percent(rival, signed=True),
                    meaning="buy and hold with that share, the rest in cash: the fair comparison",
                    tone=tone(rival),
                ),
            ],
        )
    ]


def bands(block: Block) -> list[Figure]:
    return [
        Figure(
            name="Return, 90 of 100",
            value=between(block["return_pct_5"], block["return_pct_95"], signed=True),
            meaning=f"confidence band: the same days drawn anew in blocks, {block['resamples']:,} times; the middle is"
            f" {percent(block['return_pct_50'], signed=True)}",
        ),
        Figure(
            name="Drawdown, 90 of 100",
            value=between(block["max_drawdown_pct_5"], block["max_drawdown_pct_95"]),
            meaning=f"deepest fall on daily equity; the middle is {percent(block['max_drawdown_pct_50'])}",
        ),
        Figure(
            name="Ended with a loss",
            value=percent(block["loss_probability_pct"], 1),
            meaning="of these redrawn runs",
        ),
    ]


def luck(block: Block) -> list[Figure]:
    tried = "1 configuration was" if block["trials"] == 1 else f"{block['trials']:,} configurations were"
    return [
        Figure(
            name="Better than nothing",
            value=number(block["probabilistic"]),
            meaning="probabilistic Sharpe ratio: how likely the true one is above 0; above 0.95 is convincing",
        ),
        Figure(
            name="Better than luck",
            value=number(block["deflated"]),
            meaning=f"deflated Sharpe ratio: the same against the best that luck would show; {tried} tried",
        ),
    ]


def costs(block: Block) -> list[Figure]:
    return [
        Figure(
            name="Return at dearer trading",
            value=percent(block["return_pct"], signed=True),
            meaning=f"with {block['times']} times the costs: {block['fee_pct']:g} % fees,"
            f" {block['slippage_pct']:g} % slippage; {block['trades']:,} trades",
            tone=tone(block["return_pct"]),
        )
    ]


def knowledge(block: Block) -> list[Figure]:
    until = block["known_until"] or "an unknown day"
    return [
        Figure(name="Models", value=", ".join(block["models"]) or NONE, meaning=f"know the world until {until}"),
        *side("Inside its knowledge", block["within"], "may be memory, not skill: does not count"),
        *side("After it", block["after"], "only this counts"),
    ]


def side(name: str, part: Block, meaning: str) -> list[Figure]:
    told = f"{meaning}; {part['days']:,} days, {part['trades']:,} trades"
    value = percent(part["return_pct"], signed=True) if part["days"] else NONE
    return [Figure(name=name, value=value, meaning=told, tone=tone(part["return_pct"]) if part["days"] else 0)]


def missing(value: float) -> list[Figure]:
    return [Figure(name="Missing candles", value=percent(value), meaning="of the period, not in the data")]


def limits(names: list[str]) -> list[Figure]:
    return [Figure(name="Switched off", value=", ".join(names), meaning="in this run's own configuration")]


KNOWN: dict[str, tuple[str, Callable[[Any], list[Figure]]]] = {
    "bootstrap": ("Had other days come, like these", bands),
    "deflated_sharpe": ("Skill or luck", luck),
    "cost_stress": ("If trading were dearer", costs),
    "cutoff": ("What the language model already knew", knowledge),
    "missing_pct": ("Gaps in the data", missing),
    "limits_switched_off": ("Limits", limits),
}


def between(low: float, high: float, *, signed: bool = False) -> str:
    return f"{number(low, 1, signed=signed)} to {percent(high, 1, signed=signed)}"


# ---------------------------------------------------------------- whatever else there is


def generic(block: Any) -> list[Figure]:
    return [
        Figure(name=readable(" ".join(path)) or "value", value=told(".".join(path), value), meaning="")
        for path, value in leaves(block, ())
    ]


def readable(name: str) -> str:
    """max_drawdown_pct → max drawdown"""
    return name.removesuffix("_pct").replace("_", " ")


def told(name: str, value: Any) -> str:
    """A value as text; its name says whether it is per cent."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return percent(value) if "_pct" in name else number(value)
    if isinstance(value, list):
        return " … ".join(told(name, each) for each in value)
    return NONE if value is None else str(value)


def leaves(block: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(block, dict):
        for name, each in block.items():
            yield from leaves(each, (*path, str(name)))
    elif isinstance(block, list) and any(isinstance(each, dict | list) for each in block):
        for place, each in enumerate(block, 1):
            yield from leaves(each, (*path, str(place)))
    else:
        yield path, block
