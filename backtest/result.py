"""A run as a folder: result.json, trades.csv, equity.csv, equity.parquet, positions.parquet."""

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from app.core.decisions import Decision
from app.core.model import Trade
from app.core.money import plain
from app.core.performance import Curve, Drawdown, report
from app.core.voting import shares
from backtest.curve import EquityCurve, Span
from backtest.honesty.judging import UNKNOWN, Background, judged
from backtest.replay import Run
from backtest.running import Plan
from backtest.series import DAY_MS, Floats, Times, at_ms, data_sha256

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
POSITIONS = pa.schema(
    [
        ("at", pa.timestamp("ms", tz="UTC")),
        ("position_id", pa.string()),
        ("quantity", pa.float64()),
        ("entry_price", pa.float64()),
        ("stop_price", pa.float64()),
        ("unrealized_pnl", pa.float64()),
    ]
)
ROWS_AT_ONCE = 100_000
# Times go up in steps, few columns repeat, and the bytes of a price are alike one by one: half the size, a third of the
# time.
PACKED: dict[str, Any] = {"compression": "zstd", "write_statistics": ["at"]}
TIMES = "DELTA_BINARY_PACKED"
PRICES = "BYTE_STREAM_SPLIT"
MOST_WARNINGS = 12  # on a terminal; all are in result.json
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write(folder: Path, plan: Plan, run: Run, background: Background = UNKNOWN) -> dict[str, Any]:
    """Write what came of `plan` into `folder` (made if needed) and return what result.json holds."""
    folder.mkdir(parents=True, exist_ok=True)
    result = summary(plan, run, background)
    write_trades(folder / "trades.csv", run.trades)
    write_days(folder / "equity.csv", run.curve)
    write_curve(folder / "equity.parquet", run.curve)
    write_positions(folder / "positions.parquet", run.positions.all(), run.curve)
    write_json(folder, result)
    return result


def day_ends(at_ms: Times) -> NDArray[np.int64]:
    """The last row of each UTC day; what closes at midnight belongs to the day that ends then."""
    days = (at_ms - 1) // DAY_MS
    return np.flatnonzero(np.append(days[1:] != days[:-1], True)) if len(at_ms) else np.empty(0, dtype=np.int64)


def drawdown(at_ms: Times, equity: Floats) -> Drawdown:
    """Deepest fall and its lengths, over every candle's close."""
    highs = np.maximum.accumulate(equity)
    falls = highs - equity
    falls /= highs
    deepest = int(falls.argmax())
    tops = np.flatnonzero(equity >= highs)
    under = at_ms[np.append(tops[1:], len(equity)) - 1] - at_ms[tops]  # from each high to the last candle below it
    recovered = np.flatnonzero(equity[deepest:] >= highs[deepest])
    recovery = float(at_ms[deepest + recovered[0]] - at_ms[deepest]) / DAY_MS if len(recovered) else None
    return Drawdown(
        max_pct=float(falls[deepest] * 100),
        max_days=float(under.max()) / DAY_MS,
        recovery_days=recovery if falls[deepest] > 0 else None,
    )


def summary(plan: Plan, run: Run, background: Background = UNKNOWN) -> dict[str, Any]:
    """Everything in result.json; only JSON numbers, texts and nulls."""
    cash, traded = float(plan.cash), plan.series[plan.warmup :]
    start, end = traded.opened_at(0), at_ms(int(traded.ts[-1]) + traded.seconds * 1000)
    curve, equity = run.curve, run.curve.equity
    rows = day_ends(curve.at_ms)
    figures = report(
        run.trades,
        Curve(
            start=start,
            end=end,
            candles=len(curve),
            exposed_candles=run.exposed_candles,
            initial_cash=cash,
            final_equity=float(equity[-1]),
            first_open=float(traded.open[0]),
            last_close=float(traded.close[-1]),
            fee_pct=float(plan.simulation.fee_pct),
            daily=equity[rows].tolist(),
            drawdown=drawdown(curve.at_ms, equity),
        ),
    )
    verdict = judged(run, figures, cash, rows, background)
    return {
        "start": text_of(start),
        "end": text_of(end),
        "bars": len(curve),
        "candles": len(curve),
        "timeframe": plan.rules.voting.timeframe,
        "data": plan.data,
        "data_sha256": data_sha256(plan.series),
        "config_sha256": plan.config_sha256,
        "version": plan.version,
        "initial_cash": cash,
        "final_equity": float(equity[-1]),
        **asdict(figures),
        "open_positions_at_end": len(run.engine.state.positions),
        "by_strategy": by_strategy(run.trades, run.decisions),
        "monthly": verdict.monthly,
        "honesty": verdict.honesty,
        "warnings": [*verdict.cautions, *run.warnings],
    }


def write_days(path: Path, curve: EquityCurve) -> None:
    """`date,equity` at each UTC day's end."""
    rows = day_ends(curve.at_ms)
    dates = ((curve.at_ms[rows] - 1) // DAY_MS).astype("M8[D]").astype(str)
    lines = [f"{date},{value:.2f}\n" for date, value in zip(dates, curve.equity[rows], strict=True)]
    path.write_text("".join(["date,equity\n", *lines]), encoding="utf-8")


def write_curve(path: Path, curve: EquityCurve) -> None:
    """`at, equity, cash, quantity` at each candle's close."""
    columns = {"equity": curve.equity, "cash": curve.cash, "quantity": curve.quantity}
    pq.write_table(
        pa.table({"at": _times(curve.at_ms), **columns}),
        path,
        row_group_size=ROWS_AT_ONCE,
        use_dictionary=["cash", "quantity"],
        column_encoding={"at": TIMES, "equity": PRICES},
        **PACKED,
    )


def write_positions(path: Path, spans: Sequence[Span], curve: EquityCurve) -> None:
    """A row for each candle's close at which a position was open, position by position; written in parts."""
    with pq.ParquetWriter(
        path,
        POSITIONS,
        use_dictionary=["position_id", "quantity", "entry_price", "stop_price"],
        column_encoding={"at": TIMES, "unrealized_pnl": PRICES},
        **PACKED,
    ) as file:
        part: list[pa.Table] = []
        for span in spans:
            part.append(_rows(span, curve))
            if sum(map(len, part)) >= ROWS_AT_ONCE:
                file.write_table(pa.concat_tables(part))
                part = []
        file.write_table(pa.concat_tables([POSITIONS.empty_table(), *part]))


def _rows(span: Span, curve: EquityCurve) -> pa.Table:
    closes = curve.close[span.first : span.end]
    count = len(closes)
    same = {"quantity": span.quantity, "entry_price": span.entry_price, "stop_price": span.stop_price}
    columns = {
        "at": _times(curve.at_ms[span.first : span.end]),
        "position_id": pa.repeat(span.position_id, count),
        **{name: pa.repeat(pa.scalar(value, pa.float64()), count) for name, value in same.items()},
        "unrealized_pnl": np.round(span.quantity * closes - span.cost, 8),
    }
    return pa.table(columns, schema=POSITIONS)


def _times(at_ms: Times) -> pa.Array:
    return pa.array(at_ms, pa.timestamp("ms", tz="UTC"))


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


def write_json(folder: Path, result: Mapping[str, Any]) -> None:
    (folder / "result.json").write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")


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
        ("as much, held", f"{result['honesty']['buy_and_hold_same_exposure_pct']:+.2f} %"),
        ("max drawdown", f"{result['max_drawdown_pct']:.2f} %"),
        ("trades", f"{result['trades']}"),
        ("win rate", "-" if result["win_rate_pct"] is None else f"{result['win_rate_pct']:.1f} %"),
        ("fees", f"{result['fees_paid']:,.2f}"),
        ("time in the market", f"{result['exposure_time_pct']:.1f} %"),
        ("still open", f"{result['open_positions_at_end']}"),
    ]
    lines = [f"{name:>20}  {value}" for name, value in rows]
    warnings = [f"{'warning':>20}  {warning}" for warning in result["warnings"][:MOST_WARNINGS]]
    return "\n".join([*lines, *warnings, f"{'written to':>20}  {folder}"])
