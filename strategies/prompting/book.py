"""An order book in one or two lines: spread, balance of both sides near the price, and walls."""

from decimal import Decimal

from app.core.model import OrderBook
from strategies.prompting.chart import number

NEAR = 0.5  # per cent from the middle
WALL = 4.0  # times the median level of its side

Side = list[tuple[float, float]]


def book_lines(book: OrderBook | None) -> list[str]:
    if book is None or not book.bids or not book.asks:
        return ["ORDER BOOK none on this market"]
    bids, asks = _floats(book.bids), _floats(book.asks)
    middle = (bids[0][0] + asks[0][0]) / 2
    near_bids, near_asks = _near(bids, middle), _near(asks, middle)
    total = near_bids + near_asks
    balance = f"{(near_bids - near_asks) / total * 100:+.0f} %" if total else "none"
    walls = [*_walls(bids, "bid"), *_walls(asks, "ask")]
    return [
        f"ORDER BOOK spread {(asks[0][0] - bids[0][0]) / middle * 100:.3f} %; within {NEAR} % bids {near_bids:.2f}, "
        f"asks {near_asks:.2f}, balance {balance} (+: more to buy); walls {', '.join(walls) or 'none'}"
    ]


def _floats(levels: tuple[tuple[Decimal, Decimal], ...]) -> Side:
    return [(float(price), float(quantity)) for price, quantity in levels]


def _near(side: Side, middle: float) -> float:
    return sum(quantity for price, quantity in side if abs(price / middle - 1) * 100 <= NEAR)


def _walls(side: Side, name: str) -> list[str]:
    usual = sorted(quantity for _, quantity in side)[len(side) // 2]
    large = [level for level in side if usual and level[1] >= WALL * usual]
    return [
        f"{name} {number(price)} ({quantity:.2f}, {quantity / usual:.0f}x the usual level)"
        for price, quantity in sorted(large, key=lambda level: -level[1])[:2]
    ]
