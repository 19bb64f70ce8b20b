"""Numbers as the exchange writes them: Decimals inside, eight places and no exponent on the wire."""

from decimal import ROUND_DOWN, Decimal

ZERO = Decimal(0)
EIGHT = Decimal("0.00000001")

Number = Decimal | int | float | str


def exact(value: Number) -> Decimal:
    """What a test wrote, as a Decimal: floats by their shortest text, so 0.1 is 0.1."""
    return value if isinstance(value, Decimal) else Decimal(str(value))


def text(value: Number) -> str:
    return f"{cut(exact(value)):f}"


def cut(value: Decimal) -> Decimal:
    """Cut off after eight places, as the exchange does with commissions and quote amounts."""
    return value.quantize(EIGHT, ROUND_DOWN)


def floored(value: Decimal, step: Decimal) -> Decimal:
    return (value // step) * step if step else value


def fits(value: Decimal, least: Decimal, step: Decimal) -> bool:
    """Whether a value stands on the grid that begins at `least`; a step of 0 switches the rule off."""
    return not step or (value - least) % step == 0
