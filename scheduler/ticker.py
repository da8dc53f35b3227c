"""The ticker: wakes the sweeper at the next due time, and at least every few seconds.

APScheduler only ticks; no deadline lives in it, so losing it loses nothing.
"""

import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from scheduler.sweep import Swept

__all__ = ["Ticker"]

AT_LEAST_EVERY = timedelta(seconds=2)
SOONEST = timedelta(milliseconds=50)
JOB = "sweep"

log = structlog.get_logger(__name__)


class Ticker:
    """Runs sweeps (`Sweeper.sweep`) in the background until stopped. `now` gives the house's time, aware and in UTC."""

    def __init__(
        self,
        sweep: Callable[[datetime], Swept],
        now: Callable[[], datetime],
        at_least_every: timedelta = AT_LEAST_EVERY,
    ) -> None:
        self._sweep = sweep
        self._now = now
        self._at_least_every = at_least_every
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
        )

    def start(self) -> None:
        """Sweep now, and from now on."""
        trigger = IntervalTrigger(seconds=self._at_least_every.total_seconds(), timezone=UTC)
        self._scheduler.add_job(self.tick, trigger, id=JOB, next_run_time=self._now())
        self._scheduler.start()

    def stop(self) -> None:
        """Stop after the sweep that is running."""
        self._scheduler.shutdown(wait=True)

    def tick(self) -> None:
        """One sweep. When it fails as a whole, as when a store is away, that is logged; the next tick tries again."""
        now = self._now()
        try:
            swept = self._sweep(now)
        except Exception as error:  # noqa: BLE001 - see below
            # A ticker that dies would miss every deadline from then on. Local variables stay out of the log.
            log.error("sweep failed", frames=traceback.format_exception(error))  # noqa: TRY400
            return
        if swept.fired or swept.refused or swept.failed:
            log.info("swept", fired=len(swept.fired), refused=len(swept.refused), failed=len(swept.failed))
        wake_at = now if swept.full else swept.next_at
        if wake_at is not None and wake_at < now + self._at_least_every:
            self._wake(max(wake_at, now) + SOONEST)

    def _wake(self, at: datetime) -> None:
        """Bring the next sweep forward."""
        job = self._scheduler.get_job(JOB)
        if job is not None and (job.next_run_time is None or at < job.next_run_time):
            job.modify(next_run_time=at)
