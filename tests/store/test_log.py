"""What is saved is loaded again; what conflicts leaves nothing behind."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.kernel import Kind, case_of, child
from store.errors import Conflict, DuplicateCommand
from store.log import EventLog
from store.migrations import migrate
from store.recorder import part_of
from tests.store.aggregates import KINDS, NOON, Bell, Colour, Lamp, a_bell, a_command, a_family, a_lamp
from tests.store.conftest import Opening


def test_an_aggregate_is_loaded_as_it_was_saved(log: EventLog) -> None:
    lamp = a_lamp()
    lamp.light(Colour.RED, Colour.GREEN)
    log.save([lamp])
    assert log.load(Lamp, lamp.id) == lamp
    assert lamp.clocks


def test_a_stream_that_does_not_exist_loads_as_none(log: EventLog) -> None:
    assert log.load(Lamp, uuid4()) is None


def test_a_stream_of_another_kind_loads_as_none(log: EventLog) -> None:
    bell = a_bell()
    log.save([bell])
    assert log.load(Lamp, bell.id) is None


def test_the_log_outlives_the_process(opening: Opening) -> None:
    lamp = a_lamp()
    with opening() as log:
        log.save([lamp])
    with opening() as log:
        assert log.load(Lamp, lamp.id) == lamp


def test_saving_tells_the_position_and_the_versions(log: EventLog) -> None:
    lamp, bell = a_lamp(), a_bell()
    lamp.light(Colour.RED)
    saved = log.save([lamp, bell])
    assert saved == (3, {lamp.id: 2, bell.id: 1})
    assert log.position() == 3


def test_events_are_read_in_order_of_position_and_in_pages(log: EventLog) -> None:
    lamp, bell = a_lamp(), a_bell()
    lamp.light(Colour.RED)
    log.save([lamp, bell])
    first, rest = log.events(0, 2), log.events(2, 10)
    assert [each.position for each in first + rest] == [1, 2, 3]
    assert [type(each.event) for each in first + rest] == [Lamp.LampHung, Lamp.LampLit, Bell.BellHung]


def test_what_lies_before_a_position_is_read_the_latest_first(log: EventLog) -> None:
    for _ in range(4):
        log.save([a_lamp(), a_bell()])
    assert log.before(6, 3) == log.raw(2, 3)[::-1]
    assert log.before(2**63 - 1, 100) == log.raw(0, 100)[::-1]
    assert log.before(1, 5) == []


def test_raw_rows_decode_to_the_same_events(log: EventLog) -> None:
    lamp = a_lamp()
    lamp.light(Colour.RED)
    log.save([lamp])
    decoded = [
        log.mapper.decode(UUID(bytes=stream), version, topic, state)
        for _, stream, version, topic, state in log.raw(0, 10)
    ]
    assert decoded == [each.event for each in log.stream(lamp.id)]


def test_a_bulk_read_gives_the_same_rows_in_the_same_order(log: EventLog) -> None:
    for _ in range(20):
        lamp = a_lamp()
        lamp.light(Colour.RED)
        log.save([lamp, a_bell()])
    rows = [row for batch in log.bulk(5, 50) for row in batch]
    assert rows == [row for row in log.raw(0, 100) if 5 < row[0] <= 50]
    assert rows


def test_shares_of_a_bulk_read_are_apart_by_case_and_make_the_whole(log: EventLog) -> None:
    for _ in range(40):
        family = a_family()
        log.save([a_lamp(child(family, Kind.CASE)), a_bell(child(family, Kind.WHISTLE, 7))])
    shares = [[row for batch in log.bulk(0, 80, part, 3) for row in batch] for part in range(3)]
    assert sorted(row for share in shares for row in share) == log.raw(0, 100)
    cases = [{case_of(UUID(bytes=row[1])) for row in share} for share in shares]
    assert all(cases)
    assert sum(map(len, cases)) == 40
    assert all(part_of(row[1], 3) == part for part, share in enumerate(shares) for row in share)


def test_who_waits_is_told_of_a_new_event_at_once(log: EventLog) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(log.wait, 0, 30.0)
        log.save([a_lamp()])
        assert waiting.result(timeout=10) == 1
    assert log.wait(1, 0.01) == 1


def test_the_first_epoch_is_none_and_each_restore_begins_another(log: EventLog) -> None:
    assert log.epoch() == (0, 0)
    log.save([a_lamp()])
    first = int(NOON.timestamp())
    assert log.new_epoch(NOON) == (first, 1)
    assert log.new_epoch(NOON) == log.epoch() == (first + 1, 1)


def test_a_log_that_is_whole_has_no_year_detached(log: EventLog) -> None:
    assert log.detached() == []


def test_a_case_is_read_over_all_its_streams_and_no_other(log: EventLog) -> None:
    family = a_family()
    lamp, bell = a_lamp(child(family, Kind.CASE)), a_bell(child(family, Kind.INTERVIEW, 65_535))
    stranger = a_lamp(child(UUID(int=family.int + (1 << 32)), Kind.CASE))
    log.save([lamp, stranger, bell])
    assert [each.event.originator_id for each in log.case(bell.id)] == [lamp.id, bell.id]


def test_two_who_change_the_same_version_cannot_both_be_right(log: EventLog) -> None:
    lamp = a_lamp()
    log.save([lamp])
    one, other = log.load(Lamp, lamp.id), log.load(Lamp, lamp.id)
    assert one is not None
    assert other is not None
    one.light(Colour.RED)
    other.light(Colour.GREEN)
    log.save([one])
    with pytest.raises(Conflict, match=r"version 2 already|is at 2"):
        log.save([other])
    again = log.load(Lamp, lamp.id)
    assert again is not None
    assert again.colours == (Colour.RED,)


def test_a_decision_on_a_stream_that_has_moved_since_is_refused(log: EventLog) -> None:
    lamp, bell = a_lamp(), a_bell()
    log.save([lamp, bell])
    seen = bell.version
    bell.ring()
    log.save([bell])
    lamp.light(Colour.RED)
    with pytest.raises(Conflict, match="read at version 1 and is at 2"):
        log.save([lamp], reads={bell.id: seen})
    assert log.position() == 3


def test_a_decision_on_a_stream_that_stands_still_is_stored(log: EventLog) -> None:
    lamp, bell = a_lamp(), a_bell()
    log.save([bell])
    assert log.save([lamp], reads={bell.id: 1}).position == 2


def test_a_decision_on_the_absence_of_a_stream_is_refused_once_it_is_there(log: EventLog) -> None:
    bell = a_bell()
    log.save([a_lamp()], reads={bell.id: 0})
    log.save([bell])
    with pytest.raises(Conflict):
        log.save([a_lamp()], reads={bell.id: 0})


def test_a_counter_counts_from_what_was_read(log: EventLog) -> None:
    assert log.counter("220204/2022-12-14") == 0
    log.save([a_lamp()], counters={"220204/2022-12-14": 0})
    log.save([a_lamp()], counters={"220204/2022-12-14": 1})
    assert log.counter("220204/2022-12-14") == 2


@pytest.mark.parametrize("read", [0, 2])
def test_a_counter_that_has_moved_since_stores_nothing(log: EventLog, read: int) -> None:
    log.save([a_lamp()], counters={"today": 0})
    with pytest.raises(Conflict, match="'today'"):
        log.save([a_lamp()], command=a_command(), counters={"today": read})
    assert log.counter("today") == 1
    assert log.position() == 1


def test_a_conflict_in_the_last_event_takes_the_first_ones_back_too(log: EventLog) -> None:
    bell, command = a_bell(), a_command()
    log.save([bell])
    lamp = a_lamp()
    with pytest.raises(Conflict):
        log.save([lamp, a_bell(bell.id)], command=command, counters={"today": 0})
    assert log.load(Lamp, lamp.id) is None
    assert log.command(command.id) is None
    assert log.counter("today") == 0


def test_a_command_is_found_with_its_result_and_position(log: EventLog) -> None:
    command = a_command(result='{"number": "昌邑-20221214-001"}')
    log.save([a_lamp()])
    log.save([a_lamp(), a_bell()], command=command)
    assert log.command(command.id) == command.model_copy(update={"position": 3})
    assert log.command(uuid4()) is None


def test_a_command_that_changed_nothing_is_stored_at_the_logs_position(log: EventLog) -> None:
    command = a_command()
    log.save([a_lamp()])
    assert log.save([], command=command) == (1, {})
    stored = log.command(command.id)
    assert stored is not None
    assert stored.position == 1


def test_a_command_is_stored_once_and_the_second_try_is_told(log: EventLog) -> None:
    command = a_command()
    log.save([a_lamp()], command=command)
    with pytest.raises(DuplicateCommand) as told:
        log.save([a_lamp()], command=command)
    assert told.value.command_id == command.id
    assert log.position() == 1


def test_in_memory_it_is_the_same_log() -> None:
    lamp = a_lamp()
    with EventLog.in_memory(KINDS) as log, EventLog.in_memory(KINDS) as another:
        log.save([lamp], command=a_command(), counters={"today": 0})
        assert log.load(Lamp, lamp.id) == lamp
        assert another.position() == 0


def test_a_log_may_lie_on_any_path(tmp_path: Path) -> None:
    place = tmp_path / "哨响 #1 100%" / "a?b.db"
    migrate(place)
    with EventLog.open(place, KINDS) as log:
        log.save([a_lamp()])
    assert sorted(each.name for each in place.parent.iterdir() if not each.name.endswith(".lock")) == ["a?b.db"]
