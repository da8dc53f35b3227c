"""The interview 约谈: opened → withdrawn, or confirmed → held → rectified or expired."""

from enum import StrEnum
from uuid import UUID

from domain.dispatch.facts import interview as interview_facts
from domain.dispatch.facts.interview import (
    InterviewConfirmed,
    InterviewExpired,
    InterviewHeld,
    InterviewLimitMet,
    InterviewLimitMissed,
    InterviewOpened,
    InterviewPaused,
    InterviewRectified,
    InterviewResumed,
    InterviewWithdrawn,
)
from domain.dispatch.timekeeping import Timekeeper
from domain.errors import AlreadyDone, TooLate, WrongState
from domain.kernel import Act, CaseAggregate, event
from domain.policy.deadlines import Stage, Urgency


class InterviewState(StrEnum):
    """Where an interview stands."""

    OPENED = "opened"
    WITHDRAWN = "withdrawn"
    CONFIRMED = "confirmed"
    HELD = "held"
    RECTIFIED = "rectified"
    EXPIRED = "expired"


WAY = (InterviewState.OPENED, InterviewState.CONFIRMED, InterviewState.HELD, InterviewState.RECTIFIED)
"""The straight way of an interview; a step that lies behind is ALREADY_DONE."""


class Interview(CaseAggregate):
    """A unit's principal leader is called to account, and a new limit for finishing the case is set."""

    TOPIC = "interview"
    FACTS = interview_facts

    def __init__(self, response: UUID, department: str, because: str, drill: bool) -> None:
        self.state = InterviewState.OPENED
        self.response, self.department, self.because, self.drill = response, department, because, drill

    @classmethod
    def convene(cls, interview_id: UUID, act: Act, keeper: Timekeeper, **facts: object) -> "Interview":
        """Open the escalation; the new limit starts."""
        clock = keeper.start(Stage.INTERVIEW_LIMIT, act.at, Urgency.GENERAL)
        return cls.open(InterviewOpened, interview_id, act, clocks=(clock,), **facts)

    @property
    def stands(self) -> bool:
        """Whether it has not been withdrawn."""
        return self.state is not InterviewState.WITHDRAWN

    def _must_be(self, wanted: InterviewState, leads_to: InterviewState) -> None:
        # An interview expires after it was held.
        reached = InterviewState.HELD if self.state is InterviewState.EXPIRED else self.state
        if reached in WAY and WAY.index(reached) >= WAY.index(leads_to):
            raise AlreadyDone(f"The interview is {self.state.value} already.", interview=str(self.id))
        if self.state is InterviewState.EXPIRED and leads_to is InterviewState.RECTIFIED:
            raise TooLate("The interview's limit has passed without rectification.", interview=str(self.id))
        if self.state is not wanted:
            raise WrongState(f"The interview is {self.state.value}; it must be {wanted.value}.", interview=str(self.id))

    def may_confirm(self) -> None:
        """Refuse unless opened."""
        self._must_be(InterviewState.OPENED, InterviewState.CONFIRMED)

    def may_hold(self) -> None:
        """Refuse unless confirmed."""
        self._must_be(InterviewState.CONFIRMED, InterviewState.HELD)

    def may_rectify(self) -> None:
        """Refuse unless held."""
        self._must_be(InterviewState.HELD, InterviewState.RECTIFIED)

    def confirm(self, act: Act) -> None:
        """Supervision confirms."""
        self.may_confirm()
        self.record(InterviewConfirmed, act)

    def withdraw(self, because: str, act: Act) -> None:
        """What it was opened on no longer stands."""
        if self.stands:
            clocks = self.stopped((Stage.INTERVIEW_LIMIT,), act)
            self.record(InterviewWithdrawn, act, because=because, clocks=clocks)

    def hold(self, minutes: str, act: Act) -> None:
        """It was held."""
        self.may_hold()
        self.record(InterviewHeld, act, minutes=minutes)

    def rectify(self, evidence: str, act: Act) -> None:
        """The unit put things right."""
        self.may_rectify()
        self.record(InterviewRectified, act, evidence=evidence, clocks=self.met(Stage.INTERVIEW_LIMIT, act))

    def finish(self, act: Act) -> None:
        """The response was finished, which is what the limit was for."""
        clock = self.clocks[Stage.INTERVIEW_LIMIT]
        if self.stands and clock.open:
            met = clock.meet(act.at)
            self.record(InterviewLimitMet, act, on_time=met.missed_at is None, clocks=(met,))

    def pause(self, act: Act) -> None:
        """The case was suspended."""
        if clocks := self.paused(Stage.INTERVIEW_LIMIT, act):
            self.record(InterviewPaused, act, clocks=clocks)

    def resume(self, act: Act, keeper: Timekeeper) -> None:
        """The case was resumed."""
        if clocks := self.resumed(Stage.INTERVIEW_LIMIT, act, keeper):
            self.record(InterviewResumed, act, clocks=clocks)

    def fire(self, act: Act, keeper: Timekeeper) -> None:
        """The limit passed: an interview that was held expires, another is marked."""
        if clocks := self.missed(Stage.INTERVIEW_LIMIT, act.at):
            held = self.state is InterviewState.HELD
            self.record(InterviewExpired if held else InterviewLimitMissed, act, clocks=clocks)

    @event(InterviewConfirmed)
    def _confirmed(self) -> None:
        self.state = InterviewState.CONFIRMED

    @event(InterviewWithdrawn)
    def _withdrawn(self) -> None:
        self.state = InterviewState.WITHDRAWN

    @event(InterviewHeld)
    def _held(self) -> None:
        self.state = InterviewState.HELD

    @event(InterviewRectified)
    def _rectified(self) -> None:
        self.state = InterviewState.RECTIFIED

    @event(InterviewExpired)
    def _expired(self) -> None:
        self.state = InterviewState.EXPIRED
