"""The demo city: documented cases played into a store, and a login for every role."""

import json
import os
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID, uuid5

from desk.actors import Actor, Role
from domain.registry.people import person_id
from shaoxiang.clock import SystemClock, VirtualClock
from shaoxiang.house import Premises
from shaoxiang.player import Player, read_scenario
from shaoxiang.resources import load_people, scenario_files
from shaoxiang.result import Result

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


class Login(NamedTuple):
    """A bearer token for one role."""

    role: str
    organisation: str
    token: str


def load_demo(premises: Premises, say: Callable[[str], None]) -> list[Login]:
    """Register the officers, play the documented cases, and answer the logins; done once for each store."""
    if premises.settings.logins.exists():
        return [Login(**each) for each in json.loads(premises.settings.logins.read_text(encoding="utf-8"))]
    register_officers(premises)
    for path in (each for each in scenario_files() if each.name.startswith(PLAYED)):
        scenario = read_scenario(path)
        player = Player(premises.house, VirtualClock(min(step.at for step in scenario.steps)), scenario)
        played = player.play()
        premises.house.projector.catch_up()
        cases = Result(premises.house, played).document()["cases"].values()
        say(f"{scenario.name}: {', '.join(case['number'] + ' ' + case['state'] for case in cases)}")
    return issue_logins(premises)


def register_officers(premises: Premises) -> None:
    """Put the city's officers and their certificates on the register, by the desk's own commands."""
    house, now = premises.house, SystemClock().now
    home = house.world.city.find("市政务数据中心").code
    admin = Actor(person=uuid5(DEMO, "admin"), role=Role.ADMIN, organisation=home)
    for person in load_people(premises.settings.data):
        code = house.world.city.find(person["organisation"]).code
        stream, key = person_id(code, person["name"]), f"{code}/{person['name']}"
        body = {"name": person["name"], "organisation": code}
        house.desk.do("register_person", None, body, admin, command_id=uuid5(DEMO, key), at=now())
        for certificate in person["certificates"]:
            command_id = uuid5(DEMO, f"{key}/{certificate['number']}")
            given = {"number": certificate["number"], "valid_until": certificate["valid_until"]}
            house.desk.do("issue_certificate", stream, given, admin, command_id=command_id, at=now())


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
