"""Every role and every command: who may not, is told so, whatever the state of things."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from desk.actors import Actor, Role
from desk.commands import COMMANDS, Target
from domain.errors import NotPermitted, Refusal
from domain.registry.organisations import City, Organisation
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House
from tests.conftest import START
from tests.model.city import ELSEWHERE, STREETS, city, divisions, house_with_officers, register, somebody
from tests.model.deed import DEPARTMENTS, Deed
from tests.model.model import Model
from tests.model.permits import HELD, MAY
from tests.model.things import Case, Report, Response, Thing, Whistle

HERE = {"lat": 43.85, "lon": 126.56}
REPORTER = somebody("grid", Role.GRID_WORKER, STREETS[0])
COMMAND = somebody("command", Role.COMMAND_OFFICER, "2202-zhzx")
LEADER = somebody("leader", Role.STREET_LEADER, STREETS[0])


class Prepared:
    """A house in which there is one thing of each kind: a case whistled, and one handled directly."""

    def __init__(self) -> None:
        self.clock = VirtualClock(START)
        self.house: House = house_with_officers(self.clock.now)
        self.model = Model(divisions())
        called = self._filed("牌匾标识内容错误")
        ids = self._do("blow_whistle", called.id, {"kind": "key_work", "lead": DEPARTMENTS[0]}, LEADER)
        whistle = Whistle(id=ids["whistle"], case=called)
        response = Response(
            id=ids[f"response/{DEPARTMENTS[0]}"], case=called, whistle=whistle, department=DEPARTMENTS[0]
        )
        handled = self._filed("占道经营")
        direct = Response(id=self._do("route_direct", handled.id, {}, LEADER)["direct"], case=handled)
        direct.department = f"{STREETS[0]}-T"
        person: UUID = register()[0].originator_id
        self.things: dict[Target, list[Thing]] = {
            Target.NOTHING: [Thing()],
            Target.REPORT: [called.report or Report()],
            Target.CASE: [called],
            Target.WHISTLE: [whistle],
            Target.RESPONSE: [response, direct],
            Target.PERSON: [Thing(id=person)],
        }

    def _filed(self, item: str) -> Case:
        body = {"source": "grid", "description": "占道", "place": HERE, "item": item}
        stream = self._do("submit_report", None, body, REPORTER)["report"]
        report = Report(id=stream, submitter=REPORTER.person, area=STREETS[0], street=STREETS[0], item=item)
        case = self._do("file_case", stream, {"item": item, "urgency": "general"}, COMMAND)["case"]
        return Case(id=case, report=report, area=STREETS[0], street=STREETS[0])

    def _do(self, name: str, on: UUID | None, given: dict[str, Any], actor: Actor) -> dict[str, UUID]:
        return self.house.desk.do(name, on, given, actor, command_id=uuid4(), at=START).ids

    def answer(self, name: str, on: UUID | None, actor: Actor) -> str | None:
        """How the command is refused when it comes without its arguments; nothing is recorded in any case."""
        try:
            self.house.desk.do(name, on, {"unheard_of": 1}, actor, command_id=uuid4(), at=START)
        except Refusal as refusal:
            return refusal.code
        return None


@pytest.fixture(scope="module")
def prepared() -> Iterator[Prepared]:
    made = Prepared()
    yield made
    made.house.close()


def places(everywhere: City) -> list[Organisation]:
    """One organisation of each kind and side: within reach of the case, and out of it."""
    codes = [*STREETS, f"{STREETS[0]}-T", f"{STREETS[1]}-T", *DEPARTMENTS[:2], "2202-zhzx", "2202-sfj", "2202-zzb"]
    return [*(everywhere.get(code) for code in (*codes, "2202-zwsj")), everywhere.find(ELSEWHERE)]


ON_PEOPLE = {"score_posting_street", "score_posting_home", "post_officer", "end_posting", "assess_officer"}
"""Commands on officers, whose reach is the officer's own posting and home."""


@pytest.mark.parametrize("role", Role)
def test_a_role_gives_its_own_commands_in_its_own_place_and_no_others(prepared: Prepared, role: Role) -> None:
    wrong = []
    for place in places(city()):
        actor = somebody(f"{role} {place.code}", role, place.code)
        for name, command in COMMANDS.items():
            for thing in prepared.things.get(command.target, []):
                may = _may(prepared, role, place, name, thing, actor)
                refused = prepared.answer(name, thing.id, actor) == NotPermitted.code
                if refused == may:
                    wrong.append(f"{name} by {role} of {place.name} on {thing!r}: the model says {may}")
    assert wrong == []


def _may(prepared: Prepared, role: Role, place: Organisation, name: str, thing: Thing, actor: Actor) -> bool:
    if name in ON_PEOPLE:
        own_street = name == "score_posting_street"
        own_home = name != "score_posting_home" or place.code == DEPARTMENTS[0]
        held = role.value not in HELD or place.kind.value in HELD[role.value]
        return name in MAY[role.value] and held and own_home and not own_street
    on = thing if type(thing) is not Thing else None
    return prepared.model.permits(Deed(name, on, actor, {}, START))


def test_the_model_tells_of_every_command_there_is() -> None:
    told = set().union(*MAY.values())
    assert told == set(COMMANDS)


def test_withdrawing_a_report_is_for_the_one_who_reported_it(prepared: Prepared) -> None:
    report = prepared.things[Target.REPORT][0]
    assert prepared.answer("withdraw_report", report.id, REPORTER) == "WRONG_STATE"
    colleague = somebody("colleague", Role.GRID_WORKER, STREETS[0])
    assert prepared.answer("withdraw_report", report.id, colleague) == "NOT_PERMITTED"
