"""The seam between the log and its database: what one writing unit is, and what a recorder must do with it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from pydantic import AwareDatetime

from domain.kernel import Frozen

RawEvent = tuple[int, bytes, int, str, bytes]
"""Position, stream id (16 bytes), version, topic and state, exactly as stored."""


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
    """A database that keeps the log. Every method may be called from any thread."""

    def write(self, unit: Unit) -> int:
        """Store the unit in one transaction and answer its position; raises Conflict or DuplicateCommand."""

    def stream(self, stream_id: UUID) -> list[RawEvent]:
        """All events of the stream, oldest first."""

    def case(self, prefix: bytes) -> list[RawEvent]:
        """All events of the streams whose id begins with the prefix (12 bytes), in order of position."""

    def after(self, position: int, limit: int) -> list[RawEvent]:
        """At most `limit` events after the position, in order of position."""

    def position(self) -> int:
        """The position of the last event, 0 for an empty log."""

    def command(self, command_id: UUID) -> CommandRow | None:
        """The stored command, or None."""

    def counter(self, name: str) -> int:
        """The counter's value, 0 for one that was never used."""

    def close(self) -> None:
        """Give back every connection and lock; safe to do twice."""
