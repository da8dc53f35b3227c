"""A failure that nobody foresaw ends no projector: it says so, backs off and goes on; another may lead meanwhile."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from bench.histories import MemoryLog, interleaved
from projections.following import Follower
from projections.projector import Projector
from projections.storage import ViewStore
from store.errors import StoreAway
from tests.projections.conftest import Opener
from tests.projections.kit import VIEWS, everything, folded

FACTS = list(interleaved(120, seed=8, open_cases=10))
SECRET = "13800000001"
PATIENCE_SECONDS = 20.0


class Broken:
    """Stands in for folding a batch, and fails until it is repaired."""

    def __init__(self, projector: Projector) -> None:
        self.projector, self.whole, self.tries = projector, False, 0

    def __call__(self, limit: int | None = None) -> int:
        self.tries += 1
        phone = SECRET
        if not self.whole:
            msg = "nobody thought of this"
            raise KeyError(msg, len(phone))
        return Projector.step(self.projector, limit)


@contextmanager
def running(store: ViewStore, log: MemoryLog) -> Iterator[tuple[Projector, Broken]]:
    """A projector at work that cannot fold."""
    projector, stop = Projector(log, store, VIEWS, poll_seconds=0.05), threading.Event()
    broken = projector.step = Broken(projector)  # type: ignore[method-assign]
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    try:
        yield projector, broken
        assert thread.is_alive()
    finally:
        stop.set()
        thread.join()


def soon(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_it_goes_on_once_it_can_and_says_meanwhile_that_it_fails(store: ViewStore) -> None:
    log = MemoryLog(FACTS)
    with capture_logs() as lines, running(store, log) as (projector, broken):
        soon(lambda: broken.tries >= 3)
        assert projector.failing
        assert not projector.leads
        broken.whole = True
        soon(lambda: projector.position == len(FACTS))
        soon(lambda: not projector.failing)
        assert everything(store) == everything(folded(FACTS).store)
    said = [line for line in lines if line["event"] == "folding failed"]
    assert [line["times"] for line in said][:3] == [1, 2, 3]
    assert "nobody thought of this" in said[0]["problem"]
    assert SECRET not in str(said)


def test_it_backs_off_so_that_a_lasting_failure_fills_no_log(store: ViewStore) -> None:
    with running(store, MemoryLog(FACTS)) as (_, broken):
        time.sleep(1)
        # 50, 100, 200, 400 and 800 ms after one another.
        assert 2 <= broken.tries <= 6


def test_another_projector_takes_over_meanwhile(opener: Opener) -> None:
    log, store = MemoryLog(FACTS), opener()
    if not store.backend.shared:
        pytest.skip("an embedded store has one process")
    with running(store, log) as (failing, broken), running(opener(), log) as (other, works):
        works.whole = True
        soon(lambda: broken.tries and other.position == len(FACTS))
        soon(lambda: failing.position == len(FACTS))


def test_a_store_that_is_away_does_not_count_as_failing(store: ViewStore) -> None:
    with running(store, MemoryLog(FACTS)) as (projector, broken):

        def away(limit: int | None = None) -> int:
            raise StoreAway("it is down")

        broken.whole = True
        soon(lambda: projector.position == len(FACTS))
        projector.step = away  # type: ignore[method-assign]
        time.sleep(0.2)
        assert not projector.failing


def test_a_follower_that_fails_says_so_and_goes_on(store: ViewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    log = MemoryLog(FACTS)
    Projector(log, store, VIEWS).catch_up()
    glancing = store.glancing

    def broken() -> None:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(store, "glancing", broken)
    follower = Follower(store, log)
    try:
        soon(lambda: follower.failing)
        monkeypatch.setattr(store, "glancing", glancing)
        assert follower.wait_for(len(FACTS), PATIENCE_SECONDS)
        soon(lambda: not follower.failing)
    finally:
        follower.close()


def test_a_projector_that_waits_for_news_ends_when_it_is_told_to(store: ViewStore) -> None:
    class Quiet(MemoryLog):
        """A log in which nothing happens: whoever waits waits as long as it asked to."""

        def wait(self, position: int, timeout: float) -> int:
            time.sleep(timeout)
            return position

    projector, stop = Projector(Quiet(FACTS), store, VIEWS, poll_seconds=60), threading.Event()
    thread = threading.Thread(target=projector.run, args=(stop,))
    thread.start()
    soon(lambda: projector.position == len(FACTS))
    told = time.monotonic()
    stop.set()
    thread.join(PATIENCE_SECONDS)
    assert not thread.is_alive()
    assert time.monotonic() - told < 1
