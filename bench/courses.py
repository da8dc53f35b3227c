"""What the load consists of: the city's traffic, plan by plan, sent over HTTP as fast as the clock says.

Which matter takes its next step is drawn by a seeded die among those whose last step was answered, so that steps of
many matters interleave as they do in a city; where none is ready, a new one is reported.
"""

import io
import json
import random
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import NamedTuple
from uuid import UUID

from PIL import Image

from api.app import COMMAND_ROUTERS
from bench.client import Reply
from desk.actors import Role
from shaoxiang.clock import SystemClock
from shaoxiang.house import Premises
from shaoxiang.traffic.course import plan
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.plan import Plan, Stage
from shaoxiang.traffic.play import given, named

STEPS_A_MATTER = 8.0
"""How many commands a matter takes, about."""

REHEARSED = 1500
"""How many matters are planned beforehand, to learn who takes part; a matter with somebody else is passed over."""

RECENT = 200
"""How many of the cases filed last are read again."""

READERS = 5
PATHS: Mapping[str, str] = {
    route.operation_id: route.path.replace("{id}", "{}") for module in COMMAND_ROUTERS for route in module.router.routes
}
"""Command → the path to send it to."""


class Ask(NamedTuple):
    """One command, ready to be sent, and whose next step it is."""

    command: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    course: "Course"


@dataclass
class Course:
    """A matter under way: how far it is, and what the answers called things."""

    plan: Plan
    done: int = 0
    names: dict[str, UUID] = field(default_factory=dict)


class Courses:
    """Hands out the next command, and takes in what came of it. `recent` are cases that can be read."""

    def __init__(self, premises: Premises, seed: int, *, registered: bool) -> None:
        """Give everybody who takes part a token; the officers are put on the register, unless they are there."""
        self.dice = random.Random(seed)
        self.recent: deque[str] = deque(maxlen=RECENT)
        self._ready: list[Course] = []
        world, now = premises.house.world, SystemClock().now()
        if not registered:
            register(premises.house.desk, world.city, now)
        # Matters that are reported now and need no due time to pass, so that their steps may follow at once.
        self._plan = partial(plan, Stage(world.city, world.rules), seed, at=now, photo=_photo(premises), brisk=True)
        self._tokens = _tokens(premises, [self._plan(number) for number in range(REHEARSED)])
        self._matters = count()
        centre = premises.house.world.city.find("吉林市指挥中心").code
        self._readers = [_token(premises, UUID(int=n), Role.COMMAND_OFFICER, centre) for n in range(READERS)]

    def next(self) -> Ask:
        """The next command to send."""
        while True:
            course = self._draw()
            try:
                return self._ask(course)
            except KeyError:
                # What an earlier step should have named was refused, and so is all that would build on it.
                continue

    def answered(self, ask: Ask, reply: Reply) -> int | None:
        """Take in the answer to a command; answers the log's position where it was acknowledged."""
        course = ask.course
        step = course.plan.steps[course.done]
        course.done += 1
        if course.done < len(course.plan.steps):
            self._ready.append(course)
        if reply.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            return None
        answer = json.loads(reply.body)
        for name, found in answer["ids"].items():
            course.names[f"{name}/{step.part}" if step.part else name] = UUID(found)
        if step.do == "file_case":
            self.recent.append(str(course.names["case"]))
        position: int = answer["position"]
        return position

    def reader(self) -> str:
        """The token of somebody who may read everything."""
        return self.dice.choice(self._readers)

    def _draw(self) -> Course:
        """One of those that are ready; a new one as often as one ends."""
        if self._ready and self.dice.random() > 1 / STEPS_A_MATTER:
            place = self.dice.randrange(len(self._ready))
            self._ready[place], self._ready[-1] = self._ready[-1], self._ready[place]
            return self._ready.pop()
        while True:
            matter = self._plan(next(self._matters))
            if all(step.actor.person in self._tokens for step in matter.steps):
                return Course(matter)

    def _ask(self, course: Course) -> Ask:
        step = course.plan.steps[course.done]
        target = named(step.on, course.names)
        headers = {
            "Authorization": f"Bearer {self._tokens[step.actor.person]}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(course.plan.command_id(course.done)),
        }
        if target is not None:
            headers["If-Match"] = "*"
        body = json.dumps(given(step, course.names)).encode()
        return Ask(step.do, PATHS[step.do].format(target), headers, body, course)


def _photo(premises: Premises) -> str:
    """The hash of a photo that was uploaded."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "gray").save(picture, "JPEG")
    return premises.photos.put(picture.getvalue(), "image/jpeg")


def _tokens(premises: Premises, plans: list[Plan]) -> dict[UUID, str]:
    actors = {step.actor.person: step.actor for each in plans for step in each.steps}
    return {person: _token(premises, person, actor.role, actor.organisation) for person, actor in actors.items()}


def _token(premises: Premises, person: UUID, role: Role, organisation: str) -> str:
    return premises.tokens.create(person, role.value, organisation, "load", SystemClock().now()).secret
