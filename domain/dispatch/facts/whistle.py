"""What can happen to a whistle 哨."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime

from domain.dispatch.values import Dispatch
from domain.kernel import CaseAggregate, Opening


class WhistleBlown(Opening):
    """吹哨: a street calls departments; exactly one of them leads."""

    TOPIC: ClassVar[str] = "whistle.blown.v1"
    kind: str
    street: str | None
    responses: tuple[Dispatch, ...]
    appointed_at: AwareDatetime | None
    reason: str | None
    drill: bool
    backfilled: bool = False


class CasePushed(Opening):
    """推送: the command centre calls departments; an enforcement whistle of its own."""

    TOPIC: ClassVar[str] = "whistle.pushed.v1"
    kind: str
    street: str | None
    responses: tuple[Dispatch, ...]
    appointed_at: AwareDatetime | None
    reason: str | None
    drill: bool
    backfilled: bool = False


class DepartmentAdded(CaseAggregate.Event):
    """增派: one more supporting department, with clocks of its own."""

    TOPIC: ClassVar[str] = "whistle.department-added.v1"
    dispatch: Dispatch


class DepartmentReplaced(CaseAggregate.Event):
    """改派: a return was upheld, and another department takes the same part."""

    TOPIC: ClassVar[str] = "whistle.department-replaced.v1"
    released: UUID
    dispatch: Dispatch


class LeadChanged(CaseAggregate.Event):
    """变更主办: the lead passes to another department of the whistle."""

    TOPIC: ClassVar[str] = "whistle.lead-changed.v1"
    former: UUID
    lead: UUID


class AppointmentMoved(CaseAggregate.Event):
    """改约: the street moved the appointed time before it was due, or a suspension of the case did."""

    TOPIC: ClassVar[str] = "whistle.appointment-moved.v1"
    to: AwareDatetime


class WhistleEscalated(CaseAggregate.Event):
    """升级: a lower tier could not solve it; open responses are released and new ones dispatched."""

    TOPIC: ClassVar[str] = "whistle.escalated.v1"
    kind: str
    released: tuple[UUID, ...]
    responses: tuple[Dispatch, ...]


class WhistleWithdrawn(CaseAggregate.Event):
    """撤哨: before the first arrival; its responses are released and excluded from rates."""

    TOPIC: ClassVar[str] = "whistle.withdrawn.v1"
    reason: str


class WhistleResolved(CaseAggregate.Event):
    """解除: every response not released is verified or defaulted."""

    TOPIC: ClassVar[str] = "whistle.resolved.v1"


class WhistleReopened(CaseAggregate.Event):
    """The case was reopened, and the whistle calls again."""

    TOPIC: ClassVar[str] = "whistle.reopened.v1"


class WhistleCancelled(CaseAggregate.Event):
    """The case was cancelled, and its whistle with it."""

    TOPIC: ClassVar[str] = "whistle.cancelled.v1"
