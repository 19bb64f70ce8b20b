"""Ports for servers that start a moment later, or stop and come back at the same address.

They lie below those that the kernel gives out by itself: one of those may be somebody's own before it is used here.
"""

import itertools
import os
import socket

FIRST, COUNT = 20_000, 12_000  # Linux gives out 32768 and above, others 49152 and above

_numbers = itertools.count(os.getpid() * 6007)  # the workers of one run begin far from each other


def free_port() -> int:
    """One that nobody listens on, and that this process gives to nobody else for a long while."""
    for number in itertools.islice(_numbers, COUNT):
        port = FIRST + number % COUNT
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
