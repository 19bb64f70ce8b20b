"""After a kill switch there is one report, with everything a person needs to judge what happened."""

from pathlib import Path

from app.incidents import Incidents, hourly, table
from app.seam import Tasks
from services.database import DatabaseJournal, DatabaseReader, Ledgers, open_database
from services.incident_files import IncidentFolder
from tests.builders import NOON
from tests.integration.test_live_risk import BOLD
from tests.live_trader import LiveTrader, live_trader


async def test_a_kill_switch_leaves_one_report_that_says_what_happened(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path}/trader.db")
    ledger = Ledgers(database, min).open("live", "binanceus", "BTC/USD", NOON).name
    tasks, files = Tasks(), IncidentFolder(tmp_path)
    reader = DatabaseReader(database, ledger, tasks)

    def watched(trader: LiveTrader) -> None:
        trader.session.observe(Incidents(trader.session, reader, files, tasks, "Version 1, ledger test").hear)

    journal = DatabaseJournal(database, ledger, "1")
    async with live_trader(rules=BOLD, journal=journal) as trader:
        watched(trader)
        for _ in range(3):
            await trader.bought()
        trader.exchange.market.move(45_500)
        await trader.until(lambda: not trader.state.positions)
        folder = tmp_path / "incidents"
        await trader.until(lambda: folder.exists() and "incident_report" in trader.told())
        (report,) = folder.iterdir()
        text = report.read_text()
        assert text.startswith("# Kill switch at 20")
        assert "in all, limit 7 %. Version 1, ledger test." in text
        sold = text.partition("## Sold by it")[2].partition("##")[0]
        assert sold.count("\n| 20") == 3
        assert text.count("| exit | MARKET | FILLED |") == 3
        assert "kill_switch" in text.partition("## What people were told")[2]
        assert report.stat().st_mode & 0o777 == 0o600

        await trader.restart()
        watched(trader)
        await trader.pass_time(40)
        assert [each.read_text() for each in folder.iterdir()] == [text]
        assert trader.told().count("incident_report") == 1
    await tasks.stop()
    journal.close()
    database.close()


def test_an_hour_is_told_by_its_first_point_and_the_end_by_the_last() -> None:
    points = [{"at": f"2026-01-01T{hour}:{minute}:00Z"} for hour in ("10", "11") for minute in ("00", "30")]
    assert [point["at"][11:16] for point in hourly(points)] == ["10:00", "11:00", "11:30"]
    assert hourly([]) == []


def test_a_table_of_nothing_says_so_and_no_cell_breaks_it() -> None:
    assert table([], ("a",)) == "none"
    assert table([{"a": "x | y\nz", "b": None}], ("a", "b")) == "| a | b |\n|---|---|\n| x / y z |  |"
