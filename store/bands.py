"""The log read case by case, for folding everything afresh: bands of streams, each with all events of its cases.

Streams of a case share the first twelve bytes of their ids, and ids begin with the time. So the index on the streams
cuts the log into bands that hold whole cases, and whoever folds a band knows all of its cases and needs no other. How
long cases stay open, and how many at once, makes no difference then.

A `Bands` is a recipe that can be pickled: each process opens a reader of its own.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from uuid import UUID

from store.recorder import RawEvent

if TYPE_CHECKING:
    import psycopg

_PREFIX = 12
_LAST_TAIL = b"\xff" * 4
_FIRST, _LAST = bytes(16), b"\xff" * 16


class Band(NamedTuple):
    """The streams whose id lies behind `after` and up to `through`."""

    after: bytes
    through: bytes


class BandReader(Protocol):
    """Reads bands over a connection of its own."""

    def bands(self, events: int) -> Iterator[Band]:
        """Bands of about so many events, that together hold every stream; no case lies in two."""

    def read(self, band: Band, until: int) -> list[RawEvent]:
        """All events of the band up to a position, case by case, and each case in order of position."""


class Bands(Protocol):
    """How to open a reader, in this process or in another."""

    def open(self) -> AbstractContextManager[BandReader]:
        """A reader, for as long as the block lasts."""


@dataclass(frozen=True)
class SqliteBands:
    """Bands of a log in an SQLite file."""

    path: Path

    @contextmanager
    def open(self) -> Iterator["BandReader"]:
        """See `Bands`."""
        with closing(sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA busy_timeout=10000")
            yield _SqliteReader(connection)


class _SqliteReader:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def bands(self, events: int) -> Iterator[Band]:
        return _cut(lambda after: self._after(after, events))

    def read(self, band: Band, until: int) -> list[RawEvent]:
        query = (
            "SELECT notification_id, originator_id, originator_version, topic, state FROM event "
            "WHERE originator_id > ? AND originator_id <= ? AND +notification_id <= ?"
        )
        found: list[RawEvent] = self._connection.execute(query, (*band, until)).fetchall()
        found.sort(key=_case_and_position)
        return found

    def _after(self, after: bytes, events: int) -> bytes | None:
        query = "SELECT originator_id FROM event WHERE originator_id > ? ORDER BY originator_id LIMIT 1 OFFSET ?"
        row = self._connection.execute(query, (after, events)).fetchone()
        return None if row is None else row[0]


@dataclass(frozen=True)
class PostgresBands:
    """Bands of a log in PostgreSQL."""

    url: str

    @contextmanager
    def open(self) -> Iterator["BandReader"]:
        """See `Bands`. Raises StoreAway."""
        # The driver is an extra: the embedded store does without it.
        from store.connecting import PLANS, connect  # noqa: PLC0415

        # Every question here walks the index on the streams.
        with closing(connect(self.url, PLANS)) as connection:
            yield _PostgresReader(connection)


class _PostgresReader:
    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def bands(self, events: int) -> Iterator[Band]:
        return _cut(lambda after: self._after(after, events))

    def read(self, band: Band, until: int) -> list[RawEvent]:
        query = (
            b"SELECT position, uuid_send(originator_id), originator_version, topic, state FROM log.event "
            b"WHERE originator_id > %b AND originator_id <= %b AND position <= %b::bigint"
        )
        ids = (UUID(bytes=band.after), UUID(bytes=band.through))
        found: list[RawEvent] = self._connection.execute(query, (*ids, until), binary=True).fetchall()
        found.sort(key=_case_and_position)
        return found

    def _after(self, after: bytes, events: int) -> bytes | None:
        query = (
            b"SELECT uuid_send(originator_id) FROM log.event WHERE originator_id > %b "
            b"ORDER BY originator_id LIMIT 1 OFFSET %b::bigint"
        )
        row = self._connection.execute(query, (UUID(bytes=after), events), binary=True).fetchone()
        return None if row is None else row[0]


def _case_and_position(raw: RawEvent) -> tuple[bytes, int]:
    """The order in which a band is folded: whoever stays with one case finds its rows still at hand."""
    return raw[1][:_PREFIX], raw[0]


def _cut(following: Callable[[bytes], bytes | None]) -> Iterator[Band]:
    """Bands one after the other; each ends behind the last stream of a case."""
    after = _FIRST
    while (last := following(after)) is not None:
        through = last[:_PREFIX] + _LAST_TAIL
        yield Band(after, through)
        after = through
    yield Band(after, _LAST)
