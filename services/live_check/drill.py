"""The certificate of the newest fire drill: younger than 30 days, passed, and with the configuration in force."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.checklist import Item
from services.live_check.subject import failed, passed, warning

NAME = "fire drill"
YOUNG = timedelta(days=30)
SKEW = timedelta(hours=1)  # a certificate from further ahead than this is not believed
MOST_BYTES = 1_000_000
RUN = "run one: main.py drill"


def item(data_dir: Path, now: datetime, config_sha256: str) -> Item:
    """Their names are their times: the last one counts, whatever it says. Blocking. A drill with other limits still
    shows that the machinery works: it is worth a warning, and keeps nobody from going live."""
    paths = sorted((data_dir / "drills").glob("*.json"), key=lambda path: path.name)
    if not paths:
        return failed(NAME, "none is on record", RUN)
    certificate = _read(paths[-1])
    at = _time(certificate.get("at"))
    if at is None or at > now + SKEW or not isinstance(certificate.get("passed"), bool):
        return failed(NAME, f"the certificate {paths[-1].name} cannot be believed", RUN)
    seen = f"of {at:%Y-%m-%d %H:%M} UTC, version {str(certificate.get('version', '?'))[:20]}"
    if not certificate["passed"]:
        return failed(NAME, f"{seen}, did not pass", RUN)
    if now - at >= YOUNG:
        return failed(NAME, f"{seen}, is older than {YOUNG.days} days", RUN)
    scenarios = certificate.get("scenarios")
    count = len(scenarios) if isinstance(scenarios, list) else 0
    seen = f"{seen}, passed ({count} scenarios)"
    if certificate.get("config_sha256") != config_sha256:
        return warning(NAME, f"{seen}, drilled with another configuration", RUN)
    return passed(NAME, seen)


def _read(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MOST_BYTES:
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _time(text: object) -> datetime | None:
    try:
        at = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
