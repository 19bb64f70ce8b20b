"""The kill file, the scheduler's guard, a look at the disk, and the jobs that stand on them."""

import asyncio
import shutil
from collections import namedtuple
from datetime import timedelta
from pathlib import Path

import pytest

from app.core.messages import Gate, GateClosed, GateOpened, TimePassed
from app.jobs import Health, Job, health, tick
from app.seam import Tasks, clock
from services.health import look
from services.kill_seal import KillFile
from services.scheduler import Scheduler, guarded
from tests.builders import NOON, Desk

PAPER = "paper simulated BTC/USD"


def test_the_seal_is_a_file_that_survives_and_keeps_its_first_reason(tmp_path: Path) -> None:
    seal = KillFile(tmp_path)
    assert seal.sealed() is None
    seal.seal("down 50 %", NOON)
    seal.seal("another reason", NOON)
    assert "down 50 %" in str(KillFile(tmp_path).sealed())
    assert (tmp_path / "KILLED").exists()
    seal.unseal()
    assert seal.sealed() is None
    seal.unseal()


async def test_jobs_run_and_a_failing_one_runs_again() -> None:
    ran: list[str] = []
    again = asyncio.Event()

    async def fails() -> None:
        ran.append("fails")
        if len(ran) >= 2:
            again.set()
        raise RuntimeError("on purpose")

    scheduler = Scheduler(clock)
    scheduler.start(
        [
            Job(name="fails", run=fails, every_seconds=0.01),
            Job(name="daily", run=fails, daily_at="03:30"),
        ]
    )
    await asyncio.wait_for(again.wait(), 5)
    failing, daily = scheduler.rows()
    assert (failing["every"], failing["outcome"], failing["error"]) == (
        *("every 0.01 s", "failed"),
        "RuntimeError: on purpose",
    )
    assert failing["last_at"] <= clock.now() <= failing["next_at"] + timedelta(seconds=5)
    assert (daily["every"], daily["last_at"], daily["outcome"]) == ("daily at 03:30 UTC", None, None)
    assert (daily["next_at"].hour, daily["next_at"].minute) == (3, 30)
    scheduler.stop()
    scheduler.stop()


async def test_a_guarded_job_says_what_failed(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise RuntimeError("on purpose")

    await guarded("backup", fails)()
    assert "job backup failed" in caplog.text


Usage = namedtuple("Usage", "total used free")


async def test_a_full_disk_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await look(tmp_path, Tasks())()).problems == {}
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(100, 96, 4))
    assert "4.0 % of the disk is free" in (await look(tmp_path, Tasks())()).problems[Gate.DISK]


class Posted:
    """As much of a session as a job sees."""

    def __init__(self) -> None:
        self.desk = Desk().start()
        self.engine = self.desk.engine
        self.posted: list[object] = []

    def now(self):  # type: ignore[no-untyped-def]
        return self.desk.now

    def post(self, event) -> None:  # type: ignore[no-untyped-def]
        self.posted.append(event)
        self.desk.tell(event)


async def test_health_closes_and_opens_gates() -> None:
    session = Posted()
    found = {Gate.DISK: "full"}

    async def seen() -> Health:
        return Health(problems=dict(found))

    job = health(session, seen, (Gate.DISK, Gate.CLOCK))  # type: ignore[arg-type]
    await job()
    assert session.posted == [GateClosed(at=session.now(), gate=Gate.DISK, text="full")]
    assert session.engine.trading is False
    found.clear()
    await job()
    await job()
    assert session.posted[1:] == [GateOpened(at=session.now(), gate=Gate.DISK)]
    assert session.engine.trading is True
    await tick(session)()  # type: ignore[arg-type]
    assert session.posted[-1] == TimePassed(at=session.now())


def test_a_paper_ledger_that_was_killed_stops_neither_the_next_one_nor_real_money(tmp_path: Path) -> None:
    first, second, live = (KillFile(tmp_path, scope) for scope in (f"{PAPER} k3f9", f"{PAPER} k3g0", "live"))
    first.seal("down 50 %\nin all", NOON)
    assert [each.sealed() is not None for each in (first, second, live)] == [True, False, False]
    second.unseal()
    live.seal("real", NOON)
    second.seal("and this one", NOON)
    second.unseal()
    assert str(live.sealed()).endswith("real")
    live.unseal()
    assert first.sealed() == f"{NOON.isoformat()} down 50 % in all"
    live.seal("down 50 %", NOON)
    assert KillFile(tmp_path, "live").sealed()
    live.unseal()
    assert live.sealed() is None
