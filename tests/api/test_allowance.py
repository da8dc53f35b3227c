"""How often each may ask, where many ask at once."""

import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from limits import parse

from api.identity import Allowance
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
            # The library tidies up a hundredth of a second later, in a thread that one of those who ask has to start.
            time.sleep(0.011)
            together.wait(20)
            allowance.spend(limit, "requests", "somebody")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(ask, range(THREADS)))
    with pytest.raises(ApiProblem, match="More than"):
        allowance.spend(limit, "requests", "somebody")
    allowance.spend(limit, "requests", "somebody else")
