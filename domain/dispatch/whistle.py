"""The whistle 哨: blown → resolved or withdrawn. It knows whom it called; each answer is a response of its own."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from domain.dispatch.facts import whistle as whistle_facts
from domain.dispatch.facts.whistle import (
    AppointmentMoved,
    CasePushed,
    DepartmentAdded,
    DepartmentReplaced,
    LeadChanged,
    WhistleBlown,
    WhistleCancelled,
    WhistleEscalated,
    WhistleReopened,
    WhistleResolved,
    WhistleWithdrawn,
)
from domain.dispatch.values import Dispatch, Part
from domain.errors import AlreadyDone, Invalid, TooLate, WrongState
from domain.kernel import Act, CaseAggregate, event
from domain.policy.deadlines import Urgency, WhistleKind


class WhistleState(StrEnum):
    """Where a whistle stands."""

    BLOWN = "blown"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


class Whistle(CaseAggregate):
    """A call to departments; exactly one of them leads."""

    TOPIC = "whistle"
    FACTS = whistle_facts

    def __init__(
        self,
        kind: str,
        responses: tuple[Dispatch, ...],
        appointed_at: datetime | None,
        drill: bool,
        street: str | None = None,
    ) -> None:
        self.state = WhistleState.BLOWN
        self.kind, self.appointed_at, self.drill, self.street = WhistleKind(kind), appointed_at, drill, street
        self.dispatches: list[Dispatch] = list(responses)

    @classmethod
    def blow(cls, whistle_id: UUID, act: Act, *, pushed: bool = False, **facts: object) -> "Whistle":
        """Blow, or push for the command centre."""
        return cls.open(CasePushed if pushed else WhistleBlown, whistle_id, act, **facts)

    @property
    def next_response(self) -> int:
        """How many responses there have been: the next one's place in the whistle."""
        return len(self.dispatches)

    def dispatch_of(self, department: str) -> Dispatch | None:
        """The latest call of a department, or None."""
        return next((each for each in reversed(self.dispatches) if each.department == department), None)

    # Guards.

    def is_blown(self) -> None:
        """Refuse on a whistle that is resolved or withdrawn."""
        if self.state is not WhistleState.BLOWN:
            raise WrongState(f"The whistle is {self.state.value}.", whistle=str(self.id), state=self.state.value)

    def may_withdraw(self) -> None:
        """Refuse where it is over; arrivals are the desk's to ask."""
        if self.state is WhistleState.WITHDRAWN:
            raise AlreadyDone("The whistle was withdrawn already.", whistle=str(self.id))
        self.is_blown()

    def may_move_appointment(self, act: Act) -> None:
        """Refuse without an appointment, or once it is past."""
        self.is_blown()
        if self.appointed_at is None:
            raise WrongState("The whistle has no appointment to move.", whistle=str(self.id))
        if act.at > self.appointed_at:
            raise TooLate(
                "An appointment is moved before it is due.",
                whistle=str(self.id),
                appointed_at=self.appointed_at.isoformat(),
            )

    # Decisions.

    def add(self, dispatch: Dispatch, act: Act) -> None:
        """Call one more supporting department."""
        self.is_blown()
        self.record(DepartmentAdded, act, dispatch=dispatch)

    def replace(self, released: UUID, dispatch: Dispatch, act: Act) -> None:
        """A return was upheld: another department, new to the whistle, takes the same part."""
        if self.dispatch_of(dispatch.department) is not None:
            raise Invalid("The replacement must be new to the whistle.", department=dispatch.department)
        self.record(DepartmentReplaced, act, released=released, dispatch=dispatch)

    def change_lead(self, former: UUID, lead: UUID, act: Act) -> None:
        """Pass the lead on."""
        self.is_blown()
        self.record(LeadChanged, act, former=former, lead=lead)

    def move_appointment(self, to: datetime, act: Act) -> None:
        """Move the appointed time."""
        self.may_move_appointment(act)
        if to <= act.at:
            raise Invalid("The appointed time must lie ahead.", to=to.isoformat())
        self.record(AppointmentMoved, act, to=to)

    def defer_appointment(self, to: datetime, act: Act) -> None:
        """A suspension ended: the appointment has moved like its allowance, also for whoever comes later."""
        if to != self.appointed_at:
            self.record(AppointmentMoved, act, to=to)

    def escalate(self, released: tuple[UUID, ...], responses: tuple[Dispatch, ...], urgency: Urgency, act: Act) -> None:
        """A lower tier could not solve it: the open responses go, and new ones come."""
        self.is_blown()
        kind = WhistleKind.EMERGENCY if urgency is Urgency.EMERGENCY else WhistleKind.ESCALATED
        self.record(WhistleEscalated, act, kind=kind, released=released, responses=responses)

    def withdraw(self, reason: str, act: Act) -> None:
        """Take the call back."""
        self.may_withdraw()
        self.record(WhistleWithdrawn, act, reason=reason)

    def resolve(self, act: Act) -> None:
        """Everything called for is done."""
        if self.state is WhistleState.BLOWN:
            self.record(WhistleResolved, act)

    def reopen(self, act: Act) -> None:
        """The case was reopened."""
        if self.state is WhistleState.RESOLVED:
            self.record(WhistleReopened, act)

    def cancel(self, act: Act) -> None:
        """The case was cancelled."""
        if self.state is WhistleState.BLOWN:
            self.record(WhistleCancelled, act)

    # Applied facts.

    @event(DepartmentAdded)
    def _added(self, dispatch: Dispatch) -> None:
        self.dispatches.append(dispatch)

    @event(DepartmentReplaced)
    def _replaced(self, dispatch: Dispatch) -> None:
        self.dispatches.append(dispatch)

    @event(LeadChanged)
    def _lead_changed(self, former: UUID, lead: UUID) -> None:
        parts = {former: Part.SUPPORT, lead: Part.LEAD}
        self.dispatches = [
            each.model_copy(update={"part": parts.get(each.response, each.part)}) for each in self.dispatches
        ]

    @event(AppointmentMoved)
    def _moved(self, to: datetime) -> None:
        self.appointed_at = to

    @event(WhistleEscalated)
    def _escalated(self, kind: str, responses: tuple[Dispatch, ...]) -> None:
        self.kind, self.appointed_at = WhistleKind(kind), None
        self.dispatches.extend(responses)

    @event(WhistleWithdrawn)
    def _withdrawn(self) -> None:
        self.state = WhistleState.WITHDRAWN

    @event(WhistleResolved)
    def _resolved(self) -> None:
        self.state = WhistleState.RESOLVED

    @event(WhistleReopened)
    def _reopened(self) -> None:
        self.state = WhistleState.BLOWN

    @event(WhistleCancelled)
    def _cancelled(self) -> None:
        self.state = WhistleState.WITHDRAWN
