"""A window that is cut out late says what one that was cut out at once says, whatever it is asked."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame

from strategies.window_frame import LongTable

FIRST, END = 100, 160


def a_table() -> DataFrame:
    index = pd.date_range("2024-01-01", periods=300, freq="h", tz="UTC", name="opened_at")
    prices = np.random.default_rng(1).random((300, 5))
    table = DataFrame(prices, index=index, columns=["open", "high", "low", "close", "volume"])
    return table.assign(up=table["close"] > table["open"], number=np.arange(300), word="x")


ASKED: dict[str, Callable[[Any], Any]] = {
    "the newest value": lambda t: t["close"].iloc[-1],
    "a flag": lambda t: t["up"].iloc[-1],
    "a whole number": lambda t: t["number"].iloc[0],
    "a text": lambda t: t["word"].iloc[-1],
    "an array": lambda t: t["close"].to_numpy(),
    "an array of another kind": lambda t: t["number"].to_numpy(dtype=np.float64),
    "values": lambda t: t["close"].values,
    "as numpy": lambda t: np.asarray(t["close"]),
    "a column": lambda t: t["close"],
    "two columns": lambda t: t[["close", "open"]],
    "a row": lambda t: t.iloc[-1],
    "the last rows": lambda t: t.tail(3),
    "by place": lambda t: (t.iat[-1, 3], t["close"].iat[0]),
    "by label": lambda t: t.loc[t.index[-1], "close"],
    "by a piece of places": lambda t: t["close"].iloc[-3:],
    "by a list of places": lambda t: t["close"].iloc[[-1, 0]],
    "by attribute": lambda t: t.close.mean(),
    "by a condition": lambda t: t[t["up"]],
    "sums": lambda t: t["close"] - t["open"] * 2,
    "comparisons": lambda t: (t["close"] > t["open"]).sum(),
    "rolling": lambda t: t["close"].rolling(5).mean(),
    "smoothed": lambda t: t["close"].ewm(span=4).mean(),
    "a ufunc": lambda t: np.log(t["close"]),
    "joined": lambda t: pd.concat([t, t["close"].rename("again")], axis=1),
    "more columns": lambda t: t.assign(twice=t["close"] * 2),
    "columns": lambda t: t.columns.tolist(),
    "lengths": lambda t: (len(t), len(t["close"]), t.shape, t["close"].shape, t.empty),
    "contained": lambda t: ("close" in t, "nothing" in t),
    "a list": lambda t: list(t["number"]),
    "times": lambda t: t["close"].index[-1],
    "a name": lambda t: t["close"].name,
    "text": lambda t: repr(t) + repr(t["close"]),
    "a description": lambda t: t.describe(),
    "attributes and flags": lambda t: (t.attrs, t["close"].attrs, t.flags.allows_duplicate_labels),
    "copies": lambda t: (t.copy(), copy.copy(t["close"]), copy.deepcopy(t))[0],
    "pickled": lambda t: pickle.loads(pickle.dumps(t)),
    "a pickled column": lambda t: pickle.loads(pickle.dumps(t["close"])),
}


@pytest.mark.parametrize("name", ASKED)
def test_it_answers_as_pandas_does(name: str) -> None:
    table = a_table()
    late, now = ASKED[name](LongTable(table).window(FIRST, END)), ASKED[name](table.iloc[FIRST:END])
    if isinstance(now, DataFrame):
        pd.testing.assert_frame_equal(late, now, check_frame_type=False)
    elif isinstance(now, pd.Series):
        pd.testing.assert_series_equal(late, now, check_series_type=False)
    elif isinstance(now, np.ndarray):
        np.testing.assert_array_equal(late, now)
        assert late.dtype == now.dtype
    else:
        assert late == now
        assert type(late) is type(now)


def test_what_is_not_there_is_not_found() -> None:
    window = LongTable(a_table()).window(FIRST, END)
    with pytest.raises(IndexError):
        window["close"].iloc[END - FIRST]
    with pytest.raises(KeyError):
        window["nothing"]


def test_what_a_strategy_writes_stays_in_its_window() -> None:
    table = a_table()
    long, before = LongTable(table), table.copy(deep=True)
    window = long.window(FIRST, END)
    seen = window["close"]
    window["mine"] = 1.0
    window["close"] = 0.0
    assert window["mine"].iloc[-1] == 1
    assert window["close"].iloc[-1] == 0
    assert seen.iloc[-1] == before["close"].iloc[END - 1]
    seen.iloc[0] = 5.0
    assert seen.iloc[0] == 5
    with pytest.raises(ValueError, match="read-only"):
        long.window(FIRST, END)["open"].to_numpy()[0] = 7
    pd.testing.assert_frame_equal(table, before)


def test_two_columns_of_a_name_are_left_to_pandas() -> None:
    table = a_table()
    twice = pd.concat([table, table[["close"]]], axis=1)
    late, now = LongTable(twice).window(FIRST, END), twice.iloc[FIRST:END]
    pd.testing.assert_frame_equal(DataFrame(late["close"]), DataFrame(now["close"]))
