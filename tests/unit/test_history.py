"""Candle files in the common layouts, the store of imported months, and what a check tells."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.core.errors import DataError
from backtest import data_commands, history, store
from backtest.import_candles import read_file
from backtest.series import CandleSeries, ms_of

REAL = Path(__file__).parents[2] / ".." / "shared/data/btc/binanceus_BTCUSD_1m_2023-03-01_2023-03-21.parquet"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
START = datetime(2024, 1, 31, 23, 0, tzinfo=UTC)


def a_series(minutes: int = 120, start: datetime = START) -> CandleSeries:
    """Prices of a cent's grid, going up by 0.1 a minute, across the end of a month."""
    close = np.round(42_000.1 + 0.1 * np.arange(minutes), 2)
    ts = ms_of(start) + 60_000 * np.arange(minutes, dtype=np.int64)
    volume = np.full(minutes, 0.25)
    return CandleSeries(
        symbol="BTC/USD", seconds=60, ts=ts, open=close, high=close + 5, low=close - 5, close=close, volume=volume
    )


def frame_of(series: CandleSeries) -> pd.DataFrame:
    columns = {name: getattr(series, name) for name in history.COLUMNS}
    return pd.DataFrame({"date": pd.to_datetime(series.ts, unit="ms", utc=True), **columns})


def freqtrade_csv(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, index=False)


def epoch_csv(unit: int, name: str) -> Callable[[Path, pd.DataFrame], None]:
    def write(path: Path, frame: pd.DataFrame) -> None:
        times = frame["date"].dt.as_unit("us").astype("int64") // unit
        frame.assign(date=times).rename(columns={"date": name}).to_csv(path, index=False)

    return write


def public_dump(unit: int) -> Callable[[Path, pd.DataFrame], None]:
    def write(path: Path, frame: pd.DataFrame) -> None:
        times = frame["date"].dt.as_unit("us").astype("int64") // unit
        closed = times + 60_000_000 // unit - 1
        whole = frame.assign(date=times, closed=closed, quote=1.5, count=7, taker=0.1, taker_quote=4.2, ignore=0)
        whole.to_csv(path, index=False, header=False)

    return write


LAYOUTS: dict[str, Callable[[Path, pd.DataFrame], None]] = {
    "freqtrade csv": freqtrade_csv,
    "iso z": lambda path, frame: frame.assign(date=frame["date"].dt.strftime("%Y-%m-%dT%H:%M:%SZ")).to_csv(
        path, index=False
    ),
    "no zone, windows lines, capitals": lambda path, frame: (
        frame.assign(date=frame["date"].dt.strftime("%Y-%m-%d %H:%M:%S"))
        .rename(columns=str.title)
        .to_csv(path, index=False, lineterminator="\r\n")
    ),
    "bom": lambda path, frame: frame.to_csv(path, index=False, encoding="utf-8-sig"),
    "seconds": epoch_csv(1_000_000, "timestamp"),
    "milliseconds": epoch_csv(1_000, "open_time"),
    "microseconds": epoch_csv(1, "time"),
    "public dump ms": public_dump(1_000),
    "public dump us": public_dump(1),
    "parquet": lambda path, frame: frame.rename(columns={"date": "ts"}).to_parquet(path),
    "parquet, time as index": lambda path, frame: frame.set_index("date").to_parquet(path),
    "feather": lambda path, frame: frame.to_feather(path),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_common_layout_gives_the_same_candles(layout: str, tmp_path: Path) -> None:
    series = a_series()
    LAYOUTS[layout](tmp_path / "file", frame_of(series))
    read = read_file(tmp_path / "file", symbol="BTC/USD")
    assert history.data_sha256(read.series) == history.data_sha256(series)
    assert read.notes == []


def test_candles_are_exact_decimals() -> None:
    first, second = list(history.candles(a_series(2)))
    assert (first.close, second.close) == (Decimal("42000.1"), Decimal("42000.2"))
    assert first.opened_at == START
    assert second.opened_at == first.closed_at


def test_every_digit_of_a_csv_survives(tmp_path: Path) -> None:
    prices = [f"{20_000 + row * 37 % 50_000}.{row * 7919 % 10**8:08d}" for row in range(5000)]
    lines = [f"{1704067200 + 60 * row},{p},{p},{p},{p},1" for row, p in enumerate(prices)]
    (tmp_path / "file.csv").write_text("ts,open,high,low,close,volume\n" + "\n".join(lines))
    read = history.candles(read_file(tmp_path / "file.csv", symbol="BTC/USD").series)
    assert [candle.close for candle in read] == [Decimal(price) for price in prices]


@pytest.mark.skipif(not REAL.exists(), reason="the shared market data are not here")
def test_three_weeks_of_real_minutes_are_read_in_no_time() -> None:
    started = time.process_time()
    series = read_file(REAL, symbol="BTC/USD").series
    candles = list(history.candles(series))
    took = time.process_time() - started
    assert len(candles) == 30_240
    assert min(candle.low for candle in candles) == Decimal("19570.00").normalize()
    assert took < 2, "usually a quarter of a second"


def test_unsorted_rows_and_identical_duplicates_are_mended_and_told(tmp_path: Path) -> None:
    frame = frame_of(a_series(10))
    shuffled = pd.concat([frame.iloc[5:], frame.iloc[:6]])
    shuffled.to_csv(tmp_path / "file.csv", index=False)
    read = read_file(tmp_path / "file.csv", symbol="BTC/USD")
    assert history.data_sha256(read.series) == history.data_sha256(a_series(10))
    assert read.notes == ["the rows were not in order of time; sorted", "1 identical duplicate rows were dropped"]
    lines, good = data_commands.check_data(str(tmp_path / "file.csv"), tmp_path)
    assert not good
    assert "duplicates: 1" in lines[1]


# ---------------------------------------------------------------- the store


def import_into(data: Path, series: CandleSeries) -> list[str]:
    data.mkdir(exist_ok=True)
    file = data.parent / "file.parquet"
    frame_of(series).to_parquet(file)
    return data_commands.import_file(file, "BTC/USD", "1m", data, NOW)


def test_import_list_check_and_load(tmp_path: Path) -> None:
    data = tmp_path / "data"
    lines = import_into(data, a_series())
    assert lines[-1] == "BTC/USD:1m now holds 120, 2024-01-31 to 2024-02-01"
    folder = data / "candles" / "BTC_USD" / "1m"
    assert sorted(path.name for path in folder.iterdir()) == ["2024-01.parquet", "2024-02.parquet", "manifest.json"]
    assert data_commands.list_data(data) == ["BTC/USD:1m  120 candles  2024-01-31T23:00 to 2024-02-01T00:59 UTC"]
    lines, good = data_commands.check_data("BTC/USD", data)
    assert good
    assert lines[0] == "BTC/USD: 120 candles, 2024-01-31 23:00 to 2024-02-01 00:59 UTC"
    for name in ("BTC/USD", "BTC_USD", "btc/usd:1m"):
        assert history.data_sha256(history.load(name, data)) == history.data_sha256(a_series())
    part = history.load("BTC/USD", data, START + timedelta(minutes=5), START + timedelta(minutes=8))
    assert [candle.opened_at.minute for candle in history.candles(part)] == [5, 6, 7]


def test_a_second_import_adds_and_an_equal_one_changes_nothing(tmp_path: Path) -> None:
    data, whole = tmp_path / "data", a_series(300)
    import_into(data, whole[100:])
    import_into(data, whole[:150])
    import_into(data, whole)
    assert history.data_sha256(history.load("BTC/USD", data)) == history.data_sha256(whole)


def test_an_import_that_contradicts_the_store_is_refused_whole(tmp_path: Path) -> None:
    data, whole = tmp_path / "data", a_series(100)
    import_into(data, whole[:50])
    other = replace(whole, close=np.where(np.arange(100) == 20, whole.close + 1, whole.close))
    with pytest.raises(DataError, match="close of 2024-01-31 23:20 differs from what was imported before"):
        import_into(data, other)
    assert len(history.load("BTC/USD", data)) == 50
    assert [path.name for path in (data / "candles" / "BTC_USD").iterdir()] == ["1m"]


def test_a_full_disk_leaves_the_old_candles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, whole = tmp_path / "data", a_series(100)
    import_into(data, whole[:50])

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("backtest.store.pq.write_table", full)
    with pytest.raises(DataError, match="No space left on device"):
        data_commands.import_file(tmp_path / "file.parquet", "BTC/USD", "1m", data, NOW)
    assert len(history.load("BTC/USD", data)) == 50
    assert [path.name for path in (data / "candles" / "BTC_USD").iterdir()] == ["1m"]


def test_an_import_killed_between_its_two_renames_is_undone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    import_into(data, a_series(50))
    folder = data / "candles" / "BTC_USD" / "1m"
    os.rename(folder, folder.with_name(".1m.old"))
    assert len(history.load("BTC/USD", data)) == 50


def test_a_changed_month_and_a_damaged_manifest_are_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    import_into(data, a_series())
    folder = data / "candles" / "BTC_USD" / "1m"
    month = folder / "2024-02.parquet"
    month.write_bytes(month.read_bytes()[:-1] + b"x")
    lines, good = data_commands.check_data("BTC/USD", data)
    assert not good
    assert lines[0].endswith("has changed since the import; remove the folder and import again")
    (folder / "manifest.json").write_text("{")
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        history.load("BTC/USD", data)


def test_an_unknown_name_tells_what_there_is(tmp_path: Path) -> None:
    assert data_commands.list_data(tmp_path)[0].startswith("No candles have been imported yet")
    with pytest.raises(DataError, match="nothing has been imported yet"):
        history.load("BTC/USD", tmp_path)
    with pytest.raises(DataError, match="is no file and no symbol"):
        history.load("nothing.csv", tmp_path)
    import_into(tmp_path / "data", a_series(10))
    with pytest.raises(DataError, match="there are: BTC/USD:1m"):
        history.load("ETH/USD", tmp_path / "data")
    with pytest.raises(DataError, match="it holds 2024-01-31 23:00 to 2024-01-31 23:09 UTC"):
        history.load("BTC/USD", tmp_path / "data", NOW)


# ---------------------------------------------------------------- counting


def test_a_check_tells_gaps_jumps_and_what_cannot_be() -> None:
    whole = a_series(60)
    rows = np.r_[0:10, 13:60]
    holed = replace(whole, ts=whole.ts[rows], **{name: getattr(whole, name)[rows] for name in history.COLUMNS})
    holed.volume[:3] = 0
    holed.high[30:] = holed.high[30:] * 1.1
    holed.close[40] *= 1.05
    report = history.check(holed)
    assert (report.rows, report.missing, report.gaps, report.impossible) == (57, 3, 1, 0)
    assert report.good
    assert report.largest_jump_pct == pytest.approx(5, abs=0.01)
    assert report.largest_jump_at == holed.opened_at(40)
    assert report.no_volume_pct == pytest.approx(100 * 3 / 57)
    assert history.gaps(holed) == [(START + timedelta(minutes=10), 3)]
    assert data_commands.gap_lines(history.gaps(holed)) == ["gap: 3 candles missing from 2024-01-31 23:10"]
    holed.low[5] = holed.high[5] + 1
    assert not history.check(holed).good


def test_longer_candles_are_made_of_shorter_ones() -> None:
    hours = history.resample(a_series(150), 3600)
    first, second = list(history.candles(hours))
    assert (first.opened_at, first.seconds) == (START, 3600)
    assert (first.open, first.close) == (Decimal("42000.1"), Decimal("42006.0"))
    assert (first.low, first.high, first.volume) == (Decimal("41995.1"), Decimal("42011.0"), Decimal("15.0"))
    assert second.open == Decimal("42006.1")
    with pytest.raises(DataError, match="choose a multiple of 3600 s"):
        history.resample(hours, 5400)


def test_candles_leave_room_for_the_books(tmp_path: Path) -> None:
    store.require_room(tmp_path / "not" / "there" / "yet")
    with pytest.raises(DataError, match=r"has [0-9]+ MB left, and 1099511627776 MB are kept for the books; free some"):
        store.require_room(tmp_path, 1 << 60)
