"""The pure core: no I/O, no clock, no async, no random, no logging; standard library only."""
