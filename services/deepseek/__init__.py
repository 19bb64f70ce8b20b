"""DeepSeek, or any server that speaks the same protocol: one question, one checked opinion, within time and budget.

The only thing that ever comes out of here is a signal with its reasons: never a size, a symbol or an order.
"""

from services.deepseek.analyst import DeepSeek
from services.deepseek.prices import Prices

__all__ = ["DeepSeek", "Prices"]
