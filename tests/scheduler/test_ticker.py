"""The ticker wakes the sweeper: at once, at the next due time, and again after a failure."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from scheduler.sweep import Swept
from scheduler.ticker import Ticker
from shaoxiang.clock import SystemClock
from store.errors import StoreAway

PATIENCE = 5.0
"""Seconds that a test waits at most."""


class Sweeps:
    """A sweeper that only notes when it was called, and answers with what it was given."""

    def __init__(self, *answers: Swept | Exception) -> None:
        self.answers = list(answers)
        self.at: list[datetime] = []
        self.seen = threading.Semaphore(0)

    def sweep(self, now: datetime) -> Swept:
        self.at.append(now)
        answer = self.answers.pop(0) if self.answers else Swept()
        self.seen.release()
        if isinstance(answer, Exception):
            raise answer
        return answer


@contextmanager
def ticking(sweeps: Sweeps, every: timedelta) -> Iterator[None]:
    ticker = Ticker(sweeps.sweep, SystemClock().now, every)
    ticker.start()
    try:
        yield
    finally:
        ticker.stop()


def test_the_first_sweep_comes_at_once() -> None:
    sweeps = Sweeps()
    with ticking(sweeps, timedelta(hours=1)):
        assert sweeps.seen.acquire(timeout=PATIENCE)


def test_the_next_due_time_brings_the_next_sweep_forward() -> None:
    soon = SystemClock().now() + timedelta(seconds=1)
    sweeps = Sweeps(Swept(next_at=soon))
    with ticking(sweeps, timedelta(hours=1)):
        assert sweeps.seen.acquire(timeout=PATIENCE)
        assert sweeps.seen.acquire(timeout=PATIENCE)
    assert soon <= sweeps.at[1] < soon + timedelta(seconds=2)


def test_a_full_batch_is_followed_by_another_sweep_at_once() -> None:
    sweeps = Sweeps(Swept(full=True), Swept(full=True))
    with ticking(sweeps, timedelta(hours=1)):
        assert all(sweeps.seen.acquire(timeout=PATIENCE) for _ in range(3))


@pytest.mark.parametrize("failure", [RuntimeError("the store is away"), OSError("no disk")])
def test_a_sweep_that_fails_as_a_whole_is_logged_and_tried_again(failure: Exception) -> None:
    sweeps = Sweeps(failure)
    with capture_logs() as lines, ticking(sweeps, timedelta(milliseconds=200)):
        assert all(sweeps.seen.acquire(timeout=PATIENCE) for _ in range(2))
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["sweep failed"]


def test_a_ticker_that_is_woken_sweeps_at_once_also_when_a_sweep_is_running() -> None:
    sweeps = Sweeps()
    ticker = Ticker(sweeps.sweep, SystemClock().now, timedelta(hours=1))
    ticker.start()
    try:
        assert sweeps.seen.acquire(timeout=PATIENCE)
        ticker.wake()
        assert sweeps.seen.acquire(timeout=PATIENCE)
    finally:
        ticker.stop()


def test_a_store_that_is_away_is_one_line_in_the_log_and_no_error() -> None:
    sweeps = Sweeps(StoreAway("in a failover"))
    with capture_logs() as lines, ticking(sweeps, timedelta(milliseconds=200)):
        assert all(sweeps.seen.acquire(timeout=PATIENCE) for _ in range(2))
    said = [line for line in lines if line["event"] == "nothing can be fired for now"]
    assert [(line["log_level"], line["problem"]) for line in said] == [("warning", "in a failover")]
