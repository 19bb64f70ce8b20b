"""What the app needs to know of the files of strategies: ports beside those of `app.ports`, and what may be wrong."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.ports import StrategyFace


class Unfit(Exception):
    """What was asked for cannot be; the text says which part, and the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyFile:
    """A strategy's file as it lies there now.

    `status`: new (its proof is still to come), good (proved, or shipped with the program), failed (`error` says why;
    `sha256` is empty where it could not even be read). `face` is None until it was loaded once.
    """

    name: str
    sha256: str = ""
    status: str = "new"
    error: str = ""
    face: StrategyFace | None = None


class StrategyFiles(Protocol):
    """The folder of strategies. Versions that were proved are kept, whatever becomes of their files."""

    @property
    def files(self) -> Mapping[str, StrategyFile]:
        """By name, as last looked at."""

    def listen(self, changed: Callable[[str], None], approved: Callable[[str], str]) -> None:
        """Whom to tell, on the loop, that what `files` says of a name has changed; and who knows the SHA-256 of the
        version that needs no proof, since it was approved after one or comes with the program, or ""."""

    def shipped(self, name: str) -> str:
        """The SHA-256 of the version that came with the program, or ""."""

    def has(self, sha256: str) -> bool:
        """Whether this version is kept."""

    async def look(self) -> None:
        """What was dropped, changed or removed since. New files are proved one after the other, in the background."""

    async def settled(self, names: Sequence[str]) -> None:
        """Until the proofs of these have ended."""


class StrategyTrouble(Protocol):
    """What the strategy process says of the strategies in it."""

    def trouble(self, name: str) -> str:
        """Why it is switched off there, or ""."""

    def forgive(self, name: str) -> None:
        """A person wants it asked again."""
