"""A study written down: study.json, trials.csv, optimize.html, and the lines for a terminal."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backtest import optimize_page, pages
from backtest.optimize import Found
from backtest.space import Space, written


def write(folder: Path, study: dict[str, Any], found: Found, space: Space) -> None:
    """study.json, trials.csv and optimize.html into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.json").write_text(json.dumps(study, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_trials(folder / "trials.csv", found, space)
    (folder / "optimize.html").write_text(optimize_page.page(study, found), encoding="utf-8")


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
        f"    return {pages.cell(headline['return_pct'])} %, held {pages.cell(headline['buy_and_hold_return_pct'])} %, "
        f"drawdown {pages.cell(headline['max_drawdown_pct'])} %, Sharpe {pages.cell(headline['sharpe_ratio'])}, "
        f"trades {headline['trades']}",
        "best settings, by the exact engine",
        *(f"    {path}: {value}" for path, value in best["changes"].items()),
        f"    return {pages.cell(best['return_pct'])} %, held {pages.cell(best['buy_and_hold_return_pct'])} %, "
        f"drawdown {pages.cell(best['max_drawdown_pct'])} %, Sharpe {pages.cell(best['sharpe_ratio'])}, "
        f"trades {best['trades']}",
        f"it stands on {study['ground']}" if study["ground"].startswith("a ") else study["ground"],
    ]
    if luck:
        told.append(f"deflated Sharpe {luck['deflated']:.2f}: the chance that it is more than luck of {luck['trials']}")
    told += ["importance", *(f"    {share:5.1%}  {path}" for path, share in optimize_page.by_share(study))]
    table = pages.text_table(optimize_page.HEADS, optimize_page.ablated(study))
    told += ["what carries it", *(f"    {line}" for line in table), f"    {study['not_separate']}"]
    told += [f"warning: {warning}" for warning in study["warnings"][:8]]
    return [*told, f"written to {folder}; use the settings with --config {folder / 'best'}"]
