"""What an opinion rested on is kept word for word, and stands with the decision, on both databases."""

import json
from dataclasses import replace

from sqlalchemy import delete, func, insert, select

from app.core.decisions import Decision
from app.evidence import Evidence
from services.database import Database, DatabaseEvidence, DatabaseJournal, DatabaseReader
from services.database.tables import EvidenceTable, NewsEventTable
from tests.builders import NOON, a_story
from tests.integration.store_cases import a_whole_trade, entry

PROMPT = "be brief\nnews: “Fund buys 9,000 bitcoin”\x00"
STORIES = a_story("Fund buys 9,000 bitcoin"), a_story("Regulator approves everything", severity="high")
ASKED = Evidence(
    strategy="deepseek",
    template="market-1",
    model="parrot",
    prompt=PROMPT,
    answer='{"signal": "BUY"}',
    news=(STORIES[0].id,),
    withheld=(STORIES[1].id,),
)


def tell(database: Database) -> None:
    columns = "id published_at seen_at source title url severity sentiment score".split()
    with database.writing() as connection:
        for story in STORIES:
            row = {name: getattr(story, name) for name in columns}
            connection.execute(insert(NewsEventTable), [{**row, "keywords": json.dumps(["fund"])}])


def decide(journal: DatabaseJournal) -> str:
    """A decision whose only signal rested on ASKED."""
    _, entries = a_whole_trade()
    made = [each for every in entries for each in every.changes if isinstance(each, Decision)][-1]
    signals = tuple(replace(signal, evidence=ASKED.sha256) for signal in made.signals)
    journal.commit([replace(entry(1), changes=(replace(made, signals=signals),))], [])
    return made.id


async def test_a_decision_shows_prompt_answer_and_headlines(
    database: Database, journal: DatabaseJournal, reader: DatabaseReader
) -> None:
    tell(database)
    DatabaseEvidence(database).keep(NOON, ASKED)
    row = await reader.one("decisions", decide(journal))
    assert row is not None
    assert row["prompt"] == PROMPT.replace("\x00", "\ufffd")
    assert (row["answer"], row["prompt_template"], row["model"]) == ('{"signal": "BUY"}', "market-1", "parrot")
    assert {story["title"]: story["shown"] for story in row["news"]} == {
        "Fund buys 9,000 bitcoin": True,
        "Regulator approves everything": False,
    }


async def test_a_decision_is_readable_after_its_evidence_was_removed(
    database: Database, journal: DatabaseJournal, reader: DatabaseReader
) -> None:
    DatabaseEvidence(database).keep(NOON, ASKED)
    id = decide(journal)
    with database.writing() as connection:
        connection.execute(delete(EvidenceTable))
    row = await reader.one("decisions", id)
    assert row is not None
    assert (row["news"], row["prompt"], row["answer"]) == ([], None, None)
    assert row["vote"]["text"]


async def test_the_same_evidence_is_kept_once(database: Database) -> None:
    one, other = DatabaseEvidence(database), DatabaseEvidence(database)
    for store in (one, one, other):
        store.keep(NOON, ASKED)
    one.keep(NOON, replace(ASKED, answer="something else"))
    one.keep(NOON, ASKED)
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(EvidenceTable)).scalar_one() == 2
