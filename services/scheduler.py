"""Runs the table of jobs with APScheduler on the one loop. A job that fails is logged and runs again next time."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from app.jobs import Job

log = logging.getLogger(__name__)
LATE_SECONDS = 30  # a job that could not run for this long is skipped once, and several missed runs become one


class Scheduler:
    def __init__(self) -> None:
        self._scheduler = AsyncIOScheduler(
            timezone="UTC",
            executors={"default": AsyncIOExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": LATE_SECONDS},
        )

    def start(self, jobs: Sequence[Job]) -> None:
        """Begin running `jobs`; needs the running loop."""
        for job in jobs:
            when = self._when(job)
            self._scheduler.add_job(guarded(job.name, job.run), id=job.name, name=job.name, **when)
        self._scheduler.start()

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
