"""Decides. Imports nothing of ours; talks to the world only through `app.ports`."""
