"""Many units in one transaction: each gets its own answer, none waits for company, none is lost on the way out."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from store.committer import MOST_UNITS, GroupCommit, touched
from store.errors import Conflict, StoreAway
from store.recorder import Unit
from tests.store.aggregates import a_command

STREAMS = [UUID(int=number) for number in range(4)]


def a_unit(*streams: UUID, reads: Sequence[UUID] = (), counters: Sequence[str] = ()) -> Unit:
    events = [StoredEvent(stream, 1, "test.v1", b"{}") for stream in streams]
    return Unit(events, dict.fromkeys(reads, 0), None, dict.fromkeys(counters, 0))


class Disk:
    """Stands for the database: remembers batches, and stands still while it is held."""

    def __init__(self) -> None:
        self.batches: list[Sequence[Unit]] = []
        self.free = threading.Event()
        self.free.set()
        self.refuse: set[int] = set()

    def write(self, units: Sequence[Unit]) -> list[int | Exception]:
        first = sum(map(len, self.batches)) + 1
        self.batches.append(units)
        self.free.wait(10)
        return [Conflict("moved") if n in self.refuse else n for n, _ in enumerate(units, start=first)]


def until(count: int, commits: GroupCommit) -> None:
    """Wait until so many units are queueing."""
    deadline = time.monotonic() + 10
    while len(commits._queue) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_unit_that_is_alone_is_written_alone_and_at_once() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    assert [commits.submit(a_unit(uuid4())) for _ in range(3)] == [1, 2, 3]
    assert [len(batch) for batch in disk.batches] == [1, 1, 1]


def test_units_that_wait_for_the_disk_go_together_and_each_gets_its_own_answer() -> None:
    disk = Disk()
    disk.refuse = {4}
    commits = GroupCommit(disk.write)
    disk.free.clear()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(commits.submit, a_unit(uuid4()))
        while not disk.batches:
            time.sleep(0.001)
        others = [pool.submit(commits.submit, a_unit(uuid4())) for _ in range(8)]
        until(8, commits)
        disk.free.set()
        assert first.result(10) == 1
        problems = [each.exception(10) for each in others]
        answers = [each.result() for each in others if each.exception() is None]
    assert [len(batch) for batch in disk.batches] == [1, 8]
    assert sorted(answers) == [2, 3, 5, 6, 7, 8, 9]
    assert [type(problem) for problem in problems if problem] == [Conflict]


def test_more_than_may_wait_are_told_at_once() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write, waiting=2)
    disk.free.clear()
    with ThreadPoolExecutor(3) as pool:
        under_way = pool.submit(commits.submit, a_unit(uuid4()))
        while not disk.batches:
            time.sleep(0.001)
        waiting = [pool.submit(commits.submit, a_unit(uuid4())) for _ in range(2)]
        until(2, commits)
        with pytest.raises(StoreAway, match="2 writes are waiting"):
            commits.submit(a_unit(uuid4()))
        disk.free.set()
        assert sorted(each.result(10) for each in (under_way, *waiting)) == [1, 2, 3]


def test_closing_writes_what_waits_and_takes_nothing_more() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.free.clear()
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(commits.submit, a_unit(uuid4())) for _ in range(5)]
        until(4, commits)
        closing = pool.submit(commits.close)
        while not commits._closed:
            time.sleep(0.001)
        with pytest.raises(StoreAway, match="was closed"):
            commits.submit(a_unit(uuid4()))
        disk.free.set()
        closing.result(10)
        assert sorted(each.result(10) for each in waiting) == [1, 2, 3, 4, 5]
    commits.close()


def test_when_the_writer_is_interrupted_nobody_waits_for_ever() -> None:
    entered, free = threading.Event(), threading.Event()

    def write(_: Sequence[Unit]) -> list[int | Exception]:
        entered.set()
        free.wait(10)
        raise KeyboardInterrupt

    commits = GroupCommit(write)
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(commits.submit, a_unit(uuid4()))
        entered.wait(10)
        others = [pool.submit(commits.submit, a_unit(uuid4())) for _ in range(2)]
        until(2, commits)
        free.set()
        assert isinstance(first.exception(10), KeyboardInterrupt)
        found = {type(each.exception(10)) for each in others}
    assert found == {KeyboardInterrupt, StoreAway}
    commits.close()


def test_a_unit_that_makes_no_sense_is_its_own_threads_alone() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.free.clear()
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(commits.submit, a_unit(uuid4()))
        while not disk.batches:
            time.sleep(0.001)
        others = [pool.submit(commits.submit, a_unit(uuid4()))]
        until(1, commits)
        wrong = pool.submit(commits.submit, a_unit(uuid4())._replace(events=[None]))  # type: ignore[list-item]
        assert isinstance(wrong.exception(10), AttributeError)
        others.append(pool.submit(commits.submit, a_unit(uuid4())))
        disk.free.set()
        assert [each.result(10) for each in (first, *others)] == [1, 2, 3]
    commits.close()


def test_a_batch_has_an_end() -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.free.clear()
    with ThreadPoolExecutor(MOST_UNITS + 11) as pool:
        futures = [pool.submit(commits.submit, a_unit(uuid4())) for _ in range(MOST_UNITS + 11)]
        until(MOST_UNITS + 10, commits)
        disk.free.set()
        assert sorted(each.result(10) for each in futures) == list(range(1, MOST_UNITS + 12))
    assert [len(batch) for batch in disk.batches] == [1, MOST_UNITS, 10]


units = st.builds(
    lambda streams, reads, counters, command: Unit(
        [StoredEvent(stream, 1, "test.v1", b"{}") for stream in streams],
        dict.fromkeys(reads - streams, 0),
        command,
        dict.fromkeys(counters, 0),
    ),
    st.sets(st.sampled_from(STREAMS), max_size=2),
    st.sets(st.sampled_from(STREAMS), max_size=2),
    st.sets(st.sampled_from(["a", "b"]), max_size=1),
    st.none() | st.sampled_from([a_command(UUID(int=number)) for number in range(3)]),
)


@given(st.lists(units, max_size=12))
def test_units_of_one_batch_never_touch_each_other_and_keep_their_order(waiting: list[Unit]) -> None:
    disk = Disk()
    commits = GroupCommit(disk.write)
    disk.free.clear()
    with ThreadPoolExecutor(len(waiting) + 1) as pool:
        pool.submit(commits.submit, a_unit(uuid4()))
        while not disk.batches:
            time.sleep(0.0001)
        for count, unit in enumerate(waiting, start=1):
            pool.submit(commits.submit, unit)
            until(count, commits)
        disk.free.set()
    assert [unit for batch in disk.batches[1:] for unit in batch] == waiting
    for batch in disk.batches:
        for place, one in enumerate(batch):
            for other in batch[place + 1 :]:
                assert not touched(one) & (touched(other) | set(other.reads))
                assert not touched(other) & set(one.reads)
