"""What an opinion rests on beside candles, kept for the record: prompt, answer and headlines, word for word.

The journal holds its SHA-256 only, so that it can be removed later without breaking the chain.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from app import codec


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`news` and `withheld` are the ids of the stories that were shown, and of those that wait for a second source."""

    strategy: str
    template: str = ""
    model: str = ""
    prompt: str = ""
    answer: str = ""
    news: tuple[str, ...] = ()
    withheld: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Of its canonical text."""
        return hashlib.sha256(codec.encode(self).encode()).hexdigest()


class EvidenceStore(Protocol):
    """Evidence by its SHA-256, durable. Synchronous; always called beside the loop. Raises StoreError."""

    def keep(self, at: datetime, evidence: Evidence) -> None:
        """Known evidence is left as it is."""
