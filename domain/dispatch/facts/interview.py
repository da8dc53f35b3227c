"""What can happen to an interview 约谈 of a unit's principal leader."""

from typing import ClassVar
from uuid import UUID

from domain.kernel import CaseAggregate, Opening


class InterviewOpened(Opening):
    """拟约谈: an arrival was missed, or a veto fell; a new limit for finishing the case is set."""

    TOPIC: ClassVar[str] = "interview.opened.v1"
    response: UUID
    department: str
    because: str
    drill: bool


class InterviewConfirmed(CaseAggregate.Event):
    """约谈确认: by supervision."""

    TOPIC: ClassVar[str] = "interview.confirmed.v1"


class InterviewWithdrawn(CaseAggregate.Event):
    """约谈撤销: what it was opened on no longer stands."""

    TOPIC: ClassVar[str] = "interview.withdrawn.v1"
    because: str


class InterviewHeld(CaseAggregate.Event):
    """已约谈: with minutes."""

    TOPIC: ClassVar[str] = "interview.held.v1"
    minutes: str


class InterviewLimitMet(CaseAggregate.Event):
    """The response was finished within, or after, the interview's limit."""

    TOPIC: ClassVar[str] = "interview.limit-met.v1"
    on_time: bool


class InterviewLimitMissed(CaseAggregate.Event):
    """The limit passed before the interview was held."""

    TOPIC: ClassVar[str] = "interview.limit-missed.v1"


class InterviewRectified(CaseAggregate.Event):
    """已整改: the unit showed that it put things right."""

    TOPIC: ClassVar[str] = "interview.rectified.v1"
    evidence: str


class InterviewExpired(CaseAggregate.Event):
    """整改逾期: held, and the limit passed without rectification."""

    TOPIC: ClassVar[str] = "interview.expired.v1"


class InterviewPaused(CaseAggregate.Event):
    """The case was suspended, and the interview's limit stands still."""

    TOPIC: ClassVar[str] = "interview.paused.v1"


class InterviewResumed(CaseAggregate.Event):
    """The case was resumed, and the interview's limit runs on."""

    TOPIC: ClassVar[str] = "interview.resumed.v1"
