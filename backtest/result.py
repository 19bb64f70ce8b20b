"""A run as a folder: result.json, trades.csv, equity.csv, equity.parquet. Names are those of design 7.6."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from app.core.decisions import Decision
from app.core.model import Candle, Trade
from app.core.money import plain
from app.core.performance import Curve, Drawdown, report
from app.core.voting import shares
from backtest.replay import Run

TRADE_COLUMNS = (
    "id",
    "position_id",
    "symbol",
    "side",
    "opened_at",
    "closed_at",
    "quantity",
    "entry_price",
    "exit_price",
    "fees",
    "profit_loss",
    "profit_loss_pct",
    "exit_reason",
    "decision_id",
    "reasoning",
)
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was run on what."""

    data: str
    data_sha256: str
    config_sha256: str
    version: str
    timeframe: str
    cash: Decimal
    fee_pct: Decimal


def write(folder: Path, run: Run, source: Source, first: Candle, last: Candle) -> dict[str, Any]:
    """Write all files into `folder` (made if needed) and return what result.json holds."""
    folder.mkdir(parents=True, exist_ok=True)
    curve = equity_frame(run)
    result = summary(run, source, first, last, curve)
    write_trades(folder / "trades.csv", run.trades)
    daily = curve["equity"].resample("D", closed="right", label="left").last().dropna()
    daily.index.name = "date"
    daily.round(2).to_csv(folder / "equity.csv", date_format="%Y-%m-%d")
    curve.to_parquet(folder / "equity.parquet")
    (folder / "result.json").write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return result


def equity_frame(run: Run) -> pd.DataFrame:
    """Columns equity, cash, quantity at each fed candle's close (index `at`)."""
    at = pd.DatetimeIndex([point[0] for point in run.curve], name="at")
    cash = np.array([float(point[1]) for point in run.curve])
    quantity = np.array([float(point[2]) for point in run.curve])
    close = np.array([float(point[3]) for point in run.curve])
    return pd.DataFrame({"equity": cash + quantity * close, "cash": cash, "quantity": quantity}, index=at)


def drawdown(equity: pd.Series) -> Drawdown:
    """Deepest fall and its lengths, over every candle's close."""
    values = equity.to_numpy()
    highs = np.maximum.accumulate(values)
    falls = (highs - values) / highs
    deepest = int(falls.argmax())
    times = equity.index.to_numpy()
    at_high = values >= highs
    last_high = np.maximum.accumulate(np.where(at_high, np.arange(len(values)), 0))
    under = times - times[last_high]
    recovered = np.flatnonzero(values[deepest:] >= highs[deepest])
    day = np.timedelta64(1, "D")
    recovery = float((times[deepest + recovered[0]] - times[deepest]) / day) if len(recovered) else None
    return Drawdown(
        max_pct=float(falls[deepest] * 100),
        max_days=float(under.max() / day),
        recovery_days=recovery if falls[deepest] > 0 else None,
    )


def summary(run: Run, source: Source, first: Candle, last: Candle, curve: pd.DataFrame) -> dict[str, Any]:
    """Everything in result.json; only JSON numbers, texts and nulls."""
    equity = curve["equity"]
    daily = equity.resample("D", closed="right", label="left").last().dropna()
    figures = report(
        run.trades,
        Curve(
            start=first.opened_at,
            end=last.closed_at,
            candles=len(curve),
            exposed_candles=run.exposed_candles,
            initial_cash=float(source.cash),
            final_equity=float(equity.iloc[-1]),
            first_open=float(first.open),
            last_close=float(last.close),
            fee_pct=float(source.fee_pct),
            daily=[float(value) for value in daily],
            drawdown=drawdown(equity),
        ),
    )
    return {
        "start": text_of(first.opened_at),
        "end": text_of(last.closed_at),
        "bars": len(curve),
        "candles": len(curve),
        "timeframe": source.timeframe,
        "data": source.data,
        "data_sha256": source.data_sha256,
        "config_sha256": source.config_sha256,
        "version": source.version,
        "initial_cash": float(source.cash),
        "final_equity": float(equity.iloc[-1]),
        **asdict(figures),
        "open_positions_at_end": len(run.engine.state.positions),
        "by_strategy": by_strategy(run.trades, run.decisions),
        "warnings": run.warnings,
    }


def by_strategy(trades: Sequence[Trade], decisions: Iterable[Decision]) -> dict[str, dict[str, float]]:
    """Each trade's result shared by weight × confidence among the strategies that agreed with its entry."""
    entries = {decision.id: decision for decision in decisions}
    rows: dict[str, dict[str, float]] = {}
    for trade in trades:
        entry = entries.get(trade.decision_id)
        for strategy, share in (shares(entry.vote) if entry else {}).items():
            row = rows.setdefault(strategy, {"trades": 0, "contribution": 0.0})
            row["trades"] += 1
            row["contribution"] += float(trade.profit_loss * share)
    return rows


def write_trades(path: Path, trades: Sequence[Trade]) -> None:
    """The columns of the API's trades.csv; text that a spreadsheet would run as a formula is quoted."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TRADE_COLUMNS)
        for trade in trades:
            writer.writerow(trade_row(trade))


def trade_row(trade: Trade) -> list[str]:
    numbers = (trade.quantity, trade.entry_price, trade.exit_price, trade.fees, trade.profit_loss)
    return [
        trade.id,
        trade.position_id,
        trade.symbol,
        "BUY",
        text_of(trade.opened_at),
        text_of(trade.closed_at),
        *[plain(number) for number in numbers],
        f"{trade.profit_loss_pct:.4f}",
        trade.exit_reason.value,
        trade.decision_id,
        harmless(trade.reasoning),
    ]


def harmless(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def text_of(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def text(result: dict[str, Any], folder: Path) -> str:
    """The figures that matter most, for a terminal."""
    rows = [
        ("from", result["start"]),
        ("to", result["end"]),
        ("final equity", f"{result['final_equity']:,.2f}"),
        ("return", f"{result['return_pct']:+.2f} %"),
        ("buy and hold", f"{result['buy_and_hold_return_pct']:+.2f} %"),
        ("max drawdown", f"{result['max_drawdown_pct']:.2f} %"),
        ("trades", f"{result['trades']}"),
        ("win rate", "-" if result["win_rate_pct"] is None else f"{result['win_rate_pct']:.1f} %"),
        ("fees", f"{result['fees_paid']:,.2f}"),
        ("time in the market", f"{result['exposure_time_pct']:.1f} %"),
        ("still open", f"{result['open_positions_at_end']}"),
    ]
    lines = [f"{name:>20}  {value}" for name, value in rows]
    warnings = [f"{'warning':>20}  {warning}" for warning in result["warnings"][:5]]
    return "\n".join([*lines, *warnings, f"{'written to':>20}  {folder}"])
