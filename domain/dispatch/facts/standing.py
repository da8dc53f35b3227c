"""What adds up against a department: the repeat ladder 累进问责."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from domain.kernel import CaseAggregate, Opening


class StandingOpened(Opening):
    """A department's record of reminders and interviews begins."""

    TOPIC: ClassVar[str] = "standing.opened.v1"
    department: str


class MarkEntered(CaseAggregate.Event):
    """A reminder was issued to the department, or an interview opened. `mark` is `remind` or `interview`."""

    TOPIC: ClassVar[str] = "standing.mark-entered.v1"
    mark: str
    response: UUID


class MarkStruck(CaseAggregate.Event):
    """A reminder or an interview was withdrawn and no longer counts."""

    TOPIC: ClassVar[str] = "standing.mark-struck.v1"
    mark: str
    response: UUID


class LadderStepReached(CaseAggregate.Event):
    """Enough marks within a rolling window: yellow letter, deputy interviewed, listing, or no awards."""

    TOPIC: ClassVar[str] = "standing.ladder-step-reached.v1"
    department: str
    step: str
    count: int
    since: AwareDatetime
    response: UUID


class LadderStepWithdrawn(CaseAggregate.Event):
    """Counted again after an appeal, a step is no longer reached."""

    TOPIC: ClassVar[str] = "standing.ladder-step-withdrawn.v1"
    department: str
    step: str
    response: UUID
