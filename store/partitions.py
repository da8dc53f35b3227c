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
from store.connecting import Connection, connect, told
from store.errors import PartitionRefused
from store.postgres_schema import LOG, bound, require

_LOCK_SECONDS = 5


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
    with _opened(url) as connection, _alone(connection):
        if table not in _attached(connection):
            raise PartitionRefused(f"the log has no year {year}: see which ones it has, and which are out already")
        if year >= at.astimezone(UTC).year:
            raise PartitionRefused(f"the year {year} is not over, and cases begin in it: wait until it is")
        held = _count(connection, table)
        _refuse_newest(connection, held)
        _refuse_strangers(connection, table)
        connection.execute(
            "INSERT INTO log.detached VALUES (%s, %s, %s, %s, %s)", (table, held.first, held.last, held.events, at)
        )
        connection.execute(sql.SQL("ALTER TABLE log.event DETACH PARTITION {}").format(sql.Identifier("log", table)))
    return held._replace(attached=False)


def attach(url: str, year: int) -> Partition:
    """Put a year back; answers what it holds. Needs the tables' owner.

    Raises PartitionRefused for a year that is not out, whose table is not there, or that holds another number of
    events than when it was taken out; and while somebody reads the log for long.
    """
    table = f"event_{year}"
    with _opened(url) as connection, _alone(connection):
        row = connection.execute("SELECT events FROM log.detached WHERE name = %s", (table,)).fetchone()
        if row is None:
            raise PartitionRefused(f"the year {year} is not out of the log, so there is nothing to put back")
        if connection.execute("SELECT to_regclass(%s)", (f"log.{table}",)).fetchone() == (None,):
            raise PartitionRefused(f"there is no table log.{table}: restore it from where it was carried to")
        held = _count(connection, table)
        if held.events != row[0]:
            msg = f"log.{table} holds {held.events} events, and {row[0]} were taken out: restore the table as it was"
            raise PartitionRefused(msg)
        statement = sql.SQL("ALTER TABLE log.event ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})")
        limits = (sql.SQL(bound(each)) for each in (year, year + 1))
        connection.execute(statement.format(sql.Identifier("log", table), *limits))
        connection.execute("DELETE FROM log.detached WHERE name = %s", (table,))
    return held


_DETACHED = "SELECT name, events, first_position, last_position FROM log.detached"


@contextmanager
def _opened(url: str) -> Iterator[Connection]:
    with connect(url) as connection, told():
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


def _count(connection: Connection, table: str) -> Partition:
    query = sql.SQL("SELECT count(*), COALESCE(min(position), 0), COALESCE(max(position), 0) FROM {}")
    events, first, last = connection.execute(query.format(sql.Identifier("log", table))).fetchall()[0]
    return Partition(_year(table), events, first, last, attached=True)


def _year(table: str) -> str:
    return table.removeprefix("event_")


def _refuse_newest(connection: Connection, held: Partition) -> None:
    newest = connection.execute("SELECT max(position) FROM log.event").fetchall()[0][0]
    if held.events and held.last == newest:
        msg = (
            f"the year {held.name} holds the newest event, at position {newest}: readers that follow the log would "
            "see it move back. Try again after the next event of another year"
        )
        raise PartitionRefused(msg)


def _refuse_strangers(connection: Connection, table: str) -> None:
    query = sql.SQL("SELECT originator_id FROM {} WHERE get_byte(uuid_send(originator_id), 6) >> 4 <> 7 LIMIT 1")
    row = connection.execute(query.format(sql.Identifier("log", table))).fetchone()
    if row is not None:
        msg = f"the stream {row[0]} lies in {table} by chance, for its id tells no time: this year has to stay"
        raise PartitionRefused(msg)
