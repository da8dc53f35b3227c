"""The sweep: oldest first, one bad case stops nobody, and nothing is tried in a hurry."""

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from domain.errors import WrongState
from projections.due import DUE, SHARDS, VIEW, Due
from projections.storage import ViewStore
from projections.times import micros, moment
from scheduler.sweep import BATCH_ROWS, DueView, Sweeper, SweepMetrics
from store.errors import StoreAway, StoreFull

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
A, B, C = (UUID(int=number) for number in (1, 2, 3))


class Rows:
    """The due view, as a list."""

    def __init__(self, *rows: Due) -> None:
        self.rows = list(rows)

    def next_due(self, until: int, limit: int, *, inclusive: bool) -> Sequence[Due]:
        found = [row for row in sorted(self.rows) if row.fire_at < until or (inclusive and row.fire_at == until)]
        return found[:limit]

    def earliest(self, after: int) -> int | None:
        return min((row.fire_at for row in self.rows if row.fire_at > after), default=None)


class Desk:
    """Fires, and takes the row away as the view would; some streams answer otherwise."""

    def __init__(self, rows: Rows, **answers: object) -> None:
        self.rows = rows
        self.answers: dict[UUID, object] = {UUID(int=int(name[1:])): answer for name, answer in answers.items()}
        self.fired: list[UUID] = []

    def read_ahead(self, streams: Iterable[UUID]) -> dict[UUID, str]:
        return dict.fromkeys(streams, "read")

    def fire(self, stream_id: UUID, at: datetime, ahead: Mapping[UUID, str] | None = None) -> datetime | None:
        self.fired.append(stream_id)
        answer = self.answers.get(stream_id)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, datetime):
            return answer
        self.rows.rows = [row for row in self.rows.rows if row.stream != stream_id or moment(row.fire_at) > at]
        return None


def due(stream: UUID, at: datetime, kind: str = "arrival") -> Due:
    return Due(micros(at), stream, kind, stream)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def sweeper_of(
    rows: Rows, desk: Desk, registry: CollectorRegistry | None = None, settle: timedelta = SECOND, threads: int = 1
) -> Sweeper:
    return Sweeper(rows, desk, SweepMetrics(registry or CollectorRegistry()), settle=settle, threads=threads)


def test_everything_that_fell_due_during_a_downtime_fires_oldest_first() -> None:
    rows = Rows(due(C, NOW - SECOND), due(A, NOW - 2 * SECOND), due(B, NOW - timedelta(days=3)))
    desk = Desk(rows)

    swept = sweeper_of(rows, desk).sweep(NOW)

    assert desk.fired == [B, A, C]
    assert swept.fired == (B, A, C)


def test_what_is_due_at_this_very_moment_waits_for_the_people_who_act_now() -> None:
    rows = Rows(due(A, NOW))
    desk = Desk(rows)
    sweeper = sweeper_of(rows, desk)

    swept = sweeper.sweep(NOW)
    assert (desk.fired, swept.next_at) == ([], NOW)

    sweeper.sweep(NOW + timedelta(microseconds=1))
    assert desk.fired == [A]


def test_a_play_fires_what_is_due_at_the_moment_it_stands_at() -> None:
    rows = Rows(due(A, NOW), due(B, NOW + SECOND))
    desk = Desk(rows)

    swept = sweeper_of(rows, desk, settle=timedelta(0)).sweep(NOW, inclusive=True)

    assert desk.fired == [A]
    assert swept.next_at == NOW + SECOND


def test_a_stream_with_two_overdue_clocks_is_asked_once() -> None:
    rows = Rows(due(A, NOW - SECOND, "signature"), due(A, NOW - 2 * SECOND, "arrival"))
    desk = Desk(rows)

    sweeper_of(rows, desk).sweep(NOW)

    assert desk.fired == [A]


def test_one_bad_case_stops_nobody_and_is_handed_back_logged_and_counted(registry: CollectorRegistry) -> None:
    broken, refusal = RuntimeError("the disk is full"), WrongState("It is closed.")
    rows = Rows(due(A, NOW - 3 * SECOND), due(B, NOW - 2 * SECOND), due(C, NOW - SECOND))
    desk = Desk(rows, s1=broken, s2=refusal)

    with capture_logs() as lines:
        swept = sweeper_of(rows, desk, registry).sweep(NOW)

    assert swept.fired == (C,)
    assert swept.failed == ((A, broken),)
    assert swept.refused == ((B, refusal),)
    assert {line["event"] for line in lines} == {"timer failed", "timer refused"}
    counted = {
        outcome: registry.get_sample_value("shaoxiang_timers_total", {"outcome": outcome})
        for outcome in ("fired", "refused", "failed")
    }
    assert counted == {"fired": 1, "refused": 1, "failed": 1}


def test_a_failing_stream_is_tried_again_twice_as_late_each_time_and_at_least_every_five_minutes() -> None:
    rows = Rows(due(A, NOW - SECOND))
    desk = Desk(rows, s1=RuntimeError("down"))
    sweeper = sweeper_of(rows, desk)

    tries = []
    for second in range(1300):
        before = len(desk.fired)
        with capture_logs():
            sweeper.sweep(NOW + second * SECOND)
        if len(desk.fired) > before:
            tries.append(second)

    waits = [later - earlier for earlier, later in itertools.pairwise(tries)]
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_a_stream_recovers_as_soon_as_the_desk_can_fire_it() -> None:
    rows = Rows(due(A, NOW - SECOND))
    desk = Desk(rows, s1=RuntimeError("down"))
    sweeper = sweeper_of(rows, desk)
    with capture_logs():
        sweeper.sweep(NOW)
    del desk.answers[A]

    assert sweeper.sweep(NOW + 2 * SECOND).fired == (A,)


def test_what_the_desk_puts_off_is_left_alone_until_then() -> None:
    morning = NOW + timedelta(hours=8)
    rows = Rows(due(A, NOW - SECOND))
    desk = Desk(rows, s1=morning)
    sweeper = sweeper_of(rows, desk)

    swept = sweeper.sweep(NOW)
    sweeper.sweep(NOW + SECOND)
    assert desk.fired == [A]
    assert (swept.fired, swept.next_at) == ((), morning)

    sweeper.sweep(morning)
    assert desk.fired == [A, A]


def test_a_delay_holds_up_the_row_it_was_given_for_and_no_other_of_the_stream() -> None:
    rows = Rows(due(A, NOW - SECOND, "warn"))
    desk = Desk(rows, s1=NOW + timedelta(hours=8))
    sweeper = sweeper_of(rows, desk)
    sweeper.sweep(NOW)

    rows.rows.append(due(A, NOW + SECOND, "signature"))
    sweeper.sweep(NOW + 2 * SECOND)

    assert desk.fired == [A, A]


def test_a_row_that_the_view_has_not_dropped_yet_is_not_fired_again_at_once() -> None:
    rows = Rows(due(A, NOW - SECOND))
    desk = Desk(Rows())
    sweeper = sweeper_of(rows, desk, settle=SECOND)

    sweeper.sweep(NOW)
    sweeper.sweep(NOW + SECOND / 2)
    assert desk.fired == [A]

    sweeper.sweep(NOW + SECOND)
    assert desk.fired == [A, A]


def test_more_than_a_batch_is_worked_off_by_several_sweeps() -> None:
    rows = Rows(*(due(UUID(int=number), NOW - SECOND) for number in range(1, BATCH_ROWS + 11)))
    desk = Desk(rows)
    sweeper = sweeper_of(rows, desk)

    first, second = sweeper.sweep(NOW), sweeper.sweep(NOW)

    assert (len(first.fired), first.full) == (BATCH_ROWS, True)
    assert (len(second.fired), second.full) == (10, False)


def test_the_next_due_time_is_known() -> None:
    rows = Rows(due(A, NOW + timedelta(hours=2)), due(B, NOW + timedelta(hours=1)))

    assert sweeper_of(rows, Desk(rows)).sweep(NOW).next_at == NOW + timedelta(hours=1)
    assert sweeper_of(Rows(), Desk(Rows())).sweep(NOW).next_at is None


def test_how_late_the_oldest_due_row_was_found_is_measured(registry: CollectorRegistry) -> None:
    rows = Rows(due(A, NOW - timedelta(minutes=10)))

    sweeper_of(rows, Desk(rows), registry).sweep(NOW)

    assert registry.get_sample_value("shaoxiang_timers_behind_seconds") == 600


def test_several_threads_fire_side_by_side_and_the_answers_keep_their_order() -> None:
    streams = [UUID(int=number) for number in range(1, 9)]
    rows = Rows(*(due(stream, NOW - timedelta(seconds=20 - n)) for n, stream in enumerate(streams)))
    together = threading.Barrier(4)

    class Waiting(Desk):
        def fire(self, stream_id: UUID, at: datetime, ahead: Mapping[UUID, str] | None = None) -> datetime | None:
            together.wait(timeout=5)
            assert ahead is not None
            assert ahead[stream_id] == "read"
            return None

    sweeper = sweeper_of(rows, Waiting(rows), threads=4)
    try:
        assert sweeper.sweep(NOW).fired == tuple(streams)
    finally:
        sweeper.close()


@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("problem", [StoreAway("in a failover"), StoreFull("no room")], ids=["away", "full"])
def test_while_the_store_takes_nothing_no_stream_is_blamed_and_the_next_sweep_tries_all(
    problem: Exception, threads: int
) -> None:
    rows = Rows(due(A, NOW - 3 * SECOND), due(B, NOW - 2 * SECOND))
    desk = Desk(rows, s1=problem)
    sweeper = sweeper_of(rows, desk, threads=threads)
    with pytest.raises(type(problem)):
        sweeper.sweep(NOW)

    desk.answers.clear()
    assert set(sweeper.sweep(NOW + SECOND).fired) | set(desk.fired) >= {A, B}
    sweeper.close()


def test_a_sweeper_asks_the_view_for_its_own_shards_alone() -> None:
    store = ViewStore(None)
    store.prepare([VIEW])
    streams = [UUID(f"00000000-0000-7{digit}{digit}{digit}-8000-000000000000") for digit in SHARDS]
    with store.writing() as db:
        for n, stream in enumerate(streams):
            db.execute(DUE.table.insert().values(stream=str(stream), kind="arrival", fire_at=n, case_id=str(stream)))
    view = DueView(store.engine, lambda: {"3", "c"})
    assert [row.stream for row in view.next_due(100, 100, inclusive=True)] == [streams[0x3], streams[0xC]]
    assert [view.earliest(after) for after in (0, 3, 12)] == [3, 12, None]
    assert len(DueView(store.engine).next_due(100, 100, inclusive=True)) == len(SHARDS)
    none = DueView(store.engine, set)
    assert (none.next_due(100, 100, inclusive=True), none.earliest(0)) == ((), None)
    store.close()
