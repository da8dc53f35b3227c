"""An event that cannot be folded stops its own case and nobody else's, and is never skipped silently."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from sqlalchemy import Column, Integer

from bench.histories import MemoryLog, Story
from domain.kernel import Fact
from projections.board import BOARD
from projections.events import Event
from projections.folding import PoisonError
from projections.history import HISTORY
from projections.projector import Parked, Projector
from projections.rebuilding import check
from projections.rows import Rows
from projections.storage import ViewStore
from projections.tables import Append, Row
from projections.view import View
from tests.projections.kit import VIEWS, everything, folded, rows_of

BAD, GOOD = Story(1), Story(2)
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


def test_the_case_is_parked_and_the_others_go_on(views: tuple[View, ...]) -> None:
    alarms: list[Parked] = []
    projector = Projector(MemoryLog(list(_told())), ViewStore(None), views, alarm=alarms.append)
    projector.catch_up()
    assert projector.lag == 0
    assert _boards(projector)[str(GOOD.case)]["state"] == "whistled"
    assert _boards(projector)[str(BAD.case)]["state"] is None
    assert [(each.case_id, each.topic) for each in alarms] == [(str(BAD.case), "case.filed.v1")]
    assert "cannot be folded" in alarms[0].error


def test_later_events_of_a_parked_case_wait_behind_the_one_that_failed(views: tuple[View, ...]) -> None:
    projector = Projector(MemoryLog(list(_told())), ViewStore(None), views)
    projector.catch_up()
    [parked] = projector.parked()
    assert parked.waiting == len(_case(1)) - 1
    assert parked.position == 3


def test_a_case_that_was_repaired_is_folded_from_where_it_stopped(trap: Trap, views: tuple[View, ...]) -> None:
    projector = Projector(MemoryLog(list(_told())), ViewStore(None), views)
    projector.catch_up()
    trap.broken = False
    assert projector.retry_parked() == 1
    assert projector.parked() == []
    assert everything(projector.store) == everything(folded(_told()).store)


def test_a_case_that_still_fails_stays_parked(views: tuple[View, ...]) -> None:
    projector = Projector(MemoryLog(list(_told())), ViewStore(None), views)
    projector.catch_up()
    before = everything(projector.store, views)
    assert projector.retry_parked() == 0
    assert len(projector.parked()) == 1
    assert everything(projector.store, views) == before


def test_a_fresh_fold_leaves_out_what_is_parked_and_so_equals_the_live_views(
    views: tuple[View, ...], tmp_path: Path
) -> None:
    projector = Projector(MemoryLog(list(_told())), ViewStore(tmp_path / "views.db"), views)
    projector.catch_up()
    projector.rebuild()
    assert check(projector.source, projector.store, views) == []


def test_a_rebuild_that_meets_a_failure_leaves_the_live_views_as_they_are(
    trap: Trap, views: tuple[View, ...], tmp_path: Path
) -> None:
    trap.broken = False
    projector = Projector(MemoryLog(list(_told())), ViewStore(tmp_path / "views.db"), views)
    projector.catch_up()
    before = everything(projector.store, views)
    trap.broken = True
    with pytest.raises(PoisonError, match="trap_1"):
        projector.rebuild()
    assert everything(projector.store, views) == before


def test_an_event_that_cannot_be_read_parks_the_case_of_its_stream() -> None:
    log = MemoryLog(list(_told()))
    position, stream, version, topic, _ = log.rows[2]
    log.rows[2] = (position, stream, version, topic, b"{broken")
    projector = Projector(log, ViewStore(None), VIEWS)
    projector.catch_up()
    assert [each.case_id for each in projector.parked()] == [str(BAD.case)]
    assert _boards(projector)[str(GOOD.case)]["state"] == "whistled"


def test_an_event_of_an_unknown_topic_is_not_skipped() -> None:
    log = MemoryLog(list(_told()))
    position, stream, version, _, state = log.rows[2]
    log.rows[2] = (position, stream, version, "case.invented.v9", state)
    projector = Projector(log, ViewStore(None), VIEWS)
    projector.catch_up()
    assert [each.topic for each in projector.parked()] == ["case.invented.v9"]
    positions = [row["position"] for row in rows_of(projector, HISTORY)]
    assert 3 not in positions
