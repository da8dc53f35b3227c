"""Two small aggregates of our own, so that the store is tested apart from the trade."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar
from uuid import UUID, uuid4

from domain.kernel import Act, CaseAggregate, Frozen, Kind, Meta, Opening, child, event, new_family
from domain.policy.deadlines import Clock, Limit, Stage, Unit
from store.log import CommandRow

NOON = datetime(2022, 12, 14, 4, 0, tzinfo=UTC)


class Colour(StrEnum):
    """Something with few values."""

    RED = "red"
    GREEN = "green"


class Spot(Frozen):
    """A value inside an event."""

    longitude: float
    latitude: float


class Lamp(CaseAggregate):
    """A lamp that is hung up, lit, and changed in colour."""

    TOPIC = "test-lamp"

    class LampHung(Opening):
        """The lamp is there."""

        TOPIC: ClassVar[str] = "test-lamp.hung.v1"
        street: str
        spot: Spot | None = None

    class LampLit(CaseAggregate.Event):
        """The lamp shines, in colours, for a while."""

        TOPIC: ClassVar[str] = "test-lamp.lit.v1"
        colours: tuple[Colour, ...]
        lasting: timedelta = timedelta(minutes=90)

    @event(LampHung)
    def __init__(self, street: str) -> None:
        self.street = street
        self.colours: tuple[Colour, ...] = ()

    @event(LampLit)
    def _lit(self, colours: tuple[Colour, ...]) -> None:
        self.colours = colours

    def light(self, *colours: Colour) -> None:
        """Light it; the clock of its dispatch moves along."""
        self.record(Lamp.LampLit, act(), colours=colours, clocks=(a_clock(),))


class Bell(CaseAggregate):
    """A bell, for what touches two aggregates."""

    TOPIC = "test-bell"

    class BellHung(Opening):
        """The bell is there."""

        TOPIC: ClassVar[str] = "test-bell.hung.v1"

    class BellRung(CaseAggregate.Event):
        """The bell rings."""

        TOPIC: ClassVar[str] = "test-bell.rung.v1"
        times: int

    @event(BellHung)
    def __init__(self) -> None:
        self.times = 0

    @event(BellRung)
    def _rung(self, times: int) -> None:
        self.times += times

    def ring(self, times: int = 1) -> None:
        """Ring it so many times."""
        self.record(Bell.BellRung, act(), times=times)


KINDS: tuple[type[CaseAggregate], ...] = (Lamp, Bell)


def act() -> Act:
    """Somebody acts at noon."""
    return Act(
        at=NOON,
        meta=Meta(
            actor=UUID(int=1),
            role="street_officer",
            organisation="220204001",
            command_id=uuid4(),
            correlation_id=uuid4(),
        ),
    )


def a_clock() -> Clock:
    """Any clock."""
    fields: dict[str, Any] = dict.fromkeys(("rule", "policy", "calendar", "slots"), "2026-1")
    limit = Limit(amount=2, unit=Unit.WORKING_HOURS)
    return Clock(stage=Stage.DISPATCH, limit=limit, started_at=NOON, due_at=NOON + timedelta(hours=2), **fields)


def a_family() -> UUID:
    """The id of a new report."""
    return new_family(NOON)


def a_lamp(stream_id: UUID | None = None) -> Lamp:
    """A lamp just hung up, not yet saved."""
    stream_id = stream_id or child(a_family(), Kind.CASE)
    spot = Spot(longitude=126.55, latitude=43.84)
    return Lamp.open(Lamp.LampHung, stream_id, act(), street="北京路", spot=spot)


def a_bell(stream_id: UUID | None = None) -> Bell:
    """A bell just hung up, not yet saved."""
    return Bell.open(Bell.BellHung, stream_id or child(a_family(), Kind.WHISTLE), act())


def a_command(command_id: UUID | None = None, result: str = "{}") -> CommandRow:
    """The row of a command."""
    return CommandRow(
        id=command_id or uuid4(), actor=UUID(int=1), name="light", request_hash="ab" * 32, result=result, at=NOON
    )
