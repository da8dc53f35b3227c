"""The city's officers, put on the register by the desk's own commands, so that traffic may name them."""

from datetime import datetime
from pathlib import Path
from uuid import uuid5

from desk.actors import Actor, Role
from desk.desk import Desk
from domain.registry.organisations import City
from domain.registry.people import person_id
from shaoxiang.resources import load_people
from shaoxiang.traffic.plan import TRAFFIC


def register(desk: Desk, city: City, at: datetime, data: Path | None = None) -> None:
    """Register every officer of the city with their certificates; doing it twice changes nothing."""
    home = city.find("市政务数据中心").code
    admin = Actor(person=uuid5(TRAFFIC, "admin"), role=Role.ADMIN, organisation=home)
    for person in load_people(data):
        code = city.find(person["organisation"]).code
        key = f"{code}/{person['name']}"
        given = {"name": person["name"], "organisation": code}
        desk.do("register_person", None, given, admin, command_id=uuid5(TRAFFIC, key), at=at)
        for certificate in person["certificates"]:
            command_id = uuid5(TRAFFIC, f"{key}/{certificate['number']}")
            body = {"number": certificate["number"], "valid_until": certificate["valid_until"]}
            stream = person_id(code, person["name"])
            desk.do("issue_certificate", stream, body, admin, command_id=command_id, at=at)
