"""A department's standing: the repeat ladder 累进问责, rolling, counted again whenever a mark is struck."""

from bisect import bisect_left, bisect_right, insort
from datetime import datetime, timedelta
from typing import NamedTuple, Self
from uuid import UUID, uuid5

from domain.dispatch.facts import standing as standing_facts
from domain.dispatch.facts.standing import (
    LadderStepReached,
    LadderStepWithdrawn,
    MarkEntered,
    MarkStruck,
    StandingOpened,
)
from domain.dispatch.timekeeping import Timekeeper
from domain.kernel import Act, CaseAggregate, event
from domain.policy.deadlines import LadderStep

STANDINGS = UUID("6f0d3f5e-6f5a-5c1b-9d57-0a4f1f0e8a11")
"""The namespace of the departments' standing streams."""


def standing_id(department: str) -> UUID:
    """The stream of a department's standing."""
    return uuid5(STANDINGS, department)


class Mark(NamedTuple):
    """A reminder or an interview that counts."""

    kind: str
    response: UUID
    at: datetime


class Step(NamedTuple):
    """A step of the ladder that was reached, when, and on which response."""

    name: str
    response: UUID
    at: datetime


class Standing(CaseAggregate):
    """What adds up against one department."""

    TOPIC = "standing"
    FACTS = standing_facts

    def __init__(self, department: str) -> None:
        self.department = department
        self.marks: list[Mark] = []
        self.steps: list[Step] = []
        self._times: dict[str, list[datetime]] = {}
        """When the marks of each kind were entered, in order, so that a busy year is counted at once."""

    @classmethod
    def begin(cls, department: str, act: Act) -> "Standing":
        """Open the record."""
        return cls.open(StandingOpened, standing_id(department), act, department=department)

    def fork(self) -> Self:
        """A copy: a department's standing grows for years and is needed at every miss."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__, marks=[*self.marks], steps=[*self.steps], _pending_events=[])
        twin.__dict__["clocks"] = {**self.clocks}
        twin._times = {kind: [*times] for kind, times in self._times.items()}
        return twin

    def enter(self, kind: str, response: UUID, act: Act, keeper: Timekeeper) -> None:
        """Enter a mark, and see which step of the ladder it reaches. A step is reached once per window."""
        self.record(MarkEntered, act, mark=kind, response=response)
        for rung in keeper.policy(act.at).ladder:
            since = act.at - timedelta(days=rung.within_days)
            count = self._count(rung.outcome, since, act.at)
            standing = any(step.name == rung.step and step.at > since for step in self.steps)
            if rung.outcome == kind and count >= rung.count and not standing:
                self.record(
                    LadderStepReached,
                    act,
                    department=self.department,
                    step=rung.step,
                    count=count,
                    since=since,
                    response=response,
                )

    def strike(self, kind: str, response: UUID, act: Act, keeper: Timekeeper) -> None:
        """Strike a mark, and withdraw the steps that are no longer reached without it."""
        if not any(mark.kind == kind and mark.response == response for mark in self.marks):
            return
        self.record(MarkStruck, act, mark=kind, response=response)
        rungs: dict[str, LadderStep] = {rung.step: rung for rung in keeper.policy(act.at).ladder}
        for step in tuple(self.steps):
            rung = rungs.get(step.name)
            if rung is None or rung.outcome != kind:
                continue
            if not self._still_reached(step, rung):
                self.record(
                    LadderStepWithdrawn, act, department=self.department, step=step.name, response=step.response
                )

    def fire(self, act: Act, keeper: Timekeeper) -> None:
        """Nothing falls due by itself."""

    def _still_reached(self, step: Step, rung: LadderStep) -> bool:
        """Whether the step is reached without the struck mark, then or while it stood in the way of another one."""
        span = timedelta(days=rung.within_days)
        moments = [mark.at for mark in self.marks if mark.kind == rung.outcome and step.at <= mark.at < step.at + span]
        return any(self._count(rung.outcome, moment - span, moment) >= rung.count for moment in (step.at, *moments))

    def _count(self, kind: str, since: datetime, until: datetime) -> int:
        times = self._times.get(kind, [])
        return bisect_right(times, until) - bisect_right(times, since)

    @event(MarkEntered)
    def _entered(self, mark: str, response: UUID, timestamp: datetime) -> None:
        self.marks.append(Mark(mark, response, timestamp))
        insort(self._times.setdefault(mark, []), timestamp)

    @event(MarkStruck)
    def _struck(self, mark: str, response: UUID) -> None:
        times = self._times[mark]
        for struck in (each for each in self.marks if (each.kind, each.response) == (mark, response)):
            times.pop(bisect_left(times, struck.at))
        self.marks = [each for each in self.marks if (each.kind, each.response) != (mark, response)]

    @event(LadderStepReached)
    def _reached(self, step: str, response: UUID, timestamp: datetime) -> None:
        self.steps.append(Step(step, response, timestamp))

    @event(LadderStepWithdrawn)
    def _withdrawn(self, step: str, response: UUID) -> None:
        self.steps = [each for each in self.steps if (each.name, each.response) != (step, response)]
