"""The response: one department's answer to one whistle, or the street team's own handling.

dispatched → signed → arrived → completed (awaiting verification) → verified; beside that rework, released and
defaulted. This file holds the state and how each fact changes it; what may be decided is told in four files,
`arrival`, `disposal`, `returns` and `dunning`, whose functions take the response first.
"""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from domain.dispatch.facts import response as response_facts
from domain.dispatch.facts.response import (
    ArrivalConfirmed,
    ArrivalCorrected,
    ArrivalMissed,
    ArrivalRecorded,
    ArrivalReminded,
    CompletionSubmitted,
    DeadlineRecomputed,
    DisposalMissed,
    DisputeReferred,
    ExtensionDenied,
    ExtensionGranted,
    ExtensionRequested,
    LeftEarly,
    PartChanged,
    ReminderIssued,
    ReminderWithdrawn,
    ResponseDefaulted,
    ResponseDispatched,
    ResponseReleased,
    ResponseReopened,
    ResponseSigned,
    ReturnDenied,
    ReturnRequested,
    ReturnUpheld,
    SceneLeft,
    SceneReleased,
    SignatureMissed,
    UrgeIssued,
    VerificationFailed,
    VerificationPassed,
    WrittenCriticismIssued,
)
from domain.dispatch.values import Part, Place
from domain.errors import AlreadyDone, WrongState
from domain.kernel import CaseAggregate, Meta, event
from domain.policy.deadlines import Clock, Stage, Urgency, WhistleKind
from domain.policy.rubric import Band, Mark


class ResponseState(StrEnum):
    """Where a response stands. A return that is asked for is a flag, not a state."""

    DISPATCHED = "dispatched"
    SIGNED = "signed"
    ARRIVED = "arrived"
    COMPLETED = "completed"
    VERIFIED = "verified"
    REWORK = "rework"
    RELEASED = "released"
    DEFAULTED = "defaulted"


OPEN = (
    ResponseState.DISPATCHED,
    ResponseState.SIGNED,
    ResponseState.ARRIVED,
    ResponseState.COMPLETED,
    ResponseState.REWORK,
)
AT_WORK = (ResponseState.DISPATCHED, ResponseState.SIGNED, ResponseState.ARRIVED, ResponseState.REWORK)
DONE = (ResponseState.VERIFIED, ResponseState.DEFAULTED)


class Pending(NamedTuple):
    """An extension that was asked for and not yet ruled on."""

    until: datetime
    level: int


class Arrival(NamedTuple):
    """A check-in: when it was received, what the device said, and whether the street confirmed it."""

    received_at: datetime
    device_at: datetime | None
    confirmed: bool


class Response(CaseAggregate):
    """One department's duty in one case."""

    TOPIC = "response"
    FACTS = response_facts

    def __init__(
        self,
        whistle: UUID | None,
        department: str,
        part: Part,
        kind: str | None,
        urgency: str,
        place: Place,
        drill: bool,
        timestamp: datetime,
    ) -> None:
        self.whistle, self.department, self.part, self.drill = whistle, department, part, drill
        self.kind, self.urgency, self.place = WhistleKind(kind) if kind else None, Urgency(urgency), place
        self.state, self.dispatched_at = ResponseState.DISPATCHED, timestamp
        self.missed_stages: dict[Stage, str] = {}
        self.signature: Mark | None = None
        self.signed_at: datetime | None = None
        self.arrival: Mark | None = None
        self.arrived_at: datetime | None = None
        self.check_in: Arrival | None = None
        self.remind_again_at: datetime | None = None
        self.released_from_scene = self.left_scene = False
        self.completed_at: datetime | None = None
        self.completed_by: UUID | None = None
        self.verified_at: datetime | None = None
        self.disposals: list[Mark] = []
        self.failures: list[str] = []
        self.pending: Pending | None = None
        self.granted: list[str] = []
        self.asked_for_time = False
        self.urged = False
        self.warned: set[Stage] = set()
        self.criticise_at: datetime | None = None
        self.reminder: str | None = None
        self.reminder_is_of_an_earlier_round = False
        self.return_pending = self.return_asked = self.return_referred = False
        self.ruled_by: set[UUID] = set()

    @property
    def is_direct(self) -> bool:
        """Whether it is the street team's own handling."""
        return self.whistle is None

    @property
    def is_open(self) -> bool:
        """Whether something is still owed."""
        return self.state in OPEN

    @property
    def is_done(self) -> bool:
        """Verified or defaulted: done for the purposes of closing."""
        return self.state in DONE

    @property
    def missed_clocks(self) -> list[str]:
        """The clocks missed, in the order signature, arrival, disposal."""
        return [
            stage.value for stage in (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL) if stage in self.missed_stages
        ]

    def due(self, stage: Stage) -> datetime | None:
        """The effective due time of a stage, extensions and pauses counted; None where it has no such clock."""
        clock = self.clocks.get(stage)
        return clock.due_at if clock else None

    def disposal_clock(self) -> Clock | None:
        """The clock of DISPOSAL, which every response has but an imported one: history starts no clock."""
        return self.clocks.get(Stage.DISPOSAL)

    def wrong(self, what: str) -> WrongState:
        """A refusal that names the response's state and what would be needed."""
        return WrongState(f"The response is {self.state.value}: {what}.", response=str(self.id), state=self.state.value)

    def done_already(self, what: str) -> AlreadyDone:
        """A refusal that says the effect stands."""
        return AlreadyDone(f"The response {what} already.", response=str(self.id), state=self.state.value)

    def must_be_called(self) -> None:
        """Refuse on a street team's own handling, which is neither signed nor arrived at."""
        if self.is_direct:
            raise self.wrong("direct handling has no signature, arrival or return")

    def must_be_open(self) -> None:
        """Refuse where nothing is owed any more."""
        if not self.is_open:
            raise self.wrong("nothing is owed any more")

    # Applied facts.

    @event(ResponseSigned)
    def _signed(self, band: str, originator_version: int, timestamp: datetime) -> None:
        self.state, self.signed_at = ResponseState.SIGNED, timestamp
        self.signature = Mark(band=Band(band), event=f"{self.id}/{originator_version}")
        if band == Band.ON_TIME:
            self.missed_stages.pop(Stage.SIGNATURE, None)
        else:
            self.missed_stages.setdefault(Stage.SIGNATURE, self.signature.event)

    @event(SignatureMissed)
    def _signature_missed(self, originator_version: int) -> None:
        self.missed_stages[Stage.SIGNATURE] = f"{self.id}/{originator_version}"

    @event(ArrivalMissed)
    def _arrival_missed(self, again_at: datetime, originator_version: int) -> None:
        self.missed_stages[Stage.ARRIVAL] = f"{self.id}/{originator_version}"
        self.remind_again_at = again_at

    @event(DisposalMissed)
    def _disposal_missed(self, criticise_at: datetime | None, originator_version: int) -> None:
        self.missed_stages[Stage.DISPOSAL] = f"{self.id}/{originator_version}"
        self.pending, self.criticise_at = None, criticise_at

    @event(PartChanged)
    def _part_changed(self, part: Part) -> None:
        self.part = part

    @event(DeadlineRecomputed)
    def _recomputed(self, urgency: str, place: Place, clocks: tuple[Clock, ...]) -> None:
        self.urgency, self.place = Urgency(urgency), place
        if all(clock.missed_at is None for clock in clocks):
            self.missed_stages.pop(Stage.DISPOSAL, None)
            self.criticise_at = None

    @event(ArrivalRecorded)
    def _arrival_recorded(
        self,
        device_at: datetime | None,
        arrived_at: datetime | None,
        band: str | None,
        originator_version: int,
        timestamp: datetime,
    ) -> None:
        self.check_in = Arrival(received_at=timestamp, device_at=device_at, confirmed=False)
        if arrived_at is not None and band is not None:
            self.state = ResponseState.ARRIVED
            self._arrived(arrived_at, band, originator_version)

    @event(ArrivalConfirmed)
    def _arrival_confirmed(self, arrived_at: datetime, band: str, originator_version: int) -> None:
        assert self.check_in is not None
        self.check_in = self.check_in._replace(confirmed=True)
        if self.state is ResponseState.SIGNED:
            self.state = ResponseState.ARRIVED
        self._arrived(arrived_at, band, originator_version)

    @event(ArrivalCorrected)
    def _arrival_corrected(self, arrived_at: datetime, band: str, originator_version: int) -> None:
        self._arrived(arrived_at, band, originator_version)

    def _arrived(self, arrived_at: datetime, band: str, version: int) -> None:
        self.arrived_at, self.arrival = arrived_at, Mark(band=Band(band), event=f"{self.id}/{version}")
        self.remind_again_at = None
        if band == Band.ON_TIME:
            self.missed_stages.pop(Stage.ARRIVAL, None)
        else:
            self.missed_stages.setdefault(Stage.ARRIVAL, f"{self.id}/{version}")

    @event(ArrivalReminded)
    def _reminded_again(self) -> None:
        self.remind_again_at = None

    @event(SceneReleased)
    def _scene_released(self) -> None:
        self.released_from_scene = True

    @event(SceneLeft)
    def _scene_left(self) -> None:
        self.left_scene = True

    @event(LeftEarly)
    def _left_early(self) -> None:
        self.left_scene = True

    @event(ReturnRequested)
    def _return_requested(self) -> None:
        self.return_pending = self.return_asked = True

    @event(DisputeReferred)
    def _referred(self, meta: Meta) -> None:
        self.return_referred = True

    @event(ReturnUpheld)
    def _return_upheld(self, meta: Meta) -> None:
        self.return_pending = False
        self.ruled_by.add(meta.actor)

    @event(ReturnDenied)
    def _return_denied(self, meta: Meta) -> None:
        self.return_pending = False
        self.ruled_by.add(meta.actor)

    @event(ResponseReleased)
    def _released(self) -> None:
        self.state, self.pending, self.return_pending, self.remind_again_at = ResponseState.RELEASED, None, False, None

    @event(CompletionSubmitted)
    def _completed(self, timestamp: datetime, meta: Meta) -> None:
        self.state, self.pending = ResponseState.COMPLETED, None
        self.completed_at, self.completed_by = timestamp, meta.actor

    @event(VerificationPassed)
    def _verified(self, band: str, originator_version: int, timestamp: datetime) -> None:
        self.state, self.verified_at, self.return_pending = ResponseState.VERIFIED, timestamp, False
        self.disposals.append(Mark(band=Band(band), event=f"{self.id}/{originator_version}"))

    @event(VerificationFailed)
    def _failed(self, originator_version: int) -> None:
        self.state = ResponseState.REWORK
        self.failures.append(f"{self.id}/{originator_version}")

    @event(ExtensionRequested)
    def _extension_requested(self, until: datetime, level: int) -> None:
        self.pending, self.asked_for_time = Pending(until, level), True

    @event(ExtensionGranted)
    def _extension_granted(self, originator_version: int, meta: Meta) -> None:
        self.pending = None
        self.granted.append(f"{self.id}/{originator_version}")
        self.ruled_by.add(meta.actor)

    @event(ExtensionDenied)
    def _extension_denied(self, meta: Meta) -> None:
        self.pending = None
        self.ruled_by.add(meta.actor)

    @event(UrgeIssued)
    def _urged(self, stage: Stage | None) -> None:
        self.urged = True
        if stage is not None:
            self.warned.add(stage)

    @event(ReminderIssued)
    def _reminded(self, originator_version: int) -> None:
        self.reminder = f"{self.id}/{originator_version}"
        self.reminder_is_of_an_earlier_round = False

    @event(ReminderWithdrawn)
    def _reminder_withdrawn(self) -> None:
        self.reminder = None

    @event(WrittenCriticismIssued)
    def _criticised(self) -> None:
        self.criticise_at = None

    @event(ResponseDefaulted)
    def _defaulted(self, originator_version: int) -> None:
        self.state, self.pending, self.return_pending, self.remind_again_at = ResponseState.DEFAULTED, None, False, None
        self.disposals.append(Mark(band=Band.NEVER, event=f"{self.id}/{originator_version}"))

    @event(ResponseReopened)
    def _reopened(self) -> None:
        self.state, self.criticise_at = ResponseState.REWORK, None
        self.reminder_is_of_an_earlier_round = self.reminder is not None
        self.warned.discard(Stage.DISPOSAL)
        self.completed_at = self.completed_by = self.verified_at = None


__all__ = ["AT_WORK", "DONE", "OPEN", "Arrival", "Pending", "Response", "ResponseDispatched", "ResponseState"]
