"""Puts the parts together. It imports everybody; nobody but main.py imports it. No rule of trading stands here."""
