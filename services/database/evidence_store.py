"""Prompts, answers and the headlines that were shown, each once, by the SHA-256 that the journal holds."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, insert, select

from app.evidence import Evidence
from services.database import tables, wording
from services.database.connection import Database

EVIDENCE: Table = tables.EvidenceTable.__table__  # type: ignore[attr-defined]
NEWS: Table = tables.NewsEventTable.__table__  # type: ignore[attr-defined]


class DatabaseEvidence:
    """Implements app.evidence.EvidenceStore."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._last: dict[str, str] = {}  # strategy → what it rested on last: most often the same again

    def keep(self, at: datetime, evidence: Evidence) -> None:
        digest = evidence.sha256
        if self._last.get(evidence.strategy) == digest:
            return
        with self._database.writing() as connection:
            known = connection.execute(select(EVIDENCE.c.sha256).where(EVIDENCE.c.sha256 == digest)).first()
            if known is None:
                connection.execute(insert(EVIDENCE), [_columns(digest, at, evidence)])
        self._last[evidence.strategy] = digest


def _columns(digest: str, at: datetime, evidence: Evidence) -> dict[str, Any]:
    return {
        "sha256": digest,
        "at": at,
        "strategy": evidence.strategy,
        "template": evidence.template,
        "model": evidence.model,
        "prompt": evidence.prompt,
        "answer": evidence.answer,
        "news": json.dumps(evidence.news),
        "withheld": json.dumps(evidence.withheld),
    }


def evidence_of(connection: Connection, digests: Iterable[str]) -> wording.Row:
    """Of one decision: the news that were shown or withheld, and what a language model was asked and answered.

    Nothing where it was removed since.
    """
    wanted = sorted({digest for digest in digests if digest})
    query = select(EVIDENCE).where(EVIDENCE.c.sha256.in_(wanted)).order_by(EVIDENCE.c.strategy)
    found = [dict(row) for row in connection.execute(query).mappings()]
    shown = {id for row in found for id in json.loads(row["news"])}
    withheld = {id for row in found for id in json.loads(row["withheld"])}
    asked = next((row for row in found if row["prompt"]), None)
    return {
        "news": [{**row, "shown": row["id"] in shown} for row in _stories(connection, shown | withheld)],
        "prompt": asked["prompt"] if asked else None,
        "answer": asked["answer"] if asked else None,
        "prompt_template": asked["template"] if asked else None,
        "model": asked["model"] or None if asked else None,
    }


def _stories(connection: Connection, ids: set[str]) -> Sequence[wording.Row]:
    """The newest first."""
    query = select(NEWS).where(NEWS.c.id.in_(sorted(ids))).order_by(NEWS.c.published_at.desc(), NEWS.c.id)
    return [wording.news_row(dict(row)) for row in connection.execute(query).mappings()]
