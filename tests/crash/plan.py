"""What is asked of the server: who asks, the way of a case from report to closure, and clocks that fall due meanwhile.

The plan is fixed: run twice, it sends the same commands with the same keys.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from desk.actors import Actor, Role
from shaoxiang.house import Premises

STREET, DEPARTMENT = "德胜街道", "市市场监管局"
PLACE = {"lat": 43.8503, "lon": 126.5602, "address": "德胜路与北京路交叉口"}
ITEM = "牌匾标识内容错误"
CAST = {
    "grid": (Role.GRID_WORKER, STREET),
    "street": (Role.STREET_LEADER, STREET),
    "command": (Role.COMMAND_OFFICER, "吉林市指挥中心"),
    "market": (Role.DEPARTMENT_LIAISON, DEPARTMENT),
}
"""Who acts, in which role and for whom."""

SIGNATURE_LIMIT = timedelta(minutes=10)
"""How soon an emergency's response must be signed, by the policy that ships."""


class Person(NamedTuple):
    """Somebody of the cast: as the desk knows them, and the token that the API knows them by."""

    actor: Actor
    token: str


class Step(NamedTuple):
    """One command: by whom, where to (`{}` is the id of `on`), with what, and not before which moment."""

    by: str
    path: str
    on: str | None = None
    body: Mapping[str, Any] = {}
    not_before: datetime | None = None


@dataclass
class Errand:
    """Steps that are taken one after another. `ids` and `versions` are what their answers have told so far."""

    name: str
    steps: list[Step]
    ids: dict[str, UUID] = field(default_factory=dict)
    versions: dict[UUID, int] = field(default_factory=dict)


class Waiting(NamedTuple):
    """A response that was dispatched before the run and waits for its signature until `due`."""

    response: UUID
    version: int
    due: datetime


def issue_tokens(premises: Premises, at: datetime) -> dict[str, Person]:
    """A person and a token for everybody of the cast."""
    people = {}
    for name, (role, organisation) in CAST.items():
        code = premises.house.world.city.find(organisation).code
        actor = Actor(person=uuid4(), role=role, organisation=code)
        people[name] = Person(actor, premises.tokens.create(actor.person, role, code, name, at).secret)
    return people


def case_errand(number: int) -> Errand:
    """A case from its report to its closure.

    Every second one is an emergency, whose DISPATCH clock has no time at all: it falls due when the case is filed, and
    the timer and the whistle race for it.
    """
    urgency, kind = ("emergency", "emergency") if number % 2 else ("general", "enforcement")
    steps = [
        Step("grid", "/reports", None, {"source": "grid", "description": "餐厅牌匾标识文字需整改", "place": PLACE}),
        Step("command", "/reports/{}/case", "report", {"item": ITEM, "urgency": urgency}),
        Step("street", "/cases/{}/whistles", "case", {"kind": kind, "lead": DEPARTMENT}),
        Step("market", "/responses/{}/signature", "response"),
        Step("market", "/responses/{}/arrivals", "response", {"place": PLACE}),
        Step("market", "/responses/{}/completions", "response", {"result": "牌匾已更换"}),
        Step("grid", "/responses/{}/verifications/passed", "response"),
        Step("command", "/cases/{}/closure", "case"),
    ]
    return Errand(f"case-{number}", steps)


def dispatch_emergencies(premises: Premises, by: Person, dues: Iterator[datetime]) -> list[Waiting]:
    """Emergencies that were phoned in just so long ago that their signatures fall due at these moments."""
    house, waiting = premises.house, []
    given = {"source": "hotline", "description": "牌匾松动", "place": PLACE, "item": ITEM, "lead": DEPARTMENT}
    for due in dues:
        at = due - SIGNATURE_LIMIT
        done = house.desk.do("phone_whistle", None, given, by.actor, command_id=uuid4(), at=at)
        response = response_of(done.ids)
        waiting.append(Waiting(response, len(house.log.stream(response)), due))
    return waiting


def signing_errand(waiting: Waiting, late: timedelta) -> Errand:
    """Sign at the due time, or a little before or after it: for the timer and the department to race."""
    step = Step("market", "/responses/{}/signature", "response", not_before=waiting.due + late)
    versions = {waiting.response: waiting.version}
    return Errand(f"sign-{waiting.response}", [step], {"response": waiting.response}, versions)


def response_of(ids: Mapping[str, UUID]) -> UUID:
    """The one response among the ids that a whistle answers with."""
    return next(found for name, found in ids.items() if name.startswith("response"))
