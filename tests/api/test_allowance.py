"""How often each may ask, where many ask at once."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from limits import parse

from api.identity import TIDY_SECONDS, Allowance
from api.problems import ApiProblem

THREADS, ASKED = 16, 200


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads that take turns as often as can be, so that they meet in the middle of things."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty")
def test_many_threads_may_ask_at_once_and_each_is_counted() -> None:
    allowance, limit = Allowance(), parse(f"{THREADS * ASKED}/minute")
    together = Barrier(THREADS)

    def ask(_: int) -> None:
        for _ in range(ASKED):
            together.wait(20)
            allowance.spend(limit, "requests", "somebody")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(ask, range(THREADS)))
    with pytest.raises(ApiProblem, match="More than"):
        allowance.spend(limit, "requests", "somebody")
    allowance.spend(limit, "requests", "somebody else")


class Watch:
    """A clock that is set by hand, in seconds."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_was_asked_counts_for_the_length_of_the_limit_and_no_longer() -> None:
    watch = Watch()
    allowance, limit = Allowance(watch), parse("2/minute")
    allowance.spend(limit, "requests", "somebody")
    watch.now += 40
    allowance.spend(limit, "requests", "somebody")
    with pytest.raises(ApiProblem) as refused:
        allowance.spend(limit, "requests", "somebody")
    assert refused.value.headers["Retry-After"] == "20", "the first of the two counts for 20 seconds more"
    watch.now += 20
    allowance.spend(limit, "requests", "somebody")
    with pytest.raises(ApiProblem, match="More than 2 per 1 minute"):
        allowance.spend(limit, "requests", "somebody")


def test_who_asks_no_more_is_forgotten() -> None:
    watch = Watch()
    allowance, limit = Allowance(watch), parse("2/minute")
    for host in range(100):
        allowance.spend(limit, "failed", str(host))
    watch.now += 2 * TIDY_SECONDS
    allowance.spend(limit, "requests", "somebody else")
    assert len(allowance._spent) == 1
