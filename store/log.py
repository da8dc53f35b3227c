"""The log: aggregates are loaded from it and saved to it, and views, timers and the feed read it in order."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self, TypeVar
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol

from domain.kernel import CaseAggregate
from store.mapper import EventMapper
from store.recorder import CommandRow, LogRecorder, RawEvent, Unit
from store.sqlite import SqliteRecorder

__all__ = ["CommandRow", "EventLog", "RawEvent", "Recorded", "Saved"]

A = TypeVar("A", bound=CaseAggregate)
_NOTHING: Mapping[str, int] = {}
_NO_READS: Mapping[UUID, int] = {}


class Recorded(NamedTuple):
    """An event and its position in the log. Positions grow; they may have gaps."""

    position: int
    event: CaseAggregate.Event


class Saved(NamedTuple):
    """The position of the last event stored, and the version that each changed stream has now."""

    position: int
    versions: Mapping[UUID, int]


class EventLog:
    """The one ordered log of all facts. Safe to use from many threads; writing units go one at a time."""

    def __init__(self, recorder: LogRecorder, mapper: EventMapper) -> None:
        self.mapper = mapper
        self._recorder = recorder
        self._moved = threading.Condition()
        self._seen = recorder.position()

    @classmethod
    def open(cls, path: Path, kinds: Iterable[type[CaseAggregate]], *, read_only: bool = False) -> Self:
        """Open the migrated SQLite file at `path` for the aggregates `kinds`.

        Raises StoreMissing, StoreInUse (for writing, one process at a time), NotMigrated or NewerStore.
        """
        mapper = EventMapper(kinds)
        return cls(SqliteRecorder.open(path, read_only=read_only), mapper)

    @classmethod
    def in_memory(cls, kinds: Iterable[type[CaseAggregate]]) -> Self:
        """A fresh log for a play; nothing of it outlives the process."""
        mapper = EventMapper(kinds)
        return cls(SqliteRecorder.in_memory(), mapper)

    def load(self, kind: type[A], stream_id: UUID) -> A | None:
        """The aggregate as its events made it, or None when there is no such stream of that kind.

        Raises UnknownTopic, NewerStore or UnreadableEvent for a stored event that cannot be read.
        """
        aggregate: CaseAggregate | None = None
        for recorded in self.stream(stream_id):
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
        with self._moved:
            if position > self._seen:
                self._seen = position
                self._moved.notify_all()
        return Saved(position, {event.originator_id: event.originator_version for event in events})

    def stream(self, stream_id: UUID) -> list[Recorded]:
        """All events of one stream, oldest first; empty when there is none. Raises as `load` does."""
        return [self._recorded(row) for row in self._recorder.stream(stream_id)]

    def case(self, member: UUID) -> list[Recorded]:
        """All events of all streams of the case that `member` belongs to, in order of position. Raises as `load`."""
        return [self._recorded(row) for row in self._recorder.case(member.bytes[:12])]

    def events(self, after: int, limit: int) -> list[Recorded]:
        """At most `limit` events after the position, in order. Raises as `load` does."""
        return [self._recorded(row) for row in self._recorder.after(after, limit)]

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        """As `events`, but as the stored bytes, for those who decode some and skip others (`mapper.decode`)."""
        return self._recorder.after(after, limit)

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

        It is a hint for this process's own writes: whoever must not miss another process's still polls.
        """
        with self._moved:
            self._moved.wait_for(lambda: self._seen > position, timeout)
            return self._seen

    def close(self) -> None:
        """Give back every connection and lock; safe to do twice."""
        self._recorder.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _recorded(self, row: RawEvent) -> Recorded:
        position, stream_id, version, topic, state = row
        return Recorded(position, self.mapper.decode(UUID(bytes=stream_id), version, topic, state))
