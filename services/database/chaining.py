"""The journal's hash chain: each row's hash is made of the hash before it and of the row's own bytes."""

import hashlib

GENESIS = "0" * 64


def chain(previous: str, seq: int, message: str, actions: str) -> str:
    """The hash of one row; the lengths keep one field's end from becoming another's beginning."""
    head = f"{previous}\n{seq}\n{len(message.encode())}\n"
    return hashlib.sha256(head.encode() + message.encode() + actions.encode()).hexdigest()
