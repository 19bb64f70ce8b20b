"""The one exchange class of ccxt that we use, without the hundred that `import ccxt` loads beside it: half a second of
processor at each start, with a position open perhaps, and 48 MB for as long as the process lives.

Leaves nothing behind: whoever imports ccxt the usual way later gets the usual ccxt, with this very class in it.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def loaded() -> tuple[Any, Any]:
    """ccxt's asynchronous `binanceus`, and the error that all errors of ccxt are."""
    if "ccxt" not in sys.modules:
        _load_one()
    errors = importlib.import_module("ccxt.base.errors")
    return importlib.import_module("ccxt.async_support.binanceus").binanceus, errors.BaseError


def _load_one() -> None:
    """With stand-ins for the two packages whose own code would load every exchange."""
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise ImportError("ccxt is not installed")
    folder = Path(spec.origin).parent
    package, asynchronous = ModuleType("ccxt"), ModuleType("ccxt.async_support")
    package.__path__, asynchronous.__path__ = [str(folder)], [str(folder / "async_support")]
    sys.modules |= {"ccxt": package, "ccxt.async_support": asynchronous}
    try:
        errors = vars(importlib.import_module("ccxt.base.errors"))
        vars(package).update({name: each for name, each in errors.items() if not name.startswith("_")})
        vars(package)["Exchange"] = importlib.import_module("ccxt.base.exchange").Exchange
        importlib.import_module("ccxt.async_support.binanceus")
    finally:
        del sys.modules["ccxt"], sys.modules["ccxt.async_support"]
