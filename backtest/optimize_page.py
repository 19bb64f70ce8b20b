"""A study for people: optimize.html. Figures are study.json's, and none is counted anew."""

from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from typing import Any

from app.backtest_figures import shortened
from app.backtest_warnings import sentence
from backtest import pages
from backtest import report_words as words
from backtest.optimize import Found
from backtest.optimize_weighing import COUNTS
from backtest.report_honesty import told_of
from backtest.report_html import cards, listed, table
from backtest.report_words import Figure, Group, money, number, percent, tone

OBJECTIVES = {
    "sharpe": "Sharpe ratio", "return": "return, %", "calmar": "return over deepest drawdown",
    "profit_factor": "profit factor",
}  # fmt: skip
HEADS = ("", "Score", "Return, %", "Deepest drawdown, %", "Sharpe ratio", "Trades")
ROW = ("score", "return_pct", "max_drawdown_pct", "sharpe_ratio", "trades")
Study = dict[str, Any]


def page(study: Study, found: Found) -> str:
    charts: list[pages.Chart] = []
    title = f"{words.entitled(study['data'])}: {study['since'][:10]} to {study['until'][:10]}"
    warnings = [sentence(text) for text in study["warnings"]]
    return pages.page("Search for better settings", title, warnings, parts_of(study, found, charts), charts)


def parts_of(study: Study, found: Found, charts: list[pages.Chart]) -> list[str]:
    headline = outcome(study["headline"])
    shown = [replace(headline.figures[0], name=f"Return {headline.title.lower()}"), *headline.figures[1:3]]
    parts = [*cards([*shown, headline.figures[4]]), f'<p class="short">{in_short(study)}</p>\n']
    parts += [*walked(study, charts), *table(headline, "figures")]
    parts += [
        best_ones(study),
        *importance(study, charts),
        carried(study),
        beside(study),
        *course(study, found, charts),
    ]
    if checks := told_of(study.get("honesty")):
        parts.append('<h2 id="honesty">How far to believe the best one</h2>\n')
        parts += [line for group in checks for line in table(group, "figures")]
    return [*parts, asked(study)]


# ---------------------------------------------------------------- what counts


def in_short(study: Study) -> str:
    """Only numbers and our own words: nothing to escape."""
    many = f"{study['tried']:,} different configurations were tried"
    if study["walk_forward_windows"]:
        return (
            f"{many}. The figures above are of days that no configuration was chosen on: each test was traded with "
            "what had been found before it."
        )
    return (
        f"{many}. The figures above are of the days on which the best was chosen, so they are too good: "
        "walk-forward tells what is left of such a choice."
    )


def outcome(told: Study) -> Group:
    """The headline of study.json in words."""
    figures = [
        Figure(
            name="Return", value=percent(told["return_pct"], signed=True), tone=tone(told["return_pct"]),
            meaning="the whole gain or loss, after fees and slippage",
        ),
        Figure(
            name="Buy and hold", value=percent(told.get("buy_and_hold_return_pct"), signed=True),
            meaning="bitcoin bought at the start of the same days and sold at their end, with fees",
            tone=tone(told.get("buy_and_hold_return_pct")),
        ),
        Figure(
            name="Deepest drawdown", value=percent(told["max_drawdown_pct"]),
            meaning="largest fall of equity from a high",
        ),
        Figure(
            name="Sharpe ratio", value=number(told["sharpe_ratio"]),
            meaning="return per unit of swing; above 1 is good, below 0 a loss",
        ),
        Figure(name="Trades", value=f"{told['trades']:,}", meaning="opened and closed; below 30, chance decides"),
        Figure(name="Final equity", value=money(told["final_equity"], "$"), meaning="cash and bitcoin at the end"),
    ]  # fmt: skip
    if "winning_tests_pct" in told:
        figures += unseen(told)
    return Group(title="In sample" if "winning_tests_pct" not in told else "Out of sample", figures=figures)


def unseen(told: Study) -> list[Figure]:
    """What only walk-forward knows."""
    return [
        Figure(
            name="Tests that earned", value=percent(told["winning_tests_pct"], 0),
            meaning="part of the tests that ended with a gain",
        ),
        Figure(
            name="Left of it when unseen", value=number(told["efficiency"]),
            meaning="growth a day in the tests, over growth a day where it was found: near 1 it holds, near 0 or below "
            "it was fitted to the past; – where nothing was earned there",
        ),
        Figure(
            name="Better than nothing", value=number(told["probabilistic_sharpe"]),
            meaning="probability that the true Sharpe ratio of the tests is above 0; above 0.95 is convincing",
        ),
    ]  # fmt: skip


def walked(study: Study, charts: list[pages.Chart]) -> list[str]:
    if not study["walk_forward_windows"]:
        return []
    curve = study["headline"]["curve"]
    traces = [{"x": curve["at_ms"], "y": curve["equity"], "mode": "lines", "name": "Out of sample"}]
    if "held" in curve:  # studies of older versions have none
        traces.append({"x": curve["at_ms"], "y": curve["held"], "mode": "lines", "name": "Buy and hold", "held": True})
    for trace in traces:
        trace["hovertemplate"] = "$%{y:,.2f}"
    charts.append(
        {"id": "walked", "traces": traces, "hover": "x unified", "x": {"type": "date"}, "y": {"tickformat": "$,.0f"}}
    )
    names = shortened([path for each in study["walk_forward_windows"] for path in each["changes"]])
    rows = [
        [
            f"{day(each['test'][0])} to {day(each['test'][1])}",
            *(gain(each.get(name)) for name in ("in_sample_pct", "out_of_sample_pct", "buy_and_hold_return_pct")),
            each["trades"],
            ", ".join(f"{names[path]} {value}" for path, value in each["changes"].items()),
        ]
        for each in study["walk_forward_windows"]
    ]  # fmt: skip
    heads = ("Test", "Where chosen, %", "Unseen, %", "Buy and hold, %", "Trades", "Traded with")
    meaning = (
        "What the winner of each training window returned there, and then in the test after it, which it had not seen."
    )
    return [
        pages.drawing(
            charts[-1],
            "Out of sample",
            "Equity in dollars: the tests one after the other, each with what was found before it.",
        ),
        pages.table("Test by test", heads, rows, meaning),
    ]


# ---------------------------------------------------------------- what was found


def best_ones(study: Study) -> str:
    """A column for each: settings above, figures below."""
    best = study["best"]
    names = shortened([*best[0]["changes"]])
    rows: list[list[Any]] = [[name, *(each["changes"].get(path) for each in best)] for path, name in names.items()]
    told = (
        ("return_pct", "Return, %"),
        ("buy_and_hold_return_pct", "Buy and hold, %"),
        *zip(ROW[2:], HEADS[3:], strict=True),
    )
    rows += [[name, *(shown(key, each[key]) for each in best)] for key, name in told]
    meaning = "Traded again by the exact engine, on the days they were found on: good only to compare with each other."
    return pages.table("The best settings", ("", *(f"No. {place}" for place in range(1, len(best) + 1))), rows, meaning)


def by_share(study: Study) -> list[tuple[str, float]]:
    return sorted(study["importance"].items(), key=lambda item: -item[1])


def importance(study: Study, charts: list[pages.Chart]) -> list[str]:
    shares = by_share(study)[::-1]
    if not shares:
        return [
            pages.said("What it hangs on", ["Too few trials, or all alike: nothing can be said of single settings."])
        ]
    names = shortened([path for path, _ in shares])
    trace = {
        "type": "bar", "orientation": "h",
        "x": [share for _, share in shares], "y": [names[path] for path, _ in shares],
        "text": [percent(share * 100, 0) for _, share in shares], "textposition": "outside", "hoverinfo": "none",
    }  # fmt: skip
    x = {"tickformat": ".0%", "range": [0, max(share for _, share in shares) * 1.15], "title": {"text": "importance"}}
    charts.append({"id": "importance", "traces": [trace], "x": x, "y": {}, "height": 90 + 34 * len(shares)})
    meaning = (
        "How much each setting tells the good trials from the others; all together 100 %. "
        "What matters little need not be tuned."
    )
    return [pages.drawing(charts[-1], "What it hangs on", meaning)]


def ablated(study: Study) -> list[list[Any]]:
    best = {"name": "as found", **study["best"][0]}
    return [[each["name"], *(shown(name, each[name]) for name in ROW)] for each in (best, *study["ablation"])]


def carried(study: Study) -> str:
    notes = [f"{each['name']}: {each['note']}." for each in study["ablation"] if each["note"]]
    meaning = " ".join(
        [
            "The best settings with one voice or one part of the indicators switched off.",
            *notes,
            f"{study['not_separate']}.",
        ]
    )
    return pages.table("What carries the result", HEADS, ablated(study), meaning)


def beside(study: Study) -> str:
    names = shortened([*study["best"][0]["changes"]])
    rows = [[step(each["changed"], names), *(shown(name, each[name]) for name in ROW)] for each in study["neighbours"]]
    meaning = (
        "The best settings, each moved one step. A good setting has good neighbours; a lone peak is an accident. "
        f"This one: {study['ground']}."
    )
    return pages.table("One step to the side", HEADS, rows, meaning)


def step(changed: str, names: dict[str, str]) -> str:
    path, _, values = changed.partition(" ")
    return f"{names.get(path, path)} {values}"


def shown(name: str, value: Any) -> Any:
    return gain(value) if name.endswith("return_pct") else value


def gain(value: float | None) -> str:
    return number(value, signed=True)


def day(text: str) -> str:
    return f"{datetime.fromisoformat(text):%-d %b %Y}"


def course(study: Study, found: Found, charts: list[pages.Chart]) -> list[str]:
    scores = [value if value > COUNTS else None for value in found.scores]
    so_far = [value if value > COUNTS else None for value in accumulate(found.scores, max)]
    places = [*range(1, len(scores) + 1)]
    traces: list[dict[str, Any]] = [
        {"x": places, "y": scores, "mode": "markers", "name": "A configuration", "marker": {"size": 6}},
        {"x": places, "y": so_far, "mode": "lines", "name": "Best so far", "line": {"shape": "hv"}},
    ]
    for trace in traces:
        trace["hovertemplate"] = "no. %{x}: %{y:.2f}<extra></extra>"
    score = OBJECTIVES.get(study["objective"], study["objective"])
    x, y = {"title": {"text": "configuration"}}, {"title": {"text": f"score ({score})"}}
    charts.append({"id": "course", "traces": traces, "x": x, "y": y})
    meaning = (
        "What each configuration reached, in the order of trying. Those with too few trades to count are not drawn."
    )
    return [pages.drawing(charts[-1], "Course of the search", meaning)]


def asked(study: Study) -> str:
    score = OBJECTIVES.get(study["objective"], study["objective"])
    told: list[tuple[str, str]] = [
        ("Study", study["study"]), ("Data", words.bare(study["data"])), ("Sought", f"the highest {score}"),
        ("Trials", f"{study['trials']:,}, {study['tried']:,} different configurations, seed {study['seed']}"),
        ("Best found on", f"{study['span']['since'][:10]} to {study['span']['until'][:10]} (not included)"),
        ("Walk-forward", study["walk_forward"] or "none"),
    ]  # fmt: skip
    varied = [each.partition("=") for each in study["vary"]]
    return "".join(
        listed("What was asked", [*told, *((path, values.replace(",", ", ")) for path, _, values in varied)])
    )
