"""The log: aggregates are loaded from it and saved to it, and views, timers and the feed read it in order."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple, Self, TypeVar
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol

from domain.kernel import CaseAggregate
from store.bands import Bands, PostgresBands, SqliteBands
from store.mapper import EventMapper
from store.recorder import CommandRow, Epoch, LogRecorder, RawEvent, Unit
from store.sqlite import SqliteRecorder

__all__ = ["CaseStreams", "CommandRow", "Epoch", "EventLog", "RawEvent", "Recorded", "Saved"]

A = TypeVar("A", bound=CaseAggregate)
PREFIX = 12
"""How many bytes of their ids the streams of a case share."""

KEPT_FROM = 50
"""From how many events on an aggregate that can be copied is kept in memory (our default)."""

KEPT_AT_MOST = 1_000
"""How many are kept; a city has some hundred departments."""

_NOTHING: Mapping[str, int] = {}
_NO_READS: Mapping[UUID, int] = {}
_LOOK_SECONDS = 0.05
"""How often a log that others write to as well is asked for news while somebody waits for it."""


class Recorded(NamedTuple):
    """An event and its position in the log. Positions grow; they may have gaps."""

    position: int
    event: CaseAggregate.Event


class Saved(NamedTuple):
    """The position of the last event stored, and the version that each changed stream has now."""

    position: int
    versions: Mapping[UUID, int]


class CaseStreams:
    """The streams of one case as they stood at one moment, read at once; events are decoded for those who ask."""

    def __init__(self, prefix: bytes, rows: Iterable[RawEvent], recorded: Callable[[RawEvent], Recorded]) -> None:
        self._prefix = prefix
        self._recorded = recorded
        self._rows: dict[bytes, list[RawEvent]] = {}
        for row in rows:
            self._rows.setdefault(row[1], []).append(row)

    def get(self, stream_id: UUID) -> list[Recorded] | None:
        """A stream's events, oldest first, none where it has none; None for a stream of another case."""
        if stream_id.bytes[:PREFIX] != self._prefix:
            return None
        return [self._recorded(row) for row in self._rows.get(stream_id.bytes, ())]


class EventLog:
    """The one ordered log of all facts. Safe to use from many threads; writing units take effect one after another.

    Every method raises StoreAway when the database cannot be reached; those that write raise StoreFull when its disk
    is full.
    """

    bands: Bands | None = None
    """How to read it case by case, in other processes too; None for a log in memory."""

    def __init__(self, recorder: LogRecorder, mapper: EventMapper) -> None:
        self.mapper = mapper
        self._recorder = recorder
        self._moved = threading.Condition()
        self._kept: dict[UUID, tuple[CaseAggregate, RawEvent]] = {}
        self._seen = recorder.position()
        self._looked_at = time.monotonic()

    @classmethod
    def open(cls, path: Path, kinds: Iterable[type[CaseAggregate]], *, read_only: bool = False) -> Self:
        """Open the migrated SQLite file at `path` for the aggregates `kinds`.

        Raises StoreMissing, StoreInUse (for writing, one process at a time), NotMigrated or NewerStore.
        """
        mapper = EventMapper(kinds)
        log = cls(SqliteRecorder.open(path, read_only=read_only), mapper)
        log.bands = SqliteBands(path)
        return log

    @classmethod
    def connect(
        cls, url: str, kinds: Iterable[type[CaseAggregate]], *, readers: int = 8, patience: float = 5.0
    ) -> Self:
        """Open the migrated PostgreSQL database at the URL, which may name several hosts; many processes may.

        `readers` is how many connections read at once at most, beside the one that writes; `patience` is how many
        seconds anything is tried again while the database is away.
        Raises StoreAway, NotMigrated or NewerStore, or StoreError for a setting that loses events.
        """
        # The driver is an extra: the embedded store does without it.
        from store.postgres import PostgresRecorder  # noqa: PLC0415

        mapper = EventMapper(kinds)
        log = cls(PostgresRecorder(url, readers=readers, patience=patience), mapper)
        log.bands = PostgresBands(url)
        return log

    @classmethod
    def in_memory(cls, kinds: Iterable[type[CaseAggregate]]) -> Self:
        """A fresh log for a play; nothing of it outlives the process."""
        mapper = EventMapper(kinds)
        return cls(SqliteRecorder.in_memory(), mapper)

    def load(self, kind: type[A], stream_id: UUID) -> A | None:
        """The aggregate as its events made it, or None when there is no such stream of that kind.

        Raises UnknownTopic, NewerStore or UnreadableEvent for a stored event that cannot be read.
        """
        kept = self._kept.get(stream_id)
        if kept is None:
            return self._load_whole(kind, stream_id)
        aggregate, last = kept
        rows = self._recorder.stream(stream_id, aggregate.version - 1)
        if rows[:1] != [last]:
            # A standby that lacked the newest events has taken over.
            with self._moved:
                self._kept.pop(stream_id, None)
            return self._load_whole(kind, stream_id)
        found = aggregate.fork()
        for row in rows[1:]:
            found = self._recorded(row).event.mutate(found)
        if found is not None and len(rows) > 1:
            found = self._keep(found, rows[-1])
        return found if isinstance(found, kind) else None

    def _load_whole(self, kind: type[A], stream_id: UUID) -> A | None:
        rows = self._recorder.stream(stream_id)
        aggregate = self.fold(kind, map(self._recorded, rows))
        return self._keep(aggregate, rows[-1]) if aggregate is not None and len(rows) >= KEPT_FROM else aggregate

    def _keep(self, aggregate: A, last: RawEvent) -> A:
        """Keep a long stream's aggregate, where it can be copied; answers what may be decided on.

        What is kept is never changed, and only the log's own events are in it, up to `last`, by which it is seen
        whether the log still holds them.
        """
        copy = aggregate.fork()
        if copy is None:
            return aggregate
        with self._moved:
            if len(self._kept) >= KEPT_AT_MOST:
                self._kept.pop(next(iter(self._kept)))
            self._kept[aggregate.id] = (aggregate, last)
        return copy

    @staticmethod
    def fold(kind: type[A], stream: Iterable[Recorded]) -> A | None:
        """The aggregate as these events of its stream make it, or None where they make none of that kind."""
        aggregate: CaseAggregate | None = None
        for recorded in stream:
            aggregate = recorded.event.mutate(aggregate)
        return aggregate if isinstance(aggregate, kind) else None

    def save(
        self,
        aggregates: Iterable[CaseAggregate],
        reads: Mapping[UUID, int] = _NO_READS,
        command: CommandRow | None = None,
        counters: Mapping[str, int] = _NOTHING,
    ) -> Saved:
        """Store all that the aggregates recorded, and the command, in one transaction; on disk when it returns.

        Events are stored in the order of the aggregates. `reads` are the versions of streams that the decision looked
        at without changing them. `counters` are the values that were read; each becomes one more. Raises Conflict or
        DuplicateCommand, and then nothing is stored and the aggregates' pending events are gone: load them again.
        """
        return self.append([event for each in aggregates for event in each.collect_events()], reads, command, counters)

    def append(
        self,
        events: Sequence[DomainEventProtocol[UUID]],
        reads: Mapping[UUID, int] = _NO_READS,
        command: CommandRow | None = None,
        counters: Mapping[str, int] = _NOTHING,
    ) -> Saved:
        """Store these events as one writing unit; see `save`, which builds on it. Raises as `save` does."""
        stored = [self.mapper.to_stored_event(event) for event in events]
        position = self._recorder.write(Unit(stored, reads, command, counters))
        self._notice(position)
        return Saved(position, {event.originator_id: event.originator_version for event in events})

    def stream(self, stream_id: UUID) -> list[Recorded]:
        """All events of one stream, oldest first; empty when there is none. Raises as `load` does."""
        return [self._recorded(row) for row in self._recorder.stream(stream_id)]

    def streams(self, stream_ids: Sequence[UUID]) -> dict[UUID, list[Recorded]]:
        """All events of these streams by stream, asked for at once; an empty list where there is none. As `load`."""
        found: dict[UUID, list[Recorded]] = {stream_id: [] for stream_id in stream_ids}
        for row in self._recorder.streams(stream_ids):
            recorded = self._recorded(row)
            found[recorded.event.originator_id].append(recorded)
        return found

    def raw_case(self, member: UUID) -> list[RawEvent]:
        """As `case`, but as the stored bytes."""
        return self._recorder.case(member.bytes[:PREFIX])

    def case_streams(self, member: UUID) -> CaseStreams:
        """All streams of the case that `member` belongs to, in one question. Asking for one raises as `load`."""
        return CaseStreams(member.bytes[:PREFIX], self.raw_case(member), self._recorded)

    def raw_streams(self, stream_ids: Sequence[UUID]) -> list[RawEvent]:
        """As `streams`, but as the stored bytes, one stream after the other."""
        return list(self._recorder.streams(stream_ids))

    def case(self, member: UUID) -> list[Recorded]:
        """All events of all streams of the case that `member` belongs to, in order of position. Raises as `load`."""
        return [self._recorded(row) for row in self.raw_case(member)]

    def events(self, after: int, limit: int) -> list[Recorded]:
        """At most `limit` events after the position, in order. Raises as `load` does."""
        return [self._recorded(row) for row in self._recorder.after(after, limit)]

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        """As `events`, but as the stored bytes, for those who decode some and skip others (`mapper.decode`)."""
        return self._recorder.after(after, limit)

    def before(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events before the position as stored bytes, the latest first."""
        return self._recorder.before(position, limit)

    def of_topic(self, topic: str, after: int, until: int) -> list[Recorded]:
        """The events of a topic after one position and up to another, in order. Raises as `load` does."""
        return [self._recorded(row) for row in self._recorder.of_topic(topic, after, until)]

    def at(self, positions: Sequence[int]) -> dict[int, RawEvent]:
        """The events at these positions as stored bytes, by position; where there is none, nothing."""
        return {row[0]: row for row in self._recorder.at(positions)}

    def bulk(self, after: int, until: int, part: int = 0, parts: int = 1) -> Iterator[list[RawEvent]]:
        """All events after one position and up to another as stored bytes, in order, in batches, the fastest way.

        Of `parts` shares only number `part` (from 0) is read; a case belongs to one share (`recorder.part_of`). A
        break of the connection raises StoreAway, and whoever reads begins again.
        """
        return self._recorder.bulk(after, until, part, parts)

    def command(self, command_id: UUID) -> CommandRow | None:
        """What was stored with the command of that id, or None when it never took effect."""
        return self._recorder.command(command_id)

    def counter(self, name: str) -> int:
        """The value to decide with and to hand back in `counters`; 0 for a counter that was never used."""
        return self._recorder.counter(name)

    def position(self) -> int:
        """The position of the last event, 0 for an empty log."""
        return self._recorder.position()

    def wait(self, position: int, timeout: float) -> int:
        """Wait at most `timeout` seconds until something lies after the position; answers the latest one known.

        This process's own writes end the wait at once, those of others on PostgreSQL a twentieth of a second later. A
        process that looks on beside an embedded store's writer is told nothing and polls.
        """
        deadline = time.monotonic() + timeout
        while True:
            self._look()
            with self._moved:
                left = deadline - time.monotonic()
                nap = min(left, _LOOK_SECONDS) if self._recorder.shared else left
                if self._moved.wait_for(lambda: self._seen > position, nap) or left <= nap:
                    return self._seen

    def epoch(self) -> Epoch:
        """How often the log was restored from a backup, and up to which position."""
        return self._recorder.epoch()

    def new_epoch(self, at: datetime) -> Epoch:
        """Begin the next epoch at the log's position, at the aware moment `at`: the log was restored."""
        return self._recorder.new_epoch(at)

    def detached(self) -> list[str]:
        """The years that were taken out of the log (see partitions). Views cannot be folded anew without them."""
        return self._recorder.detached()

    def close(self) -> None:
        """Give back every connection and lock; safe to do twice."""
        self._recorder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _notice(self, position: int) -> None:
        with self._moved:
            if position > self._seen:
                self._seen = position
                self._moved.notify_all()

    def _look(self) -> None:
        """Ask for others' news, one thread for all that wait."""
        now = time.monotonic()
        with self._moved:
            if not self._recorder.shared or now - self._looked_at < _LOOK_SECONDS:
                return
            self._looked_at = now
            before = self._seen
        position = self._recorder.position()
        with self._moved:
            if self._seen == before:
                # A standby that lacked the newest events may have taken over: what is gone is no news any more.
                self._seen = position
                self._moved.notify_all()
        self._notice(position)

    def _recorded(self, row: RawEvent) -> Recorded:
        position, stream_id, version, topic, state = row
        return Recorded(position, self.mapper.decode(UUID(bytes=stream_id), version, topic, state))
