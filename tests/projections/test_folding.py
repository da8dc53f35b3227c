"""However the events are cut into batches, and however often they are folded, the rows are the same."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from bench.histories import MemoryLog, Story, interleaved
from domain.kernel import Fact
from projections import live as live_module
from projections.board import BOARD
from projections.history import ACTORS, ACTS
from projections.projector import Projector
from projections.rebuilding import check
from projections.storage import ViewStore
from projections.view import View
from store.recorder import RawEvent
from tests.projections.kit import VIEWS, Everything, everything, folded

FACTS: list[Fact] = list(interleaved(600, seed=7, open_cases=15))


@pytest.fixture(scope="module")
def expected() -> dict[str, list[tuple[object, ...]]]:
    return everything(folded(FACTS).store)


def test_every_event_stands_in_the_history(expected: dict[str, list[tuple[object, ...]]]) -> None:
    assert sorted(position for _, position in expected[ACTS.name]) == list(range(1, len(FACTS) + 1))
    assert sum(events for _, _, events in expected[ACTORS.name]) == len(FACTS)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
def test_folding_a_view_twice_gives_the_same_rows(view: View, expected: dict[str, list[tuple[object, ...]]]) -> None:
    again = everything(folded(FACTS).store, [view])
    assert again == {name: expected[name] for name in again}
    assert any(again.values()) or view.name == "reminders_1"


def test_a_batch_of_one_gives_the_same_rows_as_a_batch_of_all(expected: dict[str, list[tuple[object, ...]]]) -> None:
    projector = Projector(MemoryLog(FACTS), ViewStore(None), VIEWS)
    while projector.step(1):
        pass
    assert everything(projector.store) == expected


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 120), min_size=1, max_size=10))
def test_any_batches_with_a_restart_between_them_give_the_same_rows(
    sizes: list[int], expected: dict[str, list[tuple[object, ...]]]
) -> None:
    store, log = ViewStore(None), MemoryLog(FACTS)
    for size in sizes:
        # A fresh projector knows no row but those that are stored.
        Projector(log, store, VIEWS).step(size)
    Projector(log, store, VIEWS).catch_up()
    assert everything(store) == expected


def test_giving_memory_back_between_batches_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, expected: dict[str, list[tuple[object, ...]]]
) -> None:
    monkeypatch.setattr(live_module, "CACHED_CASES", 3)
    projector = Projector(MemoryLog(FACTS), ViewStore(None), VIEWS)
    while projector.step(40):
        pass
    assert everything(projector.store) == expected


def test_rebuilt_views_are_the_live_ones(tmp_path: Path, expected: dict[str, list[tuple[object, ...]]]) -> None:
    projector = folded(FACTS, tmp_path / "views.db")
    assert projector.rebuild() == len(FACTS)
    assert everything(projector.store) == expected


def test_a_rebuild_repairs_a_view_that_was_tampered_with(tmp_path: Path) -> None:
    projector = folded(FACTS, tmp_path / "views.db")
    with projector.store.writing() as db:
        db.execute(update(BOARD.table).values(state="lost"))
    found = check(projector.source, projector.store, VIEWS)
    assert found
    assert {each.table for each in found} == {"board_2"}
    projector.rebuild([VIEWS[0]])
    assert check(projector.source, projector.store, VIEWS) == []


def test_a_rebuild_goes_on_from_where_the_live_views_are(tmp_path: Path) -> None:
    log = MemoryLog(FACTS[:300])
    projector = Projector(log, ViewStore(tmp_path / "views.db"), VIEWS)
    projector.catch_up()
    projector.rebuild()
    log.add(*FACTS[300:])
    projector.catch_up()
    assert check(log, projector.store, VIEWS) == []


class AskedLog(MemoryLog):
    """Remembers up to which position it was read."""

    read = 0

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        found = super().raw(after, limit)
        self.read = max([self.read, *(row[0] for row in found)])
        return found


def test_a_rebuild_does_not_read_on_where_the_live_views_stay_behind(tmp_path: Path, expected: Everything) -> None:
    log = AskedLog(FACTS[:300])
    projector = Projector(log, ViewStore(tmp_path / "views.db"), VIEWS)
    projector.catch_up()
    log.add(*FACTS[300:])
    log.read = 0
    projector.rebuild()
    assert log.read == 300
    projector.catch_up()
    assert everything(projector.store) == expected


def test_a_projector_notices_that_another_one_swapped_its_tables(tmp_path: Path) -> None:
    log, path = MemoryLog(FACTS[:300]), tmp_path / "views.db"
    first = Projector(log, ViewStore(path), VIEWS)
    first.catch_up()
    with first.store.writing() as db:
        db.execute(update(BOARD.table).values(state="lost"))
    second = Projector(log, ViewStore(path), VIEWS)
    second.rebuild()
    log.add(*FACTS[300:])
    first.catch_up()
    assert check(log, first.store, VIEWS) == []


def test_a_view_that_is_new_is_folded_beside_those_that_are_there(tmp_path: Path) -> None:
    log, path = MemoryLog(FACTS), tmp_path / "views.db"
    Projector(log, ViewStore(path), VIEWS[:3]).catch_up()
    projector = Projector(log, ViewStore(path), VIEWS)
    assert projector.position == len(FACTS)
    assert check(log, projector.store, VIEWS) == []


def test_what_is_left_over_of_views_that_are_gone_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "views.db"
    folded(FACTS[:50], path)
    store = ViewStore(path)
    with store.writing() as db:
        db.exec_driver_sql("CREATE TABLE board_0 (id TEXT)")
        db.exec_driver_sql("CREATE TABLE board_2__shadow (id TEXT)")
    store.prepare(VIEWS)
    with store.reading() as db:
        names = set(db.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars())
    assert not names & {"board_0", "board_2__shadow"}


def test_rows_and_position_are_written_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, expected: dict[str, list[tuple[object, ...]]]
) -> None:
    projector = Projector(MemoryLog(FACTS), ViewStore(tmp_path / "views.db"), VIEWS)
    projector.step(200)
    before = everything(projector.store)
    with monkeypatch.context() as patch:
        patch.setattr(projector.store, "move", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            projector.step()
    assert everything(projector.store) == before
    projector.catch_up()
    assert everything(projector.store) == expected


def test_who_waits_for_a_position_is_woken_when_the_views_reach_it(tmp_path: Path) -> None:
    projector = Projector(MemoryLog(FACTS), ViewStore(tmp_path / "views.db"), VIEWS)
    assert not projector.wait_for(1, timeout=0.01)
    stop = threading.Event()
    follower = threading.Thread(target=projector.run, args=(stop,))
    follower.start()
    try:
        assert projector.wait_for(len(FACTS), timeout=30)
        assert projector.lag == 0
    finally:
        stop.set()
        follower.join()


def test_catching_up_to_a_position_stops_there_or_beyond() -> None:
    projector = Projector(MemoryLog(FACTS), ViewStore(None), VIEWS)
    assert projector.catch_up(until=10) >= 10


def test_history_that_was_imported_sends_no_notices_and_starts_no_clocks() -> None:
    imported = everything(folded(Story(1, imported=True).whole()).store)
    assert imported["notices_1"] == []
    assert imported["due_1"] == []
    assert len(imported["board_2"]) == 1
