"""The demo city: documented cases and three weeks of traffic played into a store, and a login for every role."""

import json
import os
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from io import BytesIO
from typing import NamedTuple
from uuid import UUID, uuid5

from PIL import Image

from desk.actors import Role
from shaoxiang.clock import SystemClock, VirtualClock
from shaoxiang.house import Premises
from shaoxiang.player import Player, read_scenario
from shaoxiang.resources import scenario_files
from shaoxiang.result import Result
from shaoxiang.traffic.course import plan
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.plan import Stage, arrivals
from shaoxiang.traffic.play import Play

LOGINS: tuple[tuple[Role, str], ...] = (
    (Role.GRID_WORKER, "德胜街道"),
    (Role.MOBILE_GRID_WORKER, "德胜街道"),
    (Role.STREET_OFFICER, "德胜街道"),
    (Role.STREET_LEADER, "德胜街道"),
    (Role.COMMAND_OFFICER, "吉林市指挥中心"),
    (Role.DEPARTMENT_LIAISON, "市市场监管局"),
    (Role.DEPARTMENT_HEAD, "市市场监管局"),
    (Role.SPECIALIST, "区城管执法大队"),
    (Role.SUPERVISION, "市司法局"),
    (Role.ORGANISATION_DEPT, "市委组织部"),
    (Role.AUDITOR, "市审计监督组"),
    (Role.ADMIN, "市政务数据中心"),
)
"""One login per role, at an organisation of the demo city."""

PLAYED = ("01a_", "01b_", "01c_", "02_", "03_", "04_")
"""The scenario files that the demo city starts with: the four documented cases, the first in three variants."""

DEMO = UUID("3d0f4c56-93a0-5b8e-9d0c-c1f3c1a0de01")
"""The namespace of the demo's persons and commands."""

TRAFFIC_CASES, TRAFFIC_SEED, TRAFFIC_SINCE = 260, 12345, timedelta(days=21)
"""The made-up traffic of the demo: how many matters, from which seed, and how far back it begins."""


class Login(NamedTuple):
    """A bearer token for one role."""

    role: str
    organisation: str
    token: str


def load_demo(premises: Premises, say: Callable[[str], None]) -> list[Login]:
    """Register the officers, play the documented cases and some weeks of traffic, and answer the logins.

    Done once for each store; what was done before an interruption is found again by its command ids.
    """
    if premises.settings.logins.exists():
        return [Login(**each) for each in json.loads(premises.settings.logins.read_text(encoding="utf-8"))]
    house, now = premises.house, SystemClock().now
    register(house.desk, house.world.city, now(), premises.settings.data)
    # The first event of the store says when the demo was begun, however often it was interrupted.
    begun = house.log.events(0, 1)[0].event.timestamp
    for path in (each for each in scenario_files() if each.name.startswith(PLAYED)):
        scenario = read_scenario(path)
        player = Player(premises.house, VirtualClock(min(step.at for step in scenario.steps)), scenario)
        played = player.play()
        premises.house.catch_up()
        cases = Result(premises.house, played).document()["cases"].values()
        say(f"{scenario.name}: {', '.join(case['number'] + ' ' + case['state'] for case in cases)}")
    say(play_traffic(premises, begun))
    return issue_logins(premises)


def play_traffic(premises: Premises, until: datetime) -> str:
    """Play made-up traffic up to a moment, which leaves cases open and clocks running; says what it did."""
    house, since = premises.house, until - TRAFFIC_SINCE
    stage, photo = Stage(house.world.city, house.world.rules), premises.photos.put(_picture(), "image/png")
    rng = random.Random(TRAFFIC_SEED)  # noqa: S311 - made up, and the same again
    times = arrivals(rng, stage, since, until, TRAFFIC_CASES)
    plans = [plan(stage, TRAFFIC_SEED, number, at, photo=photo) for number, at in enumerate(times)]
    before = house.log.position()
    Play(house.world, VirtualClock(since)).run(plans, until)
    house.catch_up()
    return f"{len(plans)} made-up matters of the last {TRAFFIC_SINCE.days} days: {house.log.position() - before} events"


def _picture() -> bytes:
    """The one photo that made-up traffic shows: a grey rectangle."""
    out = BytesIO()
    Image.new("RGB", (160, 120), (128, 128, 128)).save(out, "PNG")
    return out.getvalue()


def issue_logins(premises: Premises) -> list[Login]:
    """A token per role, written beside the store for its owner alone."""
    logins = []
    for role, name in LOGINS:
        organisation = premises.house.world.city.find(name)
        person = uuid5(DEMO, f"login/{role}")
        issued = premises.tokens.create(person, role.value, organisation.code, f"{name} {role}", SystemClock().now())
        logins.append(Login(role.value, name, issued.secret))
    descriptor = os.open(premises.settings.logins, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump([each._asdict() for each in logins], file, ensure_ascii=False, indent=2)
    return logins
