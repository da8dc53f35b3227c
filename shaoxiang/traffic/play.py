"""Plans played through the real desk, interleaved as in a city, on a virtual clock, with the real sweeper's timers.

Any log will do; the house's views need not keep up with every step.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel

from desk.actors import Actor
from desk.desk import Desk, Done
from desk.world import World
from domain.errors import Refusal
from shaoxiang.clock import VirtualClock
from shaoxiang.traffic.plan import Plan, Step, family_of_command
from shaoxiang.traffic.timers import Timers

Given = Mapping[str, Any] | BaseModel
"""A command's arguments."""


@dataclass
class Course:
    """A plan under way: how far it is, and what the answers called things."""

    plan: Plan
    done: int = 0
    names: dict[str, UUID] = field(default_factory=dict)

    @property
    def at(self) -> datetime:
        """When the next step is taken."""
        return self.plan.steps[self.done].at


@dataclass(frozen=True)
class Refused:
    """A step that the desk refused, which a sound plan has none of."""

    plan: int
    step: Step
    code: str
    message: str


class Due(Protocol):
    """Who knows what is due, and fires it."""

    def next_at(self) -> datetime | None:
        """When something is due next; None where nothing is."""

    def sweep(self, now: datetime) -> None:
        """Fire all that is due by now."""


class Overheard(Desk):
    """A desk at whose door somebody listens: `hears` is told command, target, arguments and id before each command."""

    def __init__(self, world: World, hears: Callable[[str, UUID | None, Given, UUID], None]) -> None:
        super().__init__(world)
        self._hears = hears

    def do(
        self,
        name: str,
        on: UUID | None,
        given: Given,
        actor: Actor,
        *,
        command_id: UUID,
        at: datetime | None = None,
        expected_version: int | None = None,
    ) -> Done:
        """See `Desk`."""
        self._hears(name, on, given, command_id)
        return super().do(name, on, given, actor, command_id=command_id, at=at, expected_version=expected_version)


class Play:
    """Runs plans on one world."""

    def __init__(
        self,
        world: World,
        clock: VirtualClock,
        *,
        desk: Callable[[World], Desk] = Desk,
        timers: Callable[[Desk], Due] | None = None,
    ) -> None:
        """`desk` makes a desk that somebody listens at; `timers` finds what is due by other means than hints."""
        self.clock = clock
        self.world = replace(world, now=clock.now, family=lambda act: family_of_command(act.meta.command_id))
        self.desk = desk(self.world)
        self.refused: list[Refused] = []
        self.timers: Due = timers(self.desk) if timers is not None else Timers(world.log, self.desk)

    def run(self, plans: Iterable[Plan], until: datetime | None = None) -> None:
        """Take every step at its time, up to `until` or the last one, and fire what is due on the way.

        `plans` come in the order in which they begin. Without `until` the clock runs on until nothing is due any more.
        """
        under_way: list[tuple[datetime, int, Course]] = []
        coming = iter(plans)
        upcoming = next(coming, None)
        while under_way or upcoming is not None:
            if upcoming is not None and (not under_way or upcoming.reported_at <= under_way[0][0]):
                heapq.heappush(under_way, (upcoming.reported_at, upcoming.number, Course(upcoming)))
                upcoming = next(coming, None)
                continue
            at, number, course = under_way[0]
            if until is not None and at > until:
                break
            self.run_to(at, inclusive=False)
            self._step(course)
            course.done += 1
            if course.done < len(course.plan.steps):
                heapq.heapreplace(under_way, (course.at, number, course))
            else:
                heapq.heappop(under_way)
        self.run_to(until, inclusive=True)

    def run_to(self, at: datetime | None, *, inclusive: bool) -> None:
        """Let the clock pass every moment at which something is due, and fire it there; None goes to the last."""
        while (due := self.timers.next_at()) is not None and (at is None or due < at or (inclusive and due == at)):
            self.clock.advance_to(max(due, self.clock.now()))
            self.timers.sweep(self.clock.now())
        if at is not None and at > self.clock.now():
            self.clock.advance_to(at)

    def _step(self, course: Course) -> None:
        plan, n = course.plan, course.done
        step = plan.steps[n]
        try:
            done = self.desk.do(
                step.do, named(step.on, course.names), given(step, course.names), step.actor,
                command_id=plan.command_id(n), at=step.at,
            )  # fmt: skip
        except (Refusal, KeyError) as refusal:
            code = refusal.code if isinstance(refusal, Refusal) else "UNNAMED"
            self.refused.append(Refused(plan.number, step, code, str(refusal)))
            return
        take_names(step, done, course.names)


def named(name: str | None, names: Mapping[str, UUID]) -> UUID | None:
    """What a name stands for; KeyError where no answer gave it."""
    return None if name is None else names[name]


def given(step: Step, names: Mapping[str, UUID]) -> dict[str, Any]:
    """A step's arguments as JSON takes them, names replaced by ids."""
    return {key: _plain(value, names) for key, value in step.given.items()}


def take_names(step: Step, done: Done, names: dict[str, UUID]) -> None:
    """Remember what an answer called things; a duplicate report's names end in its number."""
    for key, stream in done.ids.items():
        names[f"{key}/{step.part}" if step.part else key] = stream


def _plain(value: Any, names: Mapping[str, UUID]) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith("@"):
        return str(names[value[1:]])
    return value
