"""Whole cases carried through the desk: every command decided, saved and acknowledged, one at a time."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from bench.harness import Sample, measure
from desk.actors import Actor, Role
from desk.desk import Done
from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_premises
from shaoxiang.parts import House
from shaoxiang.settings import Settings

CASES = 60
PLACE = {"lat": 43.8503, "lon": 126.5602, "address": "德胜路"}


def carry_cases(folder: Path) -> tuple[Sample, int]:
    """Carry cases from report to evaluation; answers the sample by events, and how many commands that took."""
    settings = Settings(dir=folder)
    migrate_all(settings)
    with open_premises(settings, SystemClock().now) as premises:
        crew = Crew(premises.house)
        crew.carry()  # Warms caches and the city's data.
        before, commands = premises.house.log.position(), crew.commands
        sample = measure(1, crew.carry_many)
        events = premises.house.log.position() - before
        return sample._replace(events=events), crew.commands - commands


class Crew:
    """One person in each of the roles that a case needs."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.commands = 0
        self._command = self._actor(Role.COMMAND_OFFICER, "吉林市指挥中心")
        self._street = self._actor(Role.STREET_LEADER, "德胜街道")
        self._grid = self._actor(Role.GRID_WORKER, "德胜街道")
        self._department = self._actor(Role.DEPARTMENT_LIAISON, "市市场监管局")

    def carry(self) -> None:
        """One case: report, file, whistle, sign, arrive, complete, verify, close, rate, evaluate."""
        report = self._do("submit_report", None, self._grid, source="grid", description="牌匾", place=PLACE)
        case = self._do("file_case", report.ids["report"], self._command, item="牌匾标识内容错误", urgency="general")
        on = case.ids["case"]
        whistle = self._do("blow_whistle", on, self._street, kind="enforcement", lead="市市场监管局")
        response = next(stream for name, stream in whistle.ids.items() if name.startswith("response/"))
        self._do("sign", response, self._department)
        self._do("check_in", response, self._department, place=PLACE)
        self._do("complete", response, self._department, result="已改正")
        self._do("pass_verification", response, self._grid)
        self._do("close_case", on, self._command)
        self._do("rate", on, self._command, satisfaction="satisfied", resolved=True)
        self._do("evaluate", response, self._street)

    def carry_many(self) -> None:
        """As many cases as a round measures."""
        for _ in range(CASES):
            self.carry()

    def _do(self, name: str, on: UUID | None, actor: Actor, **given: Any) -> Done:
        self.commands += 1
        body: Mapping[str, Any] = given
        return self._house.desk.do(name, on, body, actor, command_id=uuid4())

    def _actor(self, role: Role, organisation: str) -> Actor:
        return Actor(person=uuid4(), role=role, organisation=self._house.world.city.find(organisation).code)
