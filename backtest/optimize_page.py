"""A study for people: optimize.html, trials.csv, and the lines for a terminal. Figures are study.json's."""

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import accumulate
from pathlib import Path
from typing import Any

from backtest import pages
from backtest.optimize import Found
from backtest.optimize_weighing import COUNTS
from backtest.space import Space, written

LAST_DOT = -1


def write(folder: Path, study: dict[str, Any], found: Found, space: Space) -> None:
    """study.json, trials.csv and optimize.html into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps(study, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_trials(folder / "trials.csv", found, space)
    (folder / "optimize.html").write_text(page(study, found), encoding="utf-8")


def write_trials(path: Path, found: Found, space: Space) -> None:
    """Every configuration once, in the order of trying; settings first, then what the kernel made of it."""
    by_places = {each.places: each for each in found.best}
    places = [tuple(int(trial.params[each.path]) for each in space.parameters) for trial in found.study.trials]
    figures = list(asdict(next(each.tried.figures for each in found.best if each.tried.figures is not None)))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*(each.path for each in space.parameters), "score", *figures, "refused"])
        for each in (by_places[key] for key in dict.fromkeys(places)):
            row = asdict(each.tried.figures) if each.tried.figures else {}
            settings = [written(value) for _, value in each.changes]
            told = [row.get(name, "") if row.get(name) is not None else "" for name in figures]
            writer.writerow([*settings, each.score, *told, each.tried.refused])


def lines(study: dict[str, Any], folder: Path) -> list[str]:
    """For a terminal."""
    best, headline, luck = study["best"][0], study["headline"], study["deflated_sharpe"]
    told = [
        f"{study['tried']} configurations tried, {study['trials']} trials; {study['objective']}, seed {study['seed']}",
        f"{headline['what']}",
        f"    return {pages.cell(headline['return_pct'])} %, drawdown {pages.cell(headline['max_drawdown_pct'])} %, "
        f"Sharpe {pages.cell(headline['sharpe_ratio'])}, trades {headline['trades']}",
        "best settings, by the exact engine",
        *(f"    {path}: {value}" for path, value in best["changes"].items()),
        f"    return {pages.cell(best['return_pct'])} %, held {pages.cell(best['buy_and_hold_return_pct'])} %, "
        f"drawdown {pages.cell(best['max_drawdown_pct'])} %, Sharpe {pages.cell(best['sharpe_ratio'])}, "
        f"trades {best['trades']}",
        f"it stands on {study['ground']}" if study["ground"].startswith("a ") else study["ground"],
    ]
    if luck:
        told.append(f"deflated Sharpe {luck['deflated']:.2f}: the chance that it is more than luck of {luck['trials']}")
    told += ["importance", *(f"    {share:5.1%}  {path}" for path, share in _by_share(study))]
    told += ["what carries it", *(f"    {line}" for line in pages.text_table(PARTS, _parts(study)))]
    told += [f"    {study['not_separate']}"]
    told += [f"warning: {warning}" for warning in study["warnings"][:8]]
    return [*told, f"written to {folder}; use the settings with --config {folder / 'best'}"]


PARTS = ("", "score", "return %", "drawdown %", "Sharpe", "trades")
ROW = ("score", "return_pct", "max_drawdown_pct", "sharpe_ratio", "trades")


def _by_share(study: dict[str, Any]) -> list[tuple[str, float]]:
    return sorted(study["importance"].items(), key=lambda item: -item[1])


def _parts(study: dict[str, Any]) -> list[list[Any]]:
    best = {"name": "as found", **study["best"][0]}
    return [[each["name"], *(each[name] for name in ROW)] for each in (best, *study["ablation"])]


def page(study: dict[str, Any], found: Found) -> str:
    charts: list[pages.Chart] = []
    parts = [pages.said("What came of it", lines(study, Path("."))[1:3]), *_walked(study, charts)]
    settings = list(study["best"][0]["changes"])
    short = [path.split(".")[LAST_DOT] for path in settings]
    rows = [
        [number + 1, *each["changes"].values(), *(each[name] for name in ROW[1:])]
        for number, each in enumerate(study["best"])
    ]
    heads = ("", *short, "return %", "drawdown %", "Sharpe", "trades")
    parts.append(pages.table("The best, by the exact engine", heads, rows, "Of the span that they were found in."))
    parts += [*_course(found, charts), *_importance(study, charts)]
    notes = [f"{each['name']}: {each['note']}." for each in study["ablation"] if each["note"]]
    meaning = " ".join([f"{study['not_separate']}.", *notes])
    parts.append(pages.table("What carries the result", PARTS, _parts(study), meaning))
    beside = [[each["changed"], *(each[name] for name in ROW)] for each in study["neighbours"]]
    parts.append(pages.table("One step to the side", PARTS, beside, study["ground"]))
    asked = [f"{name}: {study[name]}" for name in ("study", "data", "objective", "seed", "trials", "tried", "span")]
    parts.append(pages.said("What was asked", [*asked, *study["vary"]]))
    return pages.page("Study", str(study["study"]), study["warnings"], parts, charts)


def _walked(study: dict[str, Any], charts: list[pages.Chart]) -> list[str]:
    if not study["walk_forward_windows"]:
        return []
    curve = study["headline"]["curve"]
    trace = {"x": curve["at_ms"], "y": curve["equity"], "mode": "lines", "name": "Out of sample"}
    charts.append({"id": "walked", "traces": [trace], "x": {"type": "date"}, "y": {"tickformat": ",.0f"}})
    rows = [
        [each["test"][0][:10], each["test"][1][:10], each["in_sample_pct"], each["out_of_sample_pct"], each["trades"]]
        for each in study["walk_forward_windows"]
    ]
    heads = ("test from", "until", "before it %", "in it %", "trades")
    return [
        pages.drawing(
            charts[-1], "Out of sample", "The tests one after the other, each with what was found before it."
        ),
        pages.table("Windows", heads, rows, "What the winner of each window did before, and in the test after it."),
    ]


def _course(found: Found, charts: list[pages.Chart]) -> list[str]:
    scores = [value if value > COUNTS else None for value in found.scores]
    so_far = list(accumulate(found.scores, max))
    traces: Sequence[dict[str, Any]] = [
        {"y": scores, "mode": "markers", "name": "A configuration", "marker": {"size": 5}},
        {"y": [value if value > COUNTS else None for value in so_far], "mode": "lines", "name": "Best so far"},
    ]
    x, y = {"title": {"text": "configuration"}}, {"title": {"text": "score"}}
    charts.append({"id": "course", "traces": traces, "x": x, "y": y})
    return [pages.drawing(charts[-1], "Course of the study", "Too few trades to count: not drawn.")]


def _importance(study: dict[str, Any], charts: list[pages.Chart]) -> list[str]:
    shares = _by_share(study)[::-1]
    if not shares:
        return [pages.said("Importance", ["Too few trials, or all alike: nothing can be said of single settings."])]
    names = [path.split(".")[LAST_DOT] for path, _ in shares]
    trace = {"type": "bar", "orientation": "h", "x": [share for _, share in shares], "y": names}
    charts.append({"id": "importance", "traces": [trace], "x": {"tickformat": ".0%"}, "y": {}})
    return [pages.drawing(charts[-1], "Importance", "How much a setting tells the good trials from the others.")]
