"""The seam between the log and its database: what one writing unit is, and what a recorder must do with it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from pydantic import AwareDatetime

from domain.kernel import Frozen

RawEvent = tuple[int, bytes, int, str, bytes]
"""Position, stream id (16 bytes), version, topic and state, exactly as stored."""


BULK_BATCH = 5000
"""How many events a bulk read hands over at a time."""

_PART_BYTE = 11


def part_of(stream_id: bytes, parts: int) -> int:
    """Which of `parts` equal shares a stream belongs to; all streams of a case belong to the same one.

    The last byte of what a case's streams share is random, and enough to tell up to some dozens of shares apart.
    """
    return stream_id[_PART_BYTE] % parts


class Epoch(NamedTuple):
    """Which history the positions count, and up to which position it is the one from before: see `next`.

    The number is 0 until the log is restored for the first time, and each restore makes it greater.
    """

    number: int
    position: int

    def next(self, position: int, at: datetime) -> "Epoch":
        """The epoch that a restore up to the position begins at an aware moment.

        The seconds of its beginning number it, so that two restores of one backup are told apart as well.
        """
        return Epoch(max(self.number + 1, int(at.timestamp())), position)


class CommandRow(Frozen):
    """What a command was and what came of it, so that asking again gets the same answer.

    `request_hash` tells another body under the same id apart; `result` is JSON without personal data; `position` is
    that of the last event the command recorded, or of the log where it recorded none, and is set by the store.
    """

    id: UUID
    actor: UUID
    name: str
    request_hash: str
    result: str
    at: AwareDatetime
    position: int = 0


class Unit(NamedTuple):
    """Everything that is stored together or not at all.

    `reads` says which version each stream that was looked at still has to have (0: it must not exist). `counters` says
    which value each named counter was read at; it is made one more.
    """

    events: Sequence[StoredEvent]
    reads: Mapping[UUID, int]
    command: CommandRow | None
    counters: Mapping[str, int]


class LogRecorder(Protocol):
    """A database that keeps the log. Every method may be called from any thread.

    All of them raise StoreAway when the database cannot be reached, and those that write StoreFull when its disk is
    full.
    """

    shared: bool
    """Whether other processes may be writing, so that waiting for news means asking."""

    def write(self, unit: Unit) -> int:
        """Store the unit in one transaction and answer its position; raises Conflict or DuplicateCommand."""

    def stream(self, stream_id: UUID, after: int = 0) -> list[RawEvent]:
        """The events of the stream behind a version, oldest first."""

    def streams(self, stream_ids: Sequence[UUID]) -> list[RawEvent]:
        """All events of these streams, each stream's oldest first."""

    def case(self, prefix: bytes) -> list[RawEvent]:
        """All events of the streams whose id begins with the prefix (12 bytes), in order of position."""

    def after(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events after the position, in order of position."""

    def before(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events before the position, the latest first."""

    def at(self, positions: Sequence[int]) -> list[RawEvent]:
        """The events at these positions, in order of position; a position at which there is none is left out."""

    def of_topic(self, topic: str, after: int, until: int) -> list[RawEvent]:
        """The events of a topic after one position and up to another, in order of position."""

    def bulk(self, after: int, until: int, part: int, parts: int) -> Iterator[list[RawEvent]]:
        """All events after one position and up to another, in order, in batches; of one share of the cases alone."""

    def position(self) -> int:
        """The position of the last event, 0 for an empty log."""

    def command(self, command_id: UUID) -> CommandRow | None:
        """The stored command, or None."""

    def counter(self, name: str) -> int:
        """The counter's value, 0 for one that was never used."""

    def epoch(self) -> Epoch:
        """The epoch that the log is in."""

    def new_epoch(self, at: datetime) -> Epoch:
        """Begin the next epoch at the log's position, at an aware moment; answers it."""

    def detached(self) -> list[str]:
        """The years that were taken out of the log, whose events it therefore does not show."""

    def close(self) -> None:
        """Give back every connection and lock; safe to do twice."""
