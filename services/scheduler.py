"""Runs the table of jobs with APScheduler on the one loop. A job that fails is logged and runs again next time."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from app.jobs import Job
from app.seam import Clock

log = logging.getLogger(__name__)
LATE_SECONDS = 30  # a job that could not run for this long is skipped once, and several missed runs become one


@dataclass(slots=True)
class Run:
    """How a job's newest run went. `error` is "" where it did its work; None while it runs."""

    began_at: datetime
    seconds: float = 0.0
    error: str | None = None


class Scheduler:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: list[Job] = []
        self._runs: dict[str, Run] = {}
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            executors={"default": AsyncIOExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": LATE_SECONDS},
        )

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin running `jobs`; needs the running loop."""
        self._jobs = list(jobs)
        for job in jobs:
            when = self._when(job)
            self._scheduler.add_job(guarded(job.name, self._watched(job)), id=job.name, name=job.name, **when)
        self._scheduler.start()

    def rows(self) -> list[dict[str, Any]]:
        """Each job: how often, when and how it ran last, when it runs next. In the table's order."""
        return [self._row(job) for job in self._jobs]

    def _row(self, job: Job) -> dict[str, Any]:
        run, planned = self._runs.get(job.name), self._scheduler.get_job(job.name)
        every = f"daily at {job.daily_at} {job.zone}" if job.daily_at else f"every {job.every_seconds:g} s"
        return {
            "name": job.name,
            "every": every,
            "last_at": run.began_at if run else None,
            "outcome": None if run is None else "running" if run.error is None else "failed" if run.error else "ok",
            "error": (run.error or None) if run else None,
            "seconds": round(run.seconds, 3) if run else None,
            "next_at": planned.next_run_time if planned is not None else None,
        }

    def _watched(self, job: Job) -> Callable[[], Awaitable[None]]:
        async def attempt() -> None:
            began, run = self._clock.monotonic(), Run(self._clock.now())
            self._runs[job.name] = run
            try:
                await job.run()
                run.error = ""
            except Exception as error:  # guard: job
                run.error = f"{type(error).__name__}: {error}"[:300]
                raise
            finally:
                run.seconds = self._clock.monotonic() - began

        return attempt

    @staticmethod
    def _when(job: Job) -> dict[str, object]:
        if job.daily_at is not None:
            hour, minute = job.daily_at.split(":")
            return {"trigger": "cron", "hour": int(hour), "minute": int(minute), "timezone": job.zone}
        return {"trigger": "interval", "seconds": job.every_seconds}

    def stop(self) -> None:
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)


def guarded(name: str, run: Callable[[], Awaitable[None]]) -> Callable[[], Coroutine[Any, Any, None]]:
    """`run`, whose failure stays in the log."""

    async def attempt() -> None:
        try:
            await run()
        except Exception:  # guard: job
            log.exception("job %s failed", name)

    return attempt
