"""Folders of finished backtests, made up: as small or as long as a test of the reports needs them."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from backtest.result import TRADE_COLUMNS, harmless, text_of
from backtest.series import CandleSeries, at_ms, ms_of

START = datetime(2023, 1, 2, tzinfo=UTC)
REASONS = ("vote", "stop", "trailing_stop", "vote", "manual")


def a_market(minutes: int, seed: int = 7, symbol: str = "BTC/USD") -> CandleSeries:
    """A seeded walk around 30,000."""
    chance = np.random.default_rng(seed)
    close = 30_000 * np.exp(np.cumsum(chance.normal(0, 0.0006, minutes)))
    opened = np.append(30_000.0, close[:-1])
    wide = np.abs(chance.normal(0, 0.0003, minutes)) * close
    return CandleSeries(
        symbol=symbol,
        seconds=60,
        ts=ms_of(START) + np.arange(minutes, dtype=np.int64) * 60_000,
        open=opened.round(2),
        high=(np.maximum(opened, close) + wide).round(2),
        low=(np.minimum(opened, close) - wide).round(2),
        close=close.round(2),
        volume=chance.random(minutes).round(4),
    )


def a_folder(
    folder: Path,
    market: CandleSeries,
    *,
    trades: int = 0,
    reasons: Sequence[str] = ("RSI 28.4: oversold.",),
    exits: Sequence[str] = REASONS,
    positions: bool = True,
    **changes: Any,
) -> dict[str, Any]:
    """What a run leaves in its folder: `trades` trades of 500 each, one after the other; returns result.json."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = made_up(market, trades, reasons, exits)
    equity = curve(market, rows)
    result = figures(market, rows, equity) | changes
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")
    closed = pa.array(market.ts + 60_000, pa.timestamp("ms", tz="UTC"))
    pq.write_table(
        pa.table({"at": closed, "equity": equity, "cash": equity, "quantity": equity * 0}), folder / "equity.parquet"
    )
    with (folder / "trades.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, TRADE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: row[name] for name in TRADE_COLUMNS} for row in rows)
    if positions:
        write_positions(folder / "positions.parquet", market, rows)
    return result


def made_up(market: CandleSeries, trades: int, reasons: Sequence[str], exits: Sequence[str]) -> list[dict[str, Any]]:
    stride = len(market) // max(trades, 1)
    rows = []
    for place in range(trades):
        first, last = place * stride, place * stride + max(1, stride * 2 // 3)
        last = min(last, len(market) - 1)
        entry, left = float(market.open[first]), float(market.close[last])
        gain = round(500 / entry * (left - entry) - 1, 4)
        rows.append(
            dict.fromkeys(TRADE_COLUMNS, "")
            | {
                "id": f"t{place}",
                "position_id": f"p{place}",
                "symbol": market.symbol,
                "side": "BUY",
                "opened_at": text_of(at_ms(int(market.ts[first]))),
                "closed_at": text_of(at_ms(int(market.ts[last]) + 60_000)),
                "quantity": f"{500 / entry:.5f}",
                "entry_price": f"{entry}",
                "exit_price": f"{left}",
                "fees": "1",
                "profit_loss": f"{gain}",
                "profit_loss_pct": f"{gain / 5:.4f}",
                "exit_reason": exits[place % len(exits)],
                "reasoning": harmless(reasons[place % len(reasons)]),
                "first": first,
                "last": last,
                "gain": gain,
            }
        )
    return rows


def curve(market: CandleSeries, rows: Sequence[dict[str, Any]]) -> np.ndarray:
    steps = np.zeros(len(market))
    for row in rows:
        steps[row["first"] : row["last"] + 1] += row["gain"] / (row["last"] + 1 - row["first"])
    return 10_000 + np.cumsum(steps)


def figures(market: CandleSeries, rows: Sequence[dict[str, Any]], equity: np.ndarray) -> dict[str, Any]:
    gains = [row["gain"] for row in rows]
    wins, losses = [gain for gain in gains if gain > 0], [gain for gain in gains if gain < 0]
    end = at_ms(int(market.ts[-1])) + timedelta(minutes=1)
    highs = np.maximum.accumulate(np.append(10_000, equity))
    return {
        "start": text_of(market.opened_at(0)),
        "end": text_of(end),
        "bars": len(market),
        "timeframe": "1h",
        "data": "/somewhere/made_up.parquet",
        "data_sha256": "0123456789abcdef" * 4,
        "config_sha256": "fedcba9876543210" * 4,
        "version": "0.9.1",
        "initial_cash": 10_000.0,
        "final_equity": float(equity[-1]),
        "return_pct": float(equity[-1] / 100 - 100),
        "buy_and_hold_return_pct": float((market.close[-1] / market.open[0] * 0.999**2 - 1) * 100),
        "cagr_pct": None,
        "volatility_pct": 4.56,
        "sharpe_ratio": 1.23,
        "sortino_ratio": 2.34,
        "calmar_ratio": None,
        "max_drawdown_pct": float(((1 - np.append(10_000, equity) / highs) * 100).max()),
        "max_drawdown_days": 12.5,
        "recovery_days": None,
        "exposure_time_pct": 66.7,
        "trades": len(rows),
        "win_rate_pct": len(wins) / len(gains) * 100 if gains else None,
        "avg_win": sum(wins) / len(wins) if wins else None,
        "avg_loss": sum(losses) / len(losses) if losses else None,
        "profit_factor": sum(wins) / -sum(losses) if losses else None,
        "expectancy": sum(gains) / len(gains) if gains else None,
        "best_trade_pct": max(gains) / 5 if gains else None,
        "worst_trade_pct": min(gains) / 5 if gains else None,
        "fees_paid": float(len(rows)),
        "open_positions_at_end": 0,
        "by_strategy": {"technical_indicators": {"trades": len(rows), "contribution": sum(gains)}} if rows else {},
        "warnings": [],
    }


def write_positions(path: Path, market: CandleSeries, rows: Sequence[dict[str, Any]]) -> None:
    """A stop 5 % below the entry that moves up once, half-way."""
    at, ids, stops = [], [], []
    for row in rows:
        span = np.arange(row["first"], row["last"] + 1)
        entry = float(row["entry_price"])
        at.append(market.ts[span] + 60_000)
        ids += [row["position_id"]] * len(span)
        stops.append(np.where(span < (row["first"] + row["last"]) / 2, entry * 0.95, entry * 0.97).round(2))
    empty = np.empty(0)
    table = {
        "at": pa.array(np.concatenate(at) if at else empty.astype(np.int64), pa.timestamp("ms", tz="UTC")),
        "position_id": pa.array(ids, pa.string()),
        "stop_price": pa.array(np.concatenate(stops) if stops else empty, pa.float64()),
    }
    pq.write_table(pa.table(table), path)
