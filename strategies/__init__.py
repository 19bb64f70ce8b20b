"""Opinions: one file, one strategy. They are shown candles and news, never a key, an order or the account."""
