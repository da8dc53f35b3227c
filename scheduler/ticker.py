"""The ticker: wakes the sweeper at the next due time, and at least every few seconds.

APScheduler only ticks; no deadline lives in it, so losing it loses nothing.
"""

import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

from scheduler.sweep import Swept
from store.errors import StoreAway, StoreFull

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
        self._stopping, self._again = threading.Event(), threading.Event()
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
        self._stopping.set()
        self._scheduler.shutdown(wait=True)

    def wake(self) -> None:
        """Sweep as soon as may be: something may be due that the last sweep, or the one running now, did not see."""
        self._again.set()
        self._wake(self._now())

    def tick(self) -> None:
        """Sweep until no full batch is left. Where that fails as a whole, it is logged; the next tick tries again."""
        while not self._stopping.is_set():
            self._again.clear()
            now = self._now()
            try:
                swept = self._sweep(now)
            except (StoreAway, StoreFull) as problem:
                log.warning("nothing can be fired for now", problem=str(problem))
                return
            except Exception as error:  # noqa: BLE001 - see below
                # A ticker that dies would miss every deadline from then on. Local variables stay out of the log.
                log.error("sweep failed", frames=traceback.format_exception(error))  # noqa: TRY400
                return
            if swept.fired or swept.refused or swept.failed:
                log.info("swept", fired=len(swept.fired), refused=len(swept.refused), failed=len(swept.failed))
            if not swept.full and not self._again.is_set():
                if swept.next_at is not None and swept.next_at < now + self._at_least_every:
                    self._wake(max(swept.next_at, now) + SOONEST)
                return

    def _wake(self, at: datetime) -> None:
        """Bring the next sweep forward."""
        job = self._scheduler.get_job(JOB)
        if job is not None and (job.next_run_time is None or at < job.next_run_time):
            job.modify(next_run_time=at)
