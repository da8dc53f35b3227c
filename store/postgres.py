"""The log in PostgreSQL, for many processes on many machines.

Every unit goes in through one function of the server (see append_sql), which one connection of this process calls for
many units at a time (see committer). When a connection breaks, nobody knows whether the last commit took effect, so
before a unit is written again the log is asked: by its command row, or by the bytes of its first event.
"""

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from itertools import islice
from typing import Any, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent
from psycopg import pq

from store.append_sql import LOCK
from store.committer import GroupCommit
from store.connecting import PATIENCE_SECONDS, Connection, Pool, make_durable
from store.errors import StoreError
from store.postgres_schema import LOG, require
from store.postgres_writer import CONFIRMATION, Writer, settle, stored_command
from store.recorder import BULK_BATCH, CommandRow, Epoch, RawEvent, Unit

_RAW = "SELECT position, uuid_send(originator_id), originator_version, topic, state FROM log.event "
_CASE = "WHERE originator_id BETWEEN %b AND %b ORDER BY position"
# Rows come from libpq in chunks since its version 17, and one by one before.
_CHUNK = 1000 if pq.version() >= 170000 else 1  # noqa: PLR2004 - a version
_UNSAFE = "POSTGRES_ENABLE_DB_FUNCTIONS"
_TRUE = {"1", "y", "yes", "t", "true", "on"}
_BEYOND = 2**63 - 1
_NOBODY = UUID(int=0)
_REHEARSALS = 6
"""After five plans of their own the server makes one for all values (`plan_cache_mode`)."""
_IMPATIENT = "SET lock_timeout = '50ms'"


class PostgresRecorder(ApplicationRecorder):
    """Keeps the log in PostgreSQL: events, command rows and counters, each writing unit whole or not at all."""

    shared = True

    def __init__(self, url: str, *, readers: int = 8, patience: float = PATIENCE_SECONDS) -> None:
        """Open the migrated database at the URL, which may name several hosts.

        `readers` is how many connections may read at once; `patience` is how many seconds a statement is tried again
        on fresh connections. Raises StoreError for a setting that is not safe, StoreAway, NotMigrated or NewerStore.
        """
        refuse_unsafe_option()
        self._pool = Pool(url, size=readers, patience=patience, rehearse=_rehearse)
        self._writer = Writer(url, patience)
        self._commits = GroupCommit(self._writer.write)
        try:
            self._pool.run(lambda connection: require(connection, LOG))
        except BaseException:
            self._pool.close()
            raise

    def write(self, unit: Unit) -> int:
        """Store the unit whole, on disk when this returns; answers its position.

        Raises DuplicateCommand, or Conflict when a stream, a read or a counter has moved since it was looked at;
        StoreFull; or StoreAway, and then whether it is stored is for the command row to tell.
        """
        return self._commits.submit(unit)

    def stream(self, stream_id: UUID, after: int = 0) -> list[RawEvent]:
        """The events of the stream behind a version, oldest first."""
        clause = "WHERE originator_id = %b AND originator_version > %b::bigint ORDER BY originator_version"
        return self._rows(clause, (stream_id, after))

    def streams(self, stream_ids: Sequence[UUID]) -> list[RawEvent]:
        """All events of these streams, each stream's oldest first."""
        # Stream by stream, so that each is looked for in its own year alone.
        found = f"LATERAL ({_RAW}WHERE originator_id = wanted ORDER BY originator_version) AS found"
        query = f"SELECT found.* FROM unnest(%b::uuid[]) AS wanted CROSS JOIN {found}".encode()  # noqa: S608 - constants
        return self._pool.run(lambda c: c.execute(query, (list(stream_ids),), prepare=True, binary=True).fetchall())

    def case(self, prefix: bytes) -> list[RawEvent]:
        """All events of the streams whose id begins with the prefix (12 bytes), in order of position."""
        bounds = (UUID(bytes=prefix + bytes(4)), UUID(bytes=prefix + b"\xff" * 4))
        return self._rows(_CASE, bounds)

    def after(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events after the position, in order of position."""
        return self._rows("WHERE position > %b::bigint ORDER BY position LIMIT %b::bigint", (position, limit))

    def before(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events before the position, the latest first."""
        return self._rows("WHERE position < %b::bigint ORDER BY position DESC LIMIT %b::bigint", (position, limit))

    def at(self, positions: Sequence[int]) -> list[RawEvent]:
        """The events at these positions, in order of position; a position at which there is none is left out."""
        return self._rows("WHERE position = ANY(%b::bigint[]) ORDER BY position", ([*positions],))

    def of_topic(self, topic: str, after: int, until: int) -> list[RawEvent]:
        """The events of a topic after one position and up to another, in order of position."""
        clause = "WHERE position > %b::bigint AND position <= %b::bigint AND topic = %b ORDER BY position"
        return self._rows(clause, (after, until, topic))

    def bulk(self, after: int, until: int, part: int, parts: int) -> Iterator[list[RawEvent]]:
        """All events after one position and up to another, in order, in batches; of one share of the cases alone.

        The server chooses the share and runs ahead while the batch is worked on. A connection that breaks meanwhile
        is not made good: StoreAway is raised, and whoever reads begins again.
        """
        share = "" if parts == 1 else f"AND get_byte(uuid_send(originator_id), 11) % {int(parts)} = {int(part)} "
        query = f"{_RAW}WHERE position > {int(after)} AND position <= {int(until)} {share}ORDER BY position"
        with (
            self._pool.connection() as connection,
            connection.cursor(binary=True) as cursor,
            # Whoever leaves early has to let go of the rows first, or the connection waits for them.
            closing(cast("Generator[RawEvent, None, None]", cursor.stream(query.encode(), size=_CHUNK))) as rows,
        ):
            while batch := list(islice(rows, BULK_BATCH)):
                yield batch

    def position(self) -> int:
        """The position of the last event, 0 for an empty log."""
        return int(self._one("SELECT COALESCE(max(position), 0) FROM log.event")[0])

    def command(self, command_id: UUID) -> CommandRow | None:
        """The stored command, or None.

        Whoever answers with it acknowledges it. After a crash it may be seen before the standby has it, so one that is
        found is confirmed, in the line of those who write: without a standby it waits as they do, and no reader does.
        """
        found = self._pool.run(lambda connection: stored_command(connection, command_id))
        if found is not None:
            self._commits.submit(CONFIRMATION)
        return found

    def counter(self, name: str) -> int:
        """The counter's value, 0 for one that was never used."""
        return int(self._one("SELECT COALESCE(max(value), 0) FROM log.counter WHERE name = %b", (name,))[0])

    def epoch(self) -> Epoch:
        """The epoch that the log is in."""
        return self._pool.run(_epoch)

    def new_epoch(self, at: datetime) -> Epoch:
        """Begin the next epoch at the log's position; answers it."""
        tried: list[Epoch] = []

        def begin(connection: Connection) -> Epoch:
            make_durable(connection)
            with connection.transaction():
                # Others who write, or begin an epoch, come before or after.
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
                last = _epoch(connection)
                if last in tried:
                    # The commit took effect whose answer was lost.
                    settle(connection)
                    return last
                [(position,)] = connection.execute("SELECT COALESCE(max(position), 0) FROM log.event").fetchall()
                tried.append(last.next(position, at))
                connection.execute("INSERT INTO log.epoch VALUES (%s, %s, %s)", (*tried[-1], at))
            return tried[-1]

        return self._pool.run(begin)

    def detached(self) -> list[str]:
        """The years that were taken out of the log."""
        rows = self._pool.run(lambda c: c.execute("SELECT name FROM log.detached ORDER BY name").fetchall())
        return [name for (name,) in rows]

    def close(self) -> None:
        """Write what waits, then give back every connection; safe to do twice."""
        self._commits.close()
        self._writer.close()
        self._pool.close()

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int]:
        """The library's way to append, in a transaction of its own; answers the positions. Raises Conflict."""
        last = self.write(Unit(stored_events, {}, None, {}))
        return range(last - len(stored_events) + 1, last + 1)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """The library's way to read a stream."""
        rows = self._rows(
            "WHERE originator_id = %b AND originator_version > %b::bigint AND originator_version <= %b::bigint "
            f"ORDER BY originator_version {'DESC' if desc else 'ASC'} LIMIT %b::bigint",
            (UUID(str(originator_id)), gt or 0, _BEYOND if lte is None else lte, limit),
        )
        return [StoredEvent(UUID(bytes=stream), version, topic, state) for _, stream, version, topic, state in rows]

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """The library's way to read the log."""
        first = 0 if start is None else start if inclusive_of_start else start + 1
        among, chosen = ("AND topic = ANY(%b::text[]) ", (list(topics),)) if topics else ("", ())
        rows = self._rows(
            f"WHERE position >= %b::bigint AND position <= %b::bigint {among}ORDER BY position LIMIT %b::bigint",
            (first, _BEYOND if stop is None else stop, *chosen, limit),
        )
        return [
            Notification(
                id=position, originator_id=UUID(bytes=stream), originator_version=version, topic=topic, state=state
            )
            for position, stream, version, topic, state in rows
        ]

    def max_notification_id(self) -> int:
        """The library's name for `position`."""
        return self.position()

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> Any:
        """The library's subscriptions are not offered: the projector's loop reads the log on every store."""
        raise NotImplementedError("read the log with EventLog.events and EventLog.wait")

    def _rows(self, where: str, parameters: tuple[object, ...]) -> list[RawEvent]:
        query = (_RAW + where).encode()
        return self._pool.run(lambda c: c.execute(query, parameters, prepare=True, binary=True).fetchall())

    def _one(self, query: str, parameters: tuple[object, ...] = ()) -> tuple[Any, ...]:
        text = query.encode()
        rows = self._pool.run(lambda c: c.execute(text, parameters, prepare=True, binary=True).fetchall())
        return tuple(rows[0])


def refuse_unsafe_option() -> None:
    """Raise StoreError when the library's function for inserting is asked for: it loses events to readers."""
    if os.environ.get(_UNSAFE, "").strip().lower() in _TRUE:
        msg = (
            f"{_UNSAFE} is set: the library's database functions let a reader that goes on from the last position "
            "skip events for good. Shaoxiang brings a function of its own; remove the setting and start again"
        )
        raise StoreError(msg)


def _rehearse(connection: Connection) -> None:
    """Ask what most requests ask, so that whoever is given this connection need not wait for its first plans.

    For the first one a session loads what the server knows of the log; for the sixth, which is one for all values, what
    it knows of every year. Each takes ten to fifty times as long as an answer.
    """
    # Whatever is in the way, such as a log that is not migrated or is being changed, is told to whoever asks something.
    with suppress(psycopg.Error):
        connection.execute(_IMPATIENT)
        for _ in range(_REHEARSALS):
            connection.execute((_RAW + _CASE).encode(), (_NOBODY, _NOBODY), prepare=True, binary=True)
            stored_command(connection, _NOBODY)
    with suppress(psycopg.Error):
        connection.execute("RESET lock_timeout")


def _epoch(connection: Connection) -> Epoch:
    row = connection.execute("SELECT number, position FROM log.epoch ORDER BY number DESC LIMIT 1").fetchone()
    return Epoch(0, 0) if row is None else Epoch(*row)
