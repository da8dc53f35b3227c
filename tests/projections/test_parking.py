"""An event that cannot be folded stops its own case and nobody else's, and is never skipped silently."""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import Column, Integer, String

from bench.histories import MemoryLog, Story, raw
from domain.kernel import Fact
from projections.board import BOARD
from projections.events import Event
from projections.folding import PoisonError, case_keys
from projections.history import ACTS
from projections.projector import Parked, Projector
from projections.rebuilding import check, rebuild
from projections.rows import Rows
from projections.storage import ViewStore
from projections.tables import Append, Keyed, Row
from projections.view import View
from store.postgres_schema import migrate
from tests.conftest import START
from tests.projections.conftest import Opener
from tests.projections.kit import VIEWS, everything, folded, rows_of

BAD, GOOD = Story(1), Story(2)
SHORT = Keyed("short_1", Column("id", String(36), primary_key=True), Column("room", String(3)))
TRAPPED = Append("trap_1", Column("position", Integer, primary_key=True, autoincrement=False))


def _told() -> Iterator[Fact]:
    """Two cases side by side."""
    return chain.from_iterable(zip(_case(1), _case(2), strict=False))


def _case(number: int) -> list[Fact]:
    story = Story(number)
    return [*story.reported(), *story.later(minutes=5).filed(), *story.later(minutes=5).blown(["2202-scjg"])]


class Trap:
    """A handler of filings that fails on one case until it is repaired."""

    def __init__(self) -> None:
        self.broken = True

    def __call__(self, event: Event, rows: Rows) -> None:
        rows.append(TRAPPED, event.position)
        if self.broken and event.case == str(BAD.case):
            msg = "cannot be folded"
            raise ValueError(msg)


@pytest.fixture
def trap() -> Trap:
    return Trap()


@pytest.fixture
def views(trap: Trap) -> tuple[View, ...]:
    trapped = View("trap_1", "What fails?", (TRAPPED,), {"case.filed.v1": trap}, frozenset())
    return (*VIEWS, trapped)


def _boards(projector: Projector) -> dict[str, Row]:
    return {row["id"]: row for row in rows_of(projector, BOARD)}


def test_the_case_is_parked_and_the_others_go_on(views: tuple[View, ...], store: ViewStore) -> None:
    alarms: list[Parked] = []
    projector = Projector(MemoryLog(list(_told())), store, views, alarm=alarms.append)
    projector.catch_up()
    assert projector.lag == 0
    assert _boards(projector)[str(GOOD.case)]["state"] == "whistled"
    assert _boards(projector)[str(BAD.case)]["state"] is None
    assert [(each.case_id, each.topic) for each in alarms] == [(str(BAD.case), "case.filed.v1")]
    assert "cannot be folded" in alarms[0].error


def test_a_case_whose_row_cannot_be_made_ready_is_parked_and_the_others_go_on(store: ViewStore) -> None:
    def settle(row: Row, _: Rows) -> None:
        if row["id"] == str(BAD.case):
            msg = "cannot be reckoned"
            raise ValueError(msg)

    views = tuple(replace(view, settles={BOARD: settle}) if BOARD in view.tables else view for view in VIEWS)
    projector = Projector(MemoryLog(list(_told())), store, views)
    projector.catch_up()
    [parked] = projector.parked()
    assert parked.case_id == str(BAD.case)
    assert "cannot be reckoned" in (parked.error or "")
    assert set(_boards(projector)) == {str(GOOD.case)}
    assert projector.retry_parked() == 0


@pytest.fixture
def strict(database: str) -> Iterator[ViewStore]:
    """Views on PostgreSQL: SQLite takes texts of any length."""
    migrate(database, START)
    with closing(ViewStore.connect(database)) as store:
        yield store


@pytest.fixture
def refused(trap: Trap) -> View:
    """A view of a table in which the database has no room for what is put for one case until it is repaired."""

    def put(event: Event, rows: Rows) -> None:
        too_much = trap.broken and event.case == str(BAD.case)
        rows.put(SHORT, event.case, "much" if too_much else "fit")

    return View("short_1", "What has no room?", (SHORT,), {"case.filed.v1": put}, frozenset())


@pytest.mark.parametrize("batch", [1, 3, 4, 5000])
def test_a_case_that_the_database_refuses_is_parked_and_the_others_go_on(
    trap: Trap, refused: View, strict: ViewStore, batch: int
) -> None:
    # Other tables are written before and after the one that refuses.
    projector = Projector(MemoryLog(list(_told())), strict, (*VIEWS[:2], refused, *VIEWS[2:]), batch=batch)
    projector.catch_up()
    [parked] = projector.parked()
    assert (parked.case_id, parked.position, parked.waiting) == (str(BAD.case), 3, len(_case(1)) - 1)
    assert "too long" in parked.error
    assert _boards(projector)[str(GOOD.case)]["state"] == "whistled"
    assert projector.retry_parked() == 0
    trap.broken = False
    assert projector.retry_parked() == 1
    assert everything(projector.store) == everything(folded(_told()).store)


def test_of_two_cases_in_a_batch_one_is_refused_and_one_fails_and_both_are_parked(
    refused: View, strict: ViewStore
) -> None:
    def fail(event: Event, _: Rows) -> None:
        if event.case == str(GOOD.case):
            msg = "cannot be folded"
            raise ValueError(msg)

    failing = View("failing_1", "What fails?", (), {"case.filed.v1": fail}, frozenset())
    projector = Projector(MemoryLog(list(_told())), strict, (*VIEWS, refused, failing))
    projector.catch_up()
    assert [each.case_id for each in projector.parked()] == [str(BAD.case), str(GOOD.case)]


def test_later_events_of_a_parked_case_wait_behind_the_one_that_failed(
    views: tuple[View, ...], store: ViewStore
) -> None:
    projector = Projector(MemoryLog(list(_told())), store, views)
    projector.catch_up()
    [parked] = projector.parked()
    assert parked.waiting == len(_case(1)) - 1
    assert parked.position == 3


def test_a_case_that_was_repaired_is_folded_from_where_it_stopped(
    trap: Trap, views: tuple[View, ...], store: ViewStore
) -> None:
    projector = Projector(MemoryLog(list(_told())), store, views)
    projector.catch_up()
    trap.broken = False
    assert projector.retry_parked() == 1
    assert projector.parked() == []
    assert everything(projector.store) == everything(folded(_told()).store)


def test_a_case_that_still_fails_stays_parked(views: tuple[View, ...], store: ViewStore) -> None:
    projector = Projector(MemoryLog(list(_told())), store, views)
    projector.catch_up()
    before = everything(projector.store, views)
    assert projector.retry_parked() == 0
    assert len(projector.parked()) == 1
    assert everything(projector.store, views) == before


def test_a_fresh_fold_leaves_out_what_is_parked_and_so_equals_the_live_views(
    views: tuple[View, ...], store: ViewStore
) -> None:
    projector = Projector(MemoryLog(list(_told())), store, views)
    projector.catch_up()
    projector.rebuild()
    assert check(projector.source, projector.store, views) == []


def test_a_rebuild_that_meets_a_failure_leaves_the_live_views_as_they_are(
    trap: Trap, views: tuple[View, ...], store: ViewStore
) -> None:
    trap.broken = False
    projector = Projector(MemoryLog(list(_told())), store, views)
    projector.catch_up()
    before = everything(projector.store, views)
    trap.broken = True
    with pytest.raises(PoisonError, match="trap_1"):
        projector.rebuild()
    assert everything(projector.store, views) == before


def test_an_event_that_cannot_be_read_parks_the_case_of_its_stream(store: ViewStore) -> None:
    log = MemoryLog(list(_told()))
    position, stream, version, topic, _ = log.rows[2]
    log.rows[2] = (position, stream, version, topic, b"{broken")
    projector = Projector(log, store, VIEWS)
    projector.catch_up()
    assert [each.case_id for each in projector.parked()] == [str(BAD.case)]
    assert _boards(projector)[str(GOOD.case)]["state"] == "whistled"


def test_an_event_of_an_unknown_topic_belongs_to_the_case_that_it_names() -> None:
    fact = next(_told())
    position, stream, version, _, state = raw(1, fact)
    elsewhere = state.replace(str(BAD.case).encode(), str(GOOD.case).encode())
    assert case_keys((position, stream, version, "case.unheard.v1", elsewhere))[0] == str(GOOD.case)


def test_an_event_of_an_unknown_topic_is_not_skipped(store: ViewStore) -> None:
    log = MemoryLog(list(_told()))
    position, stream, version, _, state = log.rows[2]
    log.rows[2] = (position, stream, version, "case.invented.v9", state)
    projector = Projector(log, store, VIEWS)
    projector.catch_up()
    assert [each.topic for each in projector.parked()] == ["case.invented.v9"]
    positions = [row["position"] for row in rows_of(projector, ACTS)]
    assert 3 not in positions


def test_another_process_asks_the_leader_to_fold_a_parked_case_again(
    trap: Trap, views: tuple[View, ...], opener: Opener, request: pytest.FixtureRequest
) -> None:
    if "sqlite" in request.node.name:
        pytest.skip("an embedded store has one process")
    log, stop = MemoryLog(list(_told())), threading.Event()
    leader = Projector(log, opener(), views, poll_seconds=0.05)
    thread = threading.Thread(target=leader.run, args=(stop,))
    thread.start()
    try:
        assert leader.wait_for(log.position(), timeout=30)
        another = Projector(log, opener(), views, poll_seconds=0.05)
        assert another.retry_parked() == 0
        assert [each.case_id for each in another.parked()] == [str(BAD.case)]
        trap.broken = False
        assert another.retry_parked() == 1
        assert another.parked() == []
    finally:
        stop.set()
        thread.join()
    assert everything(leader.store) == everything(folded(_told()).store)


def test_a_case_that_is_taken_back_while_a_rebuild_is_at_work_is_in_it(
    trap: Trap, views: tuple[View, ...], opener: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog(list(_told()))
    live = Projector(log, opener(), views)
    live.catch_up()
    rebuilding = opener()
    index = rebuilding.backend.index

    def repaired(*arguments: Any) -> None:
        index(*arguments)
        trap.broken = False
        assert live.retry_parked() == 1

    monkeypatch.setattr(rebuilding.backend, "index", repaired)
    rebuild(log, rebuilding, views)
    assert everything(live.store) == everything(folded(_told()).store)
    assert check(log, live.store, views) == []
