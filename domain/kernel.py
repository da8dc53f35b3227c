"""The one seam to the event-sourcing library's model: Meta, Act, Fact, CaseAggregate, Opening, event.

Aggregates decide in ordinary methods, which may refuse, and record facts with `record`; methods decorated
with `@event` apply a fact, run again on every replay, and therefore never check and never fail.
"""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NoReturn, Protocol, Self
from uuid import UUID

from eventsourcing.domain import BaseAggregate, CanInitAggregate, CanMutateAggregate, event
from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.policy.deadlines import Clock, Stage

__all__ = [
    "Act", "CaseAggregate", "Fact", "Frozen", "Kind", "Meta", "Opening", "case_of", "child", "event", "kind_of",
    "new_family", "ordinal_of",
]  # fmt: skip


class Frozen(BaseModel):
    """A value: frozen, exact on the way back from the log, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Meta(Frozen):
    """By whom, for whom, on whose behalf, because of what; and both times where a device reported late."""

    actor: UUID
    role: str
    organisation: str
    case_id: UUID | None = None
    command_id: UUID
    correlation_id: UUID
    occurred_at: AwareDatetime | None = None
    imported: bool = False


class Act(Frozen):
    """One command in time: `at` is the server's receipt (aware UTC), `meta` says who and why."""

    at: AwareDatetime
    meta: Meta

    @property
    def stamp(self) -> dict[str, Any]:
        """What every fact carries, ready to be spread into `record`."""
        return {"timestamp": self.at, "meta": self.meta}

    @property
    def actor(self) -> UUID:
        """The person who acts."""
        return self.meta.actor

    def within(self, case_id: UUID) -> "Act":
        """The same act, told on the stream of another case."""
        return self.model_copy(update={"meta": self.meta.model_copy(update={"case_id": case_id})})


class Fact(Frozen):
    """What happened, to what, and when. `clocks` are the clocks that it started, moved or ended, as they now stand."""

    originator_id: UUID
    originator_version: int
    timestamp: AwareDatetime
    meta: Meta
    clocks: tuple[Clock, ...] = ()

    @property
    def ref(self) -> str:
        """How other facts cite this one: stream id and version."""
        return f"{self.originator_id}/{self.originator_version}"


class CaseAggregate(BaseAggregate[UUID]):
    """An aggregate whose time and meta are handed in; asking the library for a timestamp raises."""

    class Event(Fact, CanMutateAggregate[UUID]):
        """A fact about one aggregate. The clocks it carries replace the ones of the same stage."""

        def apply(self, aggregate: Any) -> None:
            """Put the moved clocks in place; the aggregate's own `@event` method has run before."""
            super().apply(aggregate)
            for clock in self.clocks:
                aggregate.clocks[clock.stage] = clock

        @classmethod
        def create_timestamp(cls) -> NoReturn:
            """Refuse: only the composition root reads a clock."""
            msg = f"{cls.__qualname__} was recorded without a time: pass **act.stamp"
            raise RuntimeError(msg)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take in the facts of the module that the aggregate names as FACTS.

        The library wants events in the aggregate's own body; ours stand in files of their own, so that what can happen
        is read apart from what may be decided.
        """
        for name, fact in vars(getattr(cls, "FACTS", None) or object).items():
            if isinstance(fact, type) and issubclass(fact, CaseAggregate.Event) and "TOPIC" in vars(fact):
                setattr(cls, name, fact)
        super().__init_subclass__(**kwargs)

    def __base_init__(self, originator_id: Any, originator_version: int, timestamp: datetime) -> None:
        """Set up what every aggregate has, before its own `__init__` runs."""
        super().__base_init__(originator_id, originator_version, timestamp)
        self.clocks: dict[Stage, Clock] = {}

    @classmethod
    def open(cls, fact: "type[Opening]", stream_id: UUID, act: Act, **facts: Any) -> Self:
        """Decided: the stream begins with this fact, in the form that the library gave it (see `record`)."""
        return cls._create(getattr(cls, fact.__name__, fact), id=stream_id, **facts, **act.stamp)

    def fork(self) -> Self | None:
        """A copy on which to decide while this one is kept as it is; None for streams that are soon read again.

        An aggregate whose stream grows without end says here how it is copied. It is then kept in memory, and only
        what came since is read. It must have nothing pending.
        """
        return None

    def record(self, fact: "type[CaseAggregate.Event]", act: Act, **facts: Any) -> None:
        """Decided: record the fact with the act's time and meta, and apply it.

        The library makes a subclass of a fact that an `@event` method applies and keeps it under the fact's own name.
        """
        self.trigger_event(getattr(type(self), fact.__name__, fact), **facts, **act.stamp)

    @property
    def next_ref(self) -> str:
        """The reference that the next recorded fact will have, for ledgers that cite it."""
        return f"{self.id}/{self.version + 1}"

    def paused(self, stage: Stage, act: Act) -> tuple[Clock, ...]:
        """The open clock of a stage, paused by the next fact; nothing where there is none that runs."""
        clock = self.clocks.get(stage)
        return (clock.pause(act.at, self.next_ref),) if clock is not None and clock.running else ()

    def resumed(self, stage: Stage, act: Act, keeper: "Resumer") -> tuple[Clock, ...]:
        """The paused clock of a stage, running on from the next fact; nothing where none is paused."""
        clock = self.clocks.get(stage)
        return (keeper.resume(clock, act.at, self.next_ref),) if clock is not None and clock.paused else ()

    def met(self, stage: Stage, act: Act) -> tuple[Clock, ...]:
        """The open clock of a stage, met at the act's time; nothing where none is open."""
        clock = self.clocks.get(stage)
        return (clock.meet(act.at),) if clock is not None and clock.open else ()

    def stopped(self, stages: Iterable[Stage], act: Act) -> tuple[Clock, ...]:
        """The open clocks of some stages, stopped without verdict."""
        found = (self.clocks.get(stage) for stage in stages)
        return tuple(clock.stop(act.at) for clock in found if clock is not None and clock.open)

    def missed(self, stage: Stage, at: datetime) -> tuple[Clock, ...]:
        """The clock of a stage as missed, where it is overdue at a moment."""
        clock = self.clocks.get(stage)
        return (clock.miss(),) if clock is not None and clock.overdue(at) else ()


class Resumer(Protocol):
    """Who knows the calendar that a clock started with."""

    def resume(self, clock: Clock, at: datetime, because: str) -> Clock:
        """The clock, running on."""
        ...


class Opening(CaseAggregate.Event, CanInitAggregate[UUID]):
    """The first fact of an aggregate."""

    originator_topic: str


class Kind:
    """What a stream is, readable from the last four bytes of its id: one byte of kind, three of ordinal."""

    REPORT = 0
    CASE = 1
    WHISTLE = 2
    RESPONSE = 3
    EVALUATION = 4
    INTERVIEW = 5
    OUTSIDE = -1


FAMILY_VERSION = 7
"""The UUID version of every stream of a case. Streams outside cases are named by UUIDs of version 5."""


def new_family(at: datetime, bits: int | None = None) -> UUID:
    """The id of a new report, UUIDv7-like: 48 bits of milliseconds, version, 42 random bits, and four bytes of zero.

    All streams of the case that may grow from it share its first twelve bytes, so that one case's events can be
    found, partitioned and parked together by prefix. `bits` stand in for the random ones where the same matter must
    get the same id again, as when it is imported twice.
    """
    milliseconds = int(at.astimezone(UTC).timestamp() * 1000)
    high, low = divmod(secrets.randbits(42) if bits is None else bits & 0x3FF_FFFF_FFFF, 1 << 30)
    value = (milliseconds & 0xFFFF_FFFF_FFFF) << 80
    value |= FAMILY_VERSION << 76 | high << 64
    value |= 0b10 << 62 | low << 32
    return UUID(int=value)


def child(member: UUID, kind: int, ordinal: int = 0) -> UUID:
    """The id of a stream of the same case: `kind` as in `Kind`, `ordinal` counts within the kind (24 bits)."""
    return UUID(int=(member.int >> 32 << 32) | kind << 24 | ordinal)


def ordinal_of(member: UUID) -> int:
    """The ordinal of a stream within its kind and case."""
    return member.int & 0xFF_FFFF


def kind_of(member: UUID) -> int:
    """What a stream of a case is, as in `Kind`; `Kind.OUTSIDE` for a stream of no case, such as an officer's."""
    return member.int >> 24 & 0xFF if member.version == FAMILY_VERSION else Kind.OUTSIDE


def case_of(member: UUID) -> UUID:
    """The id of the case that a report, whistle, response, evaluation or interview belongs to."""
    return child(member, Kind.CASE)
