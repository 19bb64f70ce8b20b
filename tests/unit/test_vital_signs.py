"""How the whole trader is: each sign good, doubtful and bad, in words."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import StoreError
from app.news_ports import NewsSourceState
from app.ports import Row, Status
from app.seam import Tasks
from app.vital_signs import GIB, Machine, Sources, VitalSigns, row
from services.health import machine, resident_mb
from services.incident_files import IncidentFolder
from tests.fakes_ui import NOW, HandClock, a_status


def seen(items: list[Row]) -> dict[str, tuple[str, str]]:
    return {item["name"]: (item["status"], item["text"]) for item in items}


async def looked(status: Status, **changes: Any) -> dict[str, tuple[str, str]]:
    return seen((await signs(status, **changes).look())["items"])


def signs(status: Status, **changes: Any) -> VitalSigns:
    async def roomy() -> Machine:
        return Machine(disk_free=20 * GIB, disk_total=40 * GIB, memory_mb=200.04)

    async def asked() -> None:
        return None

    standard = Sources(
        status=lambda: status, candle_fed=lambda: False, machine=roomy, ask_store=asked, jobs=lambda: [{"name": "news"}]
    )
    return VitalSigns(replace(standard, **changes), HandClock())


LIVE = a_status(mode="live", market="binanceus", user_data="listenKey stream")


async def test_all_is_well() -> None:
    found = await signs(LIVE, clock_ahead=lambda: -0.02).look()
    assert seen(found["items"]) == {
        "exchange": ("ok", "Binance.US answers; books compared every 30 s"),
        "order reports": ("ok", "listenKey stream"),
        "prices": ("ok", "the newest is 0 s old"),
        "database": ("ok", "database answers in 0 ms"),
        "disk": ("ok", "20.0 of 40.0 GB free (50 %)"),
        "clock": ("ok", "0.02 s behind the exchange's"),
    }
    assert (found["memory_mb"], found["version"], found["uptime_seconds"]) == (200.0, "0.1.0", 0)
    assert found["jobs"] == [{"name": "news"}]


@pytest.mark.parametrize(
    ("changes", "name", "status", "text"),
    [
        ({"connected": False}, "exchange", "failed", "does not answer"),
        ({"reason": "exchange_refuses"}, "exchange", "failed", "refuses our key"),
        ({"state": "RECONCILING", "connected": False}, "exchange", "warning", "being asked"),
        ({"user_data": "polling every 2 s"}, "order reports", "warning", "polling every 2 s"),
        ({"market_at": NOW + timedelta(seconds=25)}, "prices", "warning", "25 s old"),
        ({"price_at": None}, "prices", "warning", "none yet"),
        ({"reason": "market_ended"}, "prices", "warning", "has ended"),
        ({"reason": "database"}, "database", "failed", "nothing is traded"),
        ({"last_replay": {"day": "2026-03-09", "identical": False}}, "daily replay", "failed", "not give the same"),
    ],
)
async def test_what_is_wrong_is_said(changes: dict[str, Any], name: str, status: str, text: str) -> None:
    found = (await looked(replace(LIVE, **changes)))[name]
    assert found[0] == status
    assert text in found[1]


async def test_a_store_that_does_not_answer_a_full_disk_and_a_wrong_clock() -> None:
    async def down() -> None:
        raise StoreError("connection refused")

    async def full() -> Machine:
        return Machine(disk_free=GIB, disk_total=40 * GIB)

    found = await looked(LIVE, ask_store=down, machine=full, clock_ahead=lambda: 3.2)
    assert found["database"] == ("failed", "does not answer: connection refused")
    assert found["disk"] == ("failed", "1.0 of 40.0 GB free (2 %)")
    assert found["clock"] == ("warning", "3.20 s ahead of the exchange's")


async def test_the_model_news_and_what_is_not_set_up() -> None:
    found = await looked(
        a_status(),
        candle_fed=lambda: True,
        analyst=lambda: ("deepseek", "over_budget", ""),
        news=lambda: [NewsSourceState(name="rss-1", status="refused", error="403"), NewsSourceState(name="rss-2")],
        extra=[row("backups", "not_set_up", "not set up")],
    )
    assert found["prices"] == ("ok", "each closed candle as it comes")
    assert found["deepseek"][0] == "warning"
    assert found["news: rss-1"] == ("failed", "refused: 403")
    assert found["news: rss-2"] == ("ok", "not asked yet")
    assert found["backups"][0] == "not_set_up"
    assert "order reports" not in found
    assert "clock" not in found


async def test_this_machine_is_really_looked_at(tmp_path: Path) -> None:
    tasks = Tasks()
    found = await machine(tmp_path, tasks)()
    assert 0 < found.disk_free <= found.disk_total
    assert 10 < found.memory_mb < 4000
    assert resident_mb(tmp_path) == 0
    await tasks.stop()


def test_the_newest_incident_report_is_read(tmp_path: Path) -> None:
    folder = IncidentFolder(tmp_path)
    assert folder.newest() is None
    folder.write("2026-03-09T10-00-00Z-kill-switch.md", "first")
    folder.write("2026-03-10T10-00-00Z-kill-switch.md", "second")
    assert folder.newest() == ("2026-03-10T10-00-00Z-kill-switch.md", "second")
