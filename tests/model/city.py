"""The small city that the model plays in: who there is, and a house with its officers on the register."""

import itertools
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from desk.actors import Actor, Role
from domain.registry.organisations import City
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.resources import load_city
from tests.conftest import START
from tests.model.deed import DEPARTMENTS
from tests.model.rules_responses import OFFICERS, UNCERTIFIED

PEOPLE = UUID("5b0e5c1e-3f0a-5a55-9b5e-7a0a3e0f4c11")
"""The namespace of the persons and commands of these tests."""

STREETS = ("220204001", "220204002")
COMMAND, SUPERVISION, ORGANISATION = "2202-zhzx", "2202-sfj", "2202-zzb"
ELSEWHERE = "龙潭区指挥中心"
"""A command centre of another district, which none of the streets lies in."""


@cache
def city() -> City:
    return load_city().with_extra([{"name": ELSEWHERE, "kind": "command", "parent": "220203"}])


def divisions() -> dict[str, tuple[str, str]]:
    """Organisation → its kind and the division that it is responsible for."""
    return {each.code: (each.kind.value, each.division) for each in city().organisations}


def somebody(name: str, role: Role, organisation: str) -> Actor:
    return Actor(person=uuid5(PEOPLE, name), role=role, organisation=organisation)


@cache
def actors() -> tuple[Actor, ...]:
    """Every role; two streets, four departments, and two of those whose duties are kept apart.

    Somebody works for a department and for a street at once, and some hold a role where it does not belong.
    """
    of_streets = (Role.GRID_WORKER, Role.MOBILE_GRID_WORKER, Role.STREET_OFFICER, Role.STREET_LEADER)
    of_departments = (Role.DEPARTMENT_LIAISON, Role.DEPARTMENT_HEAD, Role.SPECIALIST)
    held = [*itertools.product(of_streets, STREETS), *itertools.product(of_departments, DEPARTMENTS)]
    found = [somebody(f"{role} {place}", role, place) for role, place in held]
    for n in (1, 2):
        found.append(somebody(f"command {n}", Role.COMMAND_OFFICER, COMMAND))
        found.append(somebody(f"supervision {n}", Role.SUPERVISION, SUPERVISION))
    team = f"{STREETS[0]}-T"
    found += [
        somebody("rider", Role.MOBILE_GRID_WORKER, COMMAND),
        somebody("organisation", Role.ORGANISATION_DEPT, ORGANISATION),
        somebody("auditor", Role.AUDITOR, "2202-sjj"),
        somebody("admin", Role.ADMIN, "2202-zwsj"),
        somebody("team leader", Role.STREET_LEADER, team),
        somebody("team specialist", Role.SPECIALIST, team),
        somebody("both", Role.DEPARTMENT_LIAISON, DEPARTMENTS[0]),
        somebody("both", Role.STREET_OFFICER, STREETS[0]),
        somebody("elsewhere", Role.COMMAND_OFFICER, city().find(ELSEWHERE).code),
        somebody("misplaced command", Role.COMMAND_OFFICER, STREETS[0]),
        somebody("misplaced leader", Role.STREET_LEADER, DEPARTMENTS[0]),
        somebody("misplaced supervision", Role.SUPERVISION, COMMAND),
    ]
    return tuple(found)


def empty_house(now: Callable[[], datetime]) -> House:
    return house_in_memory(rules(), city(), now)


@cache
def rules() -> Any:
    return load_rules()


@cache
def register() -> tuple[Any, ...]:
    """The events that put the departments' officers on the register, recorded once for all houses."""
    house = empty_house(VirtualClock(START).now)
    admin = somebody("admin", Role.ADMIN, "2202-zwsj")
    for department in DEPARTMENTS:
        for name in (*sorted(OFFICERS), UNCERTIFIED):
            key = uuid5(PEOPLE, f"{department} {name}")
            body = {"name": name, "organisation": department}
            person = house.desk.do("register_person", None, body, admin, command_id=key, at=START).ids["person"]
            if name != UNCERTIFIED:
                certificate = {"number": f"{department} {name}", "valid_until": "2099-12-31"}
                house.desk.do("issue_certificate", person, certificate, admin, command_id=uuid5(key, "c"), at=START)
    recorded = tuple(each.event for each in house.log.events(0, 1000))
    house.close()
    return recorded


def house_with_officers(now: Callable[[], datetime]) -> House:
    house = empty_house(now)
    house.log.append(register())
    return house
