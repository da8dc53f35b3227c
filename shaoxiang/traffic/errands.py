"""Errands: traffic as requests over HTTP, at a given rate, for a load that goes on in real time.

The plans are those of any traffic, without what needs a due time to pass; but people act seconds apart, so that some
minutes hold whole cases and all their common commands. Requests come by the clock (a Poisson stream of matters, each
with exponential gaps); whoever sends them tells the plan's names what the answers called things.
"""

import heapq
import itertools
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from api.commands import PREFIX, Row
from api.routes import cases, evaluations, outcomes, people, reports, responses, whistles
from desk.actors import Actor, Role
from domain.registry.organisations import OrganisationKind
from shaoxiang.traffic import habits
from shaoxiang.traffic.course import plan
from shaoxiang.traffic.plan import Plan, Stage, Step, person
from shaoxiang.traffic.play import given, named

TABLES = (reports.ROWS, cases.ROWS, whistles.ROWS, responses.ROWS, evaluations.ROWS, outcomes.ROWS, people.ROWS)
ROUTES: Mapping[str, Row] = {row.command: row for rows in TABLES for row in rows}
"""Command → its route."""

GAP_AT_LEAST_SECONDS, GAP_MEAN_SECONDS = 1.0, 4.0
"""How far apart the steps of one matter are."""

MEASURED_PLANS = 300
"""How many plans tell how many commands a matter has."""


@dataclass(frozen=True)
class Errand:
    """One request: when it is sent, in seconds since the load began, by whom, and what for.

    `key` is its idempotency key. `path` and `body` need the names that answers to the plan's earlier errands gave, and
    raise KeyError where one is missing: then that answer is still awaited, or was a refusal.
    """

    after: float
    plan: int
    step: Step
    key: str

    @property
    def actor(self) -> Actor:
        """Who sends it."""
        return self.step.actor

    @property
    def method(self) -> str:
        """The HTTP method."""
        return ROUTES[self.step.do].method

    def path(self, names: Mapping[str, UUID]) -> str:
        """The address, from the root of the API's host."""
        on = named(self.step.on, names)
        return PREFIX + ROUTES[self.step.do].path.replace("{id}", str(on))

    def body(self, names: Mapping[str, UUID]) -> dict[str, Any]:
        """The JSON of the request."""
        return given(self.step, names)

    def take(self, ids: Mapping[str, UUID], names: dict[str, UUID]) -> None:
        """Remember what the answer called things (its `ids`)."""
        part = self.step.part
        names.update({f"{key}/{part}" if part else key: stream for key, stream in ids.items()})


def errands(stage: Stage, seed: int, per_second: float, began: datetime, photo: str) -> Iterator[Errand]:
    """An endless stream of errands in the order in which they are sent, so many a second on average.

    `began` is the real moment at which the load begins, since some arguments name a later day; `photo` is the hash of a
    photo that was uploaded.
    """
    rng = random.Random(seed)

    def told(number: int, after: float) -> Plan:
        return plan(stage, seed, number, began + timedelta(seconds=after), photo=photo, brisk=True)

    a_matter = sum(len(told(-number, 0).steps) for number in range(1, MEASURED_PLANS + 1)) / MEASURED_PLANS
    under_way: list[tuple[float, int, int, Plan]] = []
    begins = 0.0
    for number in itertools.count(1):
        begins += rng.expovariate(per_second / a_matter)
        while under_way and under_way[0][0] <= begins:
            after, which, n, course = heapq.heappop(under_way)
            yield Errand(after, which, course.steps[n], str(course.command_id(n)))
            if n + 1 < len(course.steps):
                gap = GAP_AT_LEAST_SECONDS + rng.expovariate(1 / (GAP_MEAN_SECONDS - GAP_AT_LEAST_SECONDS))
                heapq.heappush(under_way, (after + gap, which, n + 1, course))
        heapq.heappush(under_way, (begins, number, 0, told(number, begins)))


def senders(stage: Stage) -> Iterable[Actor]:
    """Everybody who may send an errand, so that each can be given a token beforehand."""
    homes = {Role.COMMAND_OFFICER: [habits.COMMAND], Role.SUPERVISION: [habits.SUPERVISION]}
    homes[Role.ORGANISATION_DEPT] = [habits.ORGANISATION]
    streets = [one.code for one in stage.city.of_kind(OrganisationKind.STREET)]
    for role, count in habits.PEOPLE.items():
        at_streets = role in {Role.GRID_WORKER, Role.MOBILE_GRID_WORKER, Role.STREET_OFFICER, Role.STREET_LEADER}
        for home in homes.get(role) or (streets if at_streets else habits.HABITS):
            for n in range(1, count + 1):
                yield Actor(person=person(role, home, n), role=role, organisation=home)
