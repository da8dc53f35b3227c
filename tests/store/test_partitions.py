"""Old years are taken out of the log and put back, and nobody who reads the rest notices."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest

from domain.kernel import FAMILY_VERSION, Kind, child, new_family
from store import partitions as partitions_module
from store.append_sql import LOCK
from store.connecting import Connection, connect
from store.errors import PartitionRefused, StoreError
from store.log import EventLog
from store.partitions import Partition, attach, detach, partitions
from store.postgres_copies import PostgresSnapshot
from store.postgres_schema import YEARS_AHEAD, migrate
from tests.store.aggregates import KINDS, NOON, Colour, Lamp, a_bell, a_lamp

NOW = datetime(2026, 5, 4, tzinfo=UTC)


def a_lamp_of(year: int) -> Lamp:
    return a_lamp(child(new_family(datetime(year, 6, 1, tzinfo=UTC)), Kind.CASE))


@pytest.fixture
def log(url: str) -> Iterator[EventLog]:
    with EventLog.connect(url, KINDS) as opened:
        yield opened


def held(url: str, name: str) -> Partition:
    return next(each for each in partitions(url) if each.name == name)


def test_a_stream_lies_in_the_year_in_which_its_case_began(url: str, log: EventLog) -> None:
    log.save([a_lamp_of(2023), a_lamp_of(2024), a_lamp_of(2024), a_lamp_of(2019), a_lamp(UUID(int=2**127))])
    found = {each.name: (each.events, each.first, each.last) for each in partitions(url) if each.events}
    assert found == {"before": (1, 4, 4), "2023": (1, 1, 1), "2024": (2, 2, 3), "beyond": (1, 5, 5)}


def test_the_very_moment_the_year_turns_belongs_to_the_new_one(url: str, log: EventLog) -> None:
    midnight = datetime(2024, 1, 1, tzinfo=UTC)
    log.save([a_lamp(new_family(midnight, bits=0)), a_lamp(new_family(midnight.replace(year=2023, month=12, day=31)))])
    assert (held(url, "2023").events, held(url, "2024").events) == (1, 1)


def test_there_are_years_far_ahead_and_migrating_later_makes_more(url: str) -> None:
    names = {each.name for each in partitions(url)}
    assert str(NOON.year + YEARS_AHEAD + 4) in names
    migrate(url, NOW.replace(year=2050))
    assert {each.name for each in partitions(url)} - names >= {"2060", "2065"}


def test_a_stream_whose_id_tells_no_time_has_its_place_wherever_it_falls(url: str, log: EventLog) -> None:
    bells = [a_bell(UUID(int=(number << 121) | 5 << 76 | 2 << 62)) for number in range(128)]
    far = [new_family(datetime(year, 7, 1, tzinfo=UTC)) for year in (1971, 2019, 2020, 2045, 2060, 2099, 2100, 2500)]
    bells += [a_bell(UUID(int=each.int & ~(0xF << 76) | 5 << 76)) for each in far]
    log.save(bells)
    before = log.events(0, 1000)
    assert len(before) == len(bells)
    for year in (2050, 2084, 2050):
        migrate(url, NOW.replace(year=year))
        assert log.events(0, 1000) == before
        log.save([a_bell(UUID(int=far[4].int & ~(0xF << 76) | 5 << 76 | year))]) if year != 2050 else None
        before = log.events(0, 1000)
    names = [each.name for each in partitions(url)]
    assert (names[0], names[-2:]) == ("before", ["2099", "beyond"])


def test_years_are_not_made_while_somebody_reads_for_long(url: str) -> None:
    with psycopg.connect(url) as reading:
        reading.execute("SELECT 1 FROM log.event")
        with pytest.raises(StoreError, match="was not free"):
            migrate(url, NOW.replace(year=2050))
    migrate(url, NOW.replace(year=2050))


def test_a_backup_that_begins_while_a_year_is_taken_out_says_so(url: str, log: EventLog) -> None:
    log.save([a_lamp_of(2023)])
    log.save([a_lamp_of(2024)])
    with psycopg.connect(url) as detaching, ThreadPoolExecutor() as pool:
        detaching.execute("INSERT INTO log.detached VALUES ('event_2023', 1, 1, 1, %s)", (NOW,))
        detaching.execute("ALTER TABLE log.event DETACH PARTITION log.event_2023")
        beginning = pool.submit(PostgresSnapshot, url)
        with pytest.raises(TimeoutError):
            beginning.result(0.5)
        detaching.commit()
        with closing(beginning.result(10)) as snapshot:
            found = snapshot.detached, [row[0] for row in snapshot.rows("events")]
    assert found == (("event_2023",), [2])


def test_a_year_taken_out_is_gone_and_the_rest_reads_as_before(url: str, log: EventLog) -> None:
    old, new = a_lamp_of(2023), a_lamp_of(2024)
    log.save([old])
    log.save([new])
    assert detach(url, 2023, NOW) == Partition("2023", 1, 1, 1, attached=False)
    assert log.load(Lamp, old.id) is None
    assert log.load(Lamp, new.id) == new
    assert [each.position for each in log.events(0, 10)] == [2]
    assert (log.position(), log.detached()) == (2, ["event_2023"])
    assert held(url, "2023") == Partition("2023", 1, 1, 1, attached=False)
    new.light(Colour.RED)
    assert log.save([new]).position == 3


def test_a_year_put_back_is_read_again(url: str, log: EventLog) -> None:
    old = a_lamp_of(2023)
    log.save([old])
    log.save([a_lamp_of(2024)])
    detach(url, 2023, NOW)
    assert attach(url, 2023) == Partition("2023", 1, 1, 1, attached=True)
    assert log.load(Lamp, old.id) == old
    assert log.detached() == []


def test_nothing_is_written_to_a_year_that_is_out(url: str, log: EventLog) -> None:
    old = a_lamp_of(2023)
    log.save([old])
    log.save([a_lamp_of(2024)])
    detach(url, 2023, NOW)
    with pytest.raises(StoreError, match="is detached: attach it again"):
        log.save([a_lamp_of(2023)])
    assert log.position() == 2


def test_migrating_leaves_a_year_out(url: str, log: EventLog) -> None:
    log.save([a_lamp_of(2023)])
    log.save([a_lamp_of(2024)])
    detach(url, 2023, NOW)
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE log.event_2023 SET SCHEMA public")
    migrate(url, NOW)
    assert held(url, "2023").attached is False
    with pytest.raises(PartitionRefused, match="no table log"):
        attach(url, 2023)


@pytest.mark.parametrize("year", [2026, 2027])
def test_a_year_that_is_not_over_stays(url: str, year: int) -> None:
    with pytest.raises(PartitionRefused, match="is not over"):
        detach(url, year, NOW)


def test_a_year_that_the_log_does_not_have_is_refused(url: str) -> None:
    with pytest.raises(PartitionRefused, match="no year 1999"):
        detach(url, 1999, NOW)
    with pytest.raises(PartitionRefused, match="not out of the log"):
        attach(url, 2023)


def test_the_year_of_the_newest_event_stays(url: str, log: EventLog) -> None:
    log.save([a_lamp_of(2023)])
    with pytest.raises(PartitionRefused, match="holds the newest event"):
        detach(url, 2023, NOW)
    assert log.position() == 1


def test_a_year_with_a_stream_whose_id_tells_no_time_stays(url: str, log: EventLog) -> None:
    timed = new_family(datetime(2023, 6, 1, tzinfo=UTC))
    assert timed.version == FAMILY_VERSION
    stranger = UUID(int=timed.int & ~(0xF << 76) | 5 << 76)
    log.save([a_lamp(stranger)])
    log.save([a_lamp_of(2024)])
    with pytest.raises(PartitionRefused, match=f"{stranger} lies in event_2023 by chance"):
        detach(url, 2023, NOW)


def test_a_year_that_comes_back_with_other_events_is_refused(url: str, log: EventLog) -> None:
    log.save([a_lamp_of(2023)])
    log.save([a_lamp_of(2024)])
    detach(url, 2023, NOW)
    with psycopg.connect(url) as connection:
        connection.execute("DELETE FROM log.event_2023")
    with pytest.raises(PartitionRefused, match="holds 0 events, and 1 were taken out"):
        attach(url, 2023)


def test_nobody_stands_still_while_a_year_is_counted(url: str, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    old = a_lamp_of(2023)
    log.save([old])
    log.save([a_lamp_of(2024)])
    count = partitions_module._count
    free: list[bool] = []

    def counted(connection: Connection, table: str, *, after: int = 0, until: int = 2**63 - 1) -> Partition:
        if after == 0:
            # The whole year is counted.
            with psycopg.connect(url) as other:
                free.append(other.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchall()[0][0])
        found = count(connection, table, after=after, until=until)
        if len(free) == 1 and after == 0:
            old.light(Colour.RED)
            log.save([old])
            log.save([a_lamp_of(2024)])
        return found

    monkeypatch.setattr(partitions_module, "_count", counted)
    assert detach(url, 2023, NOW) == Partition("2023", 2, 1, 3, attached=False), "with what came in meanwhile"
    assert attach(url, 2023) == Partition("2023", 2, 1, 3, attached=True)
    assert free == [True, True]


def test_a_year_put_back_is_not_read_through_while_all_stand_still(
    url: str, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.save([a_lamp_of(2023)])
    log.save([a_lamp_of(2024)])
    detach(url, 2023, NOW)
    said: list[str] = []

    def listening(address: str) -> Connection:
        connection = connect(address, "-c client_min_messages=debug1")
        connection.add_notice_handler(lambda notice: said.append(str(notice.message_primary)))
        return connection

    monkeypatch.setattr(partitions_module, "connect", listening)
    attach(url, 2023)
    assert any("partition constraint" in each and "is implied" in each for each in said)
    with psycopg.connect(url) as connection:
        left = connection.execute("SELECT conname FROM pg_constraint WHERE conname = 'within_its_year'").fetchall()
    assert left == []


def test_a_year_is_not_torn_from_somebody_who_reads(url: str, log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.partitions._LOCK_SECONDS", 0.2)
    log.save([a_lamp_of(2023)])
    log.save([a_lamp_of(2024)])
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM log.event")
        with pytest.raises(PartitionRefused, match="try again later"):
            detach(url, 2023, NOW)
    assert log.position() == 2
    assert log.detached() == []
