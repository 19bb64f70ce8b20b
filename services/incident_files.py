"""Incident reports on disk, in `incidents` in the data directory: their owner's alone, written whole, never changed."""

from pathlib import Path

from services.private_files import write_private

LONGEST = 500_000  # characters


class IncidentFolder:
    """Implements app.ports.IncidentFiles."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "incidents"

    def has(self, name: str) -> bool:
        return (self._folder / name).exists()

    def newest(self) -> tuple[str, str] | None:
        """Name and text of the newest report, by its name, which begins with its time."""
        try:
            found = sorted(path for path in self._folder.glob("*.md") if path.is_file() and not path.is_symlink())
            return (found[-1].name, found[-1].read_text(encoding="utf-8")[:LONGEST]) if found else None
        except (OSError, UnicodeDecodeError):
            return None

    def write(self, name: str, text: str) -> str:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / name
        write_private(path, text.encode(), "an incident report", only_new=True)
        return str(path)
