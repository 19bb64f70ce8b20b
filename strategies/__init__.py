"""Opinions: one file, one strategy. They are shown candles and news, and never see a key, an order or the account."""
