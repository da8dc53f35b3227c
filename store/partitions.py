"""The years of the log on PostgreSQL: what each holds, and taking an old one out or putting it back.

A stream lies in the year in which its case began, whenever its events happened. A year that was taken out is a table
of its own, which can be dumped, carried away, or left where it is; everything else is read as before. Its streams are
not there then, and views cannot be folded anew without it, so the log tells which years are out (`log.detached`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import NamedTuple

from psycopg import errors, sql

from store.append_sql import LOCK
from store.connecting import Connection, connect, make_durable, told
from store.errors import PartitionRefused
from store.postgres_schema import LOG, bound, require

_LOCK_SECONDS = 5
_BEYOND = 2**63 - 1


class Partition(NamedTuple):
    """A part of the log: a year ("2023"), or what lies "before" or "beyond" all years, whose ids tell no time.

    "ahead" is what lies in years that are not made yet, by chance as well.

    `first` and `last` are the positions of its first and last event, 0 for none. For one that is not attached they
    and the count are those of when it was taken out.
    """

    name: str
    events: int
    first: int
    last: int
    attached: bool


def partitions(url: str) -> list[Partition]:
    """All parts of the log, in order, counted one by one: in a large log that takes a while. Raises StoreAway."""
    with _opened(url) as connection:
        found = [_count(connection, table) for table in _attached(connection)]
        for table, events, first, last in connection.execute(_DETACHED).fetchall():
            found.append(Partition(_year(table), events, first, last, attached=False))
    return sorted(found, key=lambda each: (each.name != "before", each.name == "beyond", each.name))


def detach(url: str, year: int, at: datetime) -> Partition:
    """Take a year out of the log, at the aware moment `at`; answers what it holds. Needs the tables' owner.

    Raises PartitionRefused for a year that is not there or is not over, for one that holds the newest event or a
    stream whose id tells no time, and while somebody reads the log for long.
    """
    table = f"event_{year}"
    with _opened(url) as connection:
        _refuse_missing(connection, year)
        if year >= at.astimezone(UTC).year:
            raise PartitionRefused(f"the year {year} is not over, and cases begin in it: wait until it is")
        # A year is long to count, and nobody waits for it: only what came in since is counted while all stand still.
        newest = _newest(connection)
        before = _count(connection, table, until=newest)
        _refuse_strangers(connection, table, until=newest)
        with _alone(connection):
            _refuse_missing(connection, year)
            _refuse_strangers(connection, table, after=newest)
            held = _together(before, _count(connection, table, after=newest))
            _refuse_newest(connection, held)
            connection.execute(
                "INSERT INTO log.detached VALUES (%s, %s, %s, %s, %s)", (table, held.first, held.last, held.events, at)
            )
            name = sql.Identifier("log", table)
            connection.execute(sql.SQL("ALTER TABLE log.event DETACH PARTITION {}").format(name))
    return held._replace(attached=False)


def attach(url: str, year: int) -> Partition:
    """Put a year back; answers what it holds. Needs the tables' owner.

    Raises PartitionRefused for a year that is not out, whose table is not there, or that holds another number of
    events than when it was taken out; and while somebody reads the log for long.
    """
    table = f"event_{year}"
    name, limits = sql.Identifier("log", table), [sql.SQL(bound(each)) for each in (year, year + 1)]
    with _opened(url) as connection:
        taken = _taken_out(connection, year)
        if connection.execute("SELECT to_regclass(%s)", (f"log.{table}",)).fetchone() == (None,):
            raise PartitionRefused(f"there is no table log.{table}: restore it from where it was carried to")
        held = _count(connection, table)
        if held.events != taken:
            msg = f"log.{table} holds {held.events} events, and {taken} were taken out: restore the table as it was"
            raise PartitionRefused(msg)
        # Proved before anybody has to stand still for it: the server takes the constraint's word, and looks no more.
        connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT IF EXISTS {}").format(name, _WITHIN))
        within = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} CHECK (originator_id >= {} AND originator_id < {})")
        connection.execute(within.format(name, _WITHIN, *limits))
        with _alone(connection):
            _taken_out(connection, year)
            statement = sql.SQL("ALTER TABLE log.event ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
            connection.execute(statement.format(name, *limits))
            connection.execute(sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(name, _WITHIN))
            connection.execute("DELETE FROM log.detached WHERE name = %s", (table,))
    return held


_WITHIN = sql.Identifier("within_its_year")
_DETACHED = "SELECT name, events, first_position, last_position FROM log.detached"


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    with connect(url) as connection, told():
        make_durable(connection)
        require(connection, LOG)
        yield connection


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """A transaction in which nobody else writes to the log; given up when readers do not let it have the table soon."""
    try:
        with connection.transaction():
            connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{_LOCK_SECONDS}s")))
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
            yield
    except errors.LockNotAvailable as problem:
        msg = (
            f"the log was not free for {_LOCK_SECONDS} s, as while a view is rebuilt or a backup made: try again later"
        )
        raise PartitionRefused(msg) from problem


def _attached(connection: Connection) -> list[str]:
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
        "WHERE i.inhparent = 'log.event'::regclass ORDER BY c.relname"
    )
    return [name for (name,) in rows]


def _count(connection: Connection, table: str, *, after: int = 0, until: int = _BEYOND) -> Partition:
    """What the part holds behind one position and up to another. Positions are committed in their order."""
    query = sql.SQL(
        "SELECT count(*), COALESCE(min(position), 0), COALESCE(max(position), 0) FROM {} "
        "WHERE position > %s AND position <= %s"
    ).format(sql.Identifier("log", table))
    events, first, last = connection.execute(query, (after, until)).fetchall()[0]
    return Partition(_year(table), events, first, last, attached=True)


def _together(before: Partition, since: Partition) -> Partition:
    events, first, last = before.events + since.events, before.first or since.first, since.last or before.last
    return before._replace(events=events, first=first, last=last)


def _newest(connection: Connection) -> int:
    return int(connection.execute("SELECT COALESCE(max(position), 0) FROM log.event").fetchall()[0][0])


def _taken_out(connection: Connection, year: int) -> int:
    """How many events were taken out with the year."""
    row = connection.execute("SELECT events FROM log.detached WHERE name = %s", (f"event_{year}",)).fetchone()
    if row is None:
        raise PartitionRefused(f"the year {year} is not out of the log, so there is nothing to put back")
    return int(row[0])


def _refuse_missing(connection: Connection, year: int) -> None:
    if f"event_{year}" not in _attached(connection):
        raise PartitionRefused(f"the log has no year {year}: see which ones it has, and which are out already")


def _year(table: str) -> str:
    return table.removeprefix("event_")


def _refuse_newest(connection: Connection, held: Partition) -> None:
    newest = _newest(connection)
    if held.events and held.last == newest:
        msg = (
            f"the year {held.name} holds the newest event, at position {newest}: readers that follow the log would "
            "see it move back. Try again after the next event of another year"
        )
        raise PartitionRefused(msg)


def _refuse_strangers(connection: Connection, table: str, *, after: int = 0, until: int = _BEYOND) -> None:
    query = sql.SQL(
        "SELECT originator_id FROM {} WHERE position > %s AND position <= %s "
        "AND get_byte(uuid_send(originator_id), 6) >> 4 <> 7 LIMIT 1"
    ).format(sql.Identifier("log", table))
    row = connection.execute(query, (after, until)).fetchone()
    if row is not None:
        msg = f"the stream {row[0]} lies in {table} by chance, for its id tells no time: this year has to stay"
        raise PartitionRefused(msg)
