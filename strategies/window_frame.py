"""A window of a long table, as a table that is cut out only when it has to be: a strategy that is asked candle by
candle mostly wants the newest value of a few columns, and cutting costs ten times what that does.

It is a DataFrame like any other and says the same; whatever is not answered here is answered by pandas itself.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas import DataFrame

Arrays = dict[object, NDArray[Any]]
KINDS = ("f", "i", "u", "b")  # numbers and flags


class LongTable:
    """A whole history's table, and the values of its plain columns, which nobody can write to."""

    def __init__(self, table: DataFrame) -> None:
        self.table = table
        self.arrays = _arrays(table)

    def window(self, first: int, end: int) -> DataFrame:
        """Its rows from `first` to `end`, not included."""
        return _Window(self, first, end)

    def cut(self, first: int, end: int) -> DataFrame:
        return self.table.iloc[first:end]


def _arrays(table: DataFrame) -> Arrays:
    """Columns of numbers and flags. Others, and tables with two columns of a name, are left to pandas."""
    if not table.columns.is_unique:
        return {}
    kinds = table.dtypes.items()
    plain = {name: table[name] for name, kind in kinds if isinstance(kind, np.dtype) and kind.kind in KINDS}
    arrays = {name: column.to_numpy().view() for name, column in plain.items()}
    for array in arrays.values():
        array.flags.writeable = False
    return arrays


def _same(thing: Any) -> Any:
    return thing


class _Late:
    """What pandas keeps in an object, made when pandas first asks for it."""

    _cut: Any = None
    _whole: LongTable
    _first: int
    _end: int

    @property
    def _mgr(self) -> Any:
        if self._cut is None:
            self.__dict__["_cut"] = self._made()._mgr
        return self._cut

    @_mgr.setter
    def _mgr(self, manager: Any) -> None:
        self.__dict__["_cut"] = manager

    @property
    def _flags(self) -> Any:
        kept = self.__dict__.get("_kept_flags")
        if kept is None:
            kept = self.__dict__["_kept_flags"] = pd.Flags(self, allows_duplicate_labels=True)  # type: ignore[attr-defined]
        return kept

    @_flags.setter
    def _flags(self, flags: Any) -> None:
        self.__dict__["_kept_flags"] = flags

    @property
    def _attrs(self) -> Any:
        return self.__dict__.setdefault("_kept_attrs", {})

    @_attrs.setter
    def _attrs(self, attrs: Any) -> None:
        self.__dict__["_kept_attrs"] = attrs

    def _made(self) -> Any:
        raise NotImplementedError

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickled as what it stands for."""
        plain: Any = getattr(self, "copy")()  # noqa: B009  # of pandas
        return _same, (plain,)


class _Window(_Late, DataFrame):
    def __init__(self, whole: LongTable, first: int, end: int) -> None:
        keep = self.__dict__
        keep["_whole"], keep["_first"], keep["_end"] = whole, first, end

    def _made(self) -> DataFrame:
        return self._whole.cut(self._first, self._end)

    def __len__(self) -> int:
        return self._end - self._first if self._cut is None else len(self.index)

    def __getitem__(self, key: Any) -> Any:
        if self._cut is None and type(key) is str and key in self._whole.arrays:
            return _Column(self._whole, key, self._first, self._end)
        return super().__getitem__(key)


class _Column(_Late, pd.Series):
    _name: str

    def __init__(self, whole: LongTable, name: str, first: int, end: int) -> None:
        keep = self.__dict__
        keep["_whole"], keep["_name"], keep["_first"], keep["_end"] = whole, name, first, end

    def _made(self) -> "pd.Series[Any]":
        made: pd.Series[Any] = self._whole.cut(self._first, self._end)[self._name]
        return made

    def _seen(self) -> NDArray[Any]:
        values: NDArray[Any] = self._whole.arrays[self._name][self._first : self._end]
        return values

    def __len__(self) -> int:
        return self._end - self._first if self._cut is None else len(self.index)

    def to_numpy(self, *args: Any, **options: Any) -> Any:
        if self._cut is None and not args and not options:
            return self._seen()
        return super().to_numpy(*args, **options)

    @property
    def values(self) -> Any:
        return self._seen() if self._cut is None else super().values

    @property
    def iloc(self) -> Any:
        return _Places(self) if self._cut is None else super().iloc


class _Places:
    """`column.iloc`, of which one value is read here."""

    def __init__(self, column: _Column) -> None:
        self._column = column

    def __getitem__(self, key: Any) -> Any:
        if type(key) is int and self._column._cut is None and -len(self._column) <= key < len(self._column):
            return self._column._seen()[key]
        return pd.Series.iloc.fget(self._column)[key]  # type: ignore[attr-defined]

    def __setitem__(self, key: Any, value: Any) -> None:
        pd.Series.iloc.fget(self._column)[key] = value  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        return getattr(pd.Series.iloc.fget(self._column), name)  # type: ignore[attr-defined]
