"""Decimal helpers. Money is never a float in here; rounding to the exchange's grid lives in `Instrument`."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

from app.core.errors import DataError

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
CENT = Decimal("0.01")
_DOWN = Context(rounding=ROUND_DOWN)


def decimal(value: object, what: str = "number") -> Decimal:
    """A finite Decimal from an exchange's string or an int. Floats go through `str`, so 0.1 stays 0.1.

    Raises DataError for None, NaN, infinities, blanks and anything that is no plain number.
    """
    if isinstance(value, bool) or value is None:
        raise DataError(f"{what}: {value!r} is not a number")
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except InvalidOperation as error:
        raise DataError(f"{what}: {value!r} is not a number") from error
    if not number.is_finite():
        raise DataError(f"{what}: {value!r} is not a finite number")
    return number


def positive(value: object, what: str = "number") -> Decimal:
    """As `decimal`, and greater than zero."""
    number = decimal(value, what)
    if number <= ZERO:
        raise DataError(f"{what}: {value!r} must be greater than zero")
    return number


def floor_to(value: Decimal, step: Decimal | None) -> Decimal:
    """The greatest multiple of `step` not above `value`; `value` itself where there is no grid."""
    if step is None:
        return value
    return (value / step).to_integral_value(rounding=ROUND_FLOOR) * step


def ceil_to(value: Decimal, step: Decimal | None) -> Decimal:
    """The least multiple of `step` not below `value`; `value` itself where there is no grid."""
    if step is None:
        return value
    return (value / step).to_integral_value(rounding=ROUND_CEILING) * step


def part(value: Decimal, pct: Decimal) -> Decimal:
    """`pct` per cent of `value`."""
    return value * pct / HUNDRED


def bought(value: Decimal, price: Decimal) -> Decimal:
    """How much `value` buys at `price`: the last digit is cut, so that it never costs more than `value`."""
    return _DOWN.divide(value, price)


def pct_of(value: Decimal, whole: Decimal) -> Decimal:
    """`value` as a percentage of `whole`; 0 where the whole is 0."""
    return value / whole * HUNDRED if whole else ZERO


def cents(value: Decimal) -> Decimal:
    """Rounded half-even to 0.01: for showing, never for book-keeping."""
    return value.quantize(CENT, rounding=ROUND_HALF_EVEN)


def plain(value: Decimal) -> str:
    """Without exponent, sign of zero or trailing zeros: the only way a number leaves the program."""
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
