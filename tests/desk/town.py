"""A town to command in: the real desk on a log, a cast with one person for each role, and a clock that tests move.

Timers fire on the way, as the clock passes them.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from desk.actors import Actor, Role
from desk.desk import Done
from domain.errors import Refusal
from domain.kernel import CaseAggregate
from domain.registry.people import person_id
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House, house_in_memory, load_rules
from shaoxiang.player import Player, Scenario
from shaoxiang.resources import load_city
from tests.kit import local

STREET, OTHER_STREET = "德胜街道", "新安街道"
MARKET, POLICE, SQUAD = "市市场监管局", "北京路派出所", "区城管执法大队"
PLACE = {"lat": 43.8503, "lon": 126.5602}
SIGN_BOARD = "牌匾标识内容错误"
"""An item outside every street's list, with 5 working days."""

IN_LIST = "占道经营"
"""An item in every street's list."""

CAST: dict[str, tuple[Role, str]] = {
    "grid": (Role.GRID_WORKER, STREET),
    "rider": (Role.MOBILE_GRID_WORKER, STREET),
    "officer": (Role.STREET_OFFICER, STREET),
    "street": (Role.STREET_LEADER, STREET),
    "other street": (Role.STREET_LEADER, OTHER_STREET),
    "command": (Role.COMMAND_OFFICER, "吉林市指挥中心"),
    "market": (Role.DEPARTMENT_LIAISON, MARKET),
    "market head": (Role.DEPARTMENT_HEAD, MARKET),
    "police": (Role.DEPARTMENT_LIAISON, POLICE),
    "squad": (Role.DEPARTMENT_LIAISON, SQUAD),
    "squad head": (Role.DEPARTMENT_HEAD, SQUAD),
    "specialist": (Role.SPECIALIST, MARKET),
    "supervision": (Role.SUPERVISION, "市司法局"),
    "reviewer": (Role.SUPERVISION, "市司法局"),
    "organisation": (Role.ORGANISATION_DEPT, "市委组织部"),
    "auditor": (Role.AUDITOR, "市审计监督组"),
    "admin": (Role.ADMIN, "市政务数据中心"),
}
_PERSONS = UUID("5f9d36f0-54b0-5a0d-9d8b-7a2f8f1d1c55")


class Town:
    """Commands by short names. What commands answered is remembered by name in `ids`."""

    def __init__(self, house: House, clock: VirtualClock) -> None:
        self.house, self.clock, self.desk, self.log = house, clock, house.desk, house.log
        self.city = house.world.city
        self.ids: dict[str, UUID] = {}
        self._player = Player(house, clock, Scenario(name="town", actors={}, steps=[]))

    def actor(self, who: str) -> Actor:
        """Somebody of the cast; "another grid" is another person in the same role."""
        role, organisation = CAST[who.removeprefix("another ")]
        return Actor(person=uuid5(_PERSONS, who), role=role, organisation=self.city.find(organisation).code)

    def until(self, time: str) -> None:
        """Let the clock run on to a local time, and fire what comes due on the way and then."""
        self._player._run_to(local(time), inclusive=True)

    def wait(self, minutes: int) -> None:
        """Let the clock run on."""
        self._player._run_to(self.clock.now() + timedelta(minutes=minutes), inclusive=True)

    def do(
        self,
        who: str,
        name: str,
        on: UUID | None = None,
        given: dict[str, Any] | None = None,
        *,
        command_id: UUID | None = None,
        expected_version: int | None = None,
    ) -> Done:
        """Give a command at the clock's time; refusals are raised."""
        done = self.desk.do(
            name, on, given or {}, self.actor(who),
            command_id=command_id or uuid4(), at=self.clock.now(), expected_version=expected_version,
        )  # fmt: skip
        self.ids.update(done.ids)
        return done

    def refused(self, who: str, name: str, on: UUID | None = None, given: dict[str, Any] | None = None) -> str:
        """Give a command that must be refused and must change nothing; answers the code."""
        before = self.log.position()
        with pytest.raises(Refusal) as refusal:
            self.do(who, name, on, given)
        assert self.log.position() == before
        return refusal.value.code

    # The way of a case.

    def reported(self, who: str = "grid", **given: Any) -> UUID:
        """A report."""
        body = {"source": "grid", "description": "巡查发现问题", "place": PLACE, **given}
        return self.do(who, "submit_report", None, body).ids["report"]

    def filed(self, item: str = SIGN_BOARD, urgency: str = "general", report: UUID | None = None, **given: Any) -> UUID:
        """A case."""
        on = report or self.reported(**given)
        return self.do("command", "file_case", on, {"item": item, "urgency": urgency}).ids["case"]

    def whistled(self, lead: str = MARKET, *support: str, case: UUID | None = None, **given: Any) -> tuple[UUID, ...]:
        """A whistle; the responses, the lead's first."""
        on = case or self.filed(**given)
        self.do("street", "blow_whistle", on, {"kind": "enforcement", "lead": lead, "support": support})
        return tuple(self.response(name) for name in (lead, *support))

    def response(self, department: str) -> UUID:
        """The latest response of a department."""
        return self.ids[f"response/{self.city.find(department).code}"]

    def arrived(self, *responses: UUID) -> None:
        """The departments sign and come."""
        for response in responses:
            self.do(self._whose(response), "sign", response)
            self.do(self._whose(response), "check_in", response, {"place": PLACE})

    def completed(self, *responses: UUID) -> None:
        """The departments sign, come, and report the work done."""
        self.arrived(*responses)
        for response in responses:
            self.do(self._whose(response), "complete", response, {"result": "已整改"})

    def closed(self, *responses: UUID, satisfaction: str = "satisfied") -> UUID:
        """The work is verified, supporting departments first, and the case closed and rated."""
        for response in reversed(responses):
            self.do("grid", "pass_verification", response)
        case = self.ids["case"]
        self.do("command", "close_case", case)
        self.do("command", "rate", case, {"satisfaction": satisfaction, "resolved": True})
        return case

    def _whose(self, response: UUID) -> str:
        code = self.state(response).department
        return next(who for who, (_, name) in CAST.items() if self.city.find(name).code == code)

    # What came of it.

    def state(self, stream: UUID) -> Any:
        """The aggregate of a stream, replayed."""
        events = self.log.stream(stream)
        aggregate: CaseAggregate | None = None
        for recorded in events:
            aggregate = recorded.event.mutate(aggregate)
        return aggregate

    def topics(self, stream: UUID) -> list[str]:
        """What was recorded on a stream, in order."""
        return [recorded.event.TOPIC.removesuffix(".v1") for recorded in self.log.stream(stream)]  # type: ignore[attr-defined]

    def case_topics(self, member: UUID) -> list[tuple[str, UUID]]:
        """What was recorded on all streams of a case, in the order of the log, each with its stream."""
        found = ((each.event, each.event.originator_id) for each in self.log.case(member))
        return [(event.TOPIC.removesuffix(".v1"), stream) for event, stream in found]  # type: ignore[attr-defined]

    def registered(self, name: str, organisation: str) -> UUID:
        """An officer on the register."""
        self.do("admin", "register_person", None, {"name": name, "organisation": organisation})
        return person_id(self.city.find(organisation).code, name)


def town_in_memory(at: str = "09:10") -> Iterator[Town]:
    """A town of which nothing is left."""
    clock = VirtualClock(local(at))
    house = house_in_memory(load_rules(), load_city(), clock.now)
    try:
        yield Town(house, clock)
    finally:
        house.close()
