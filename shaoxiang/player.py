"""Plays scenario files on a virtual clock, through the real desk, store, projections and scheduler.

One format serves acceptance tests, the demo city, training, and rehearsing a changed rule before it is enacted.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from desk.actors import Actor, Role
from desk.commands import COMMANDS
from desk.desk import Done
from domain.errors import Refusal, Unknown
from domain.registry.organisations import City
from domain.registry.people import person_id
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House
from shaoxiang.resources import load_people

PLAYS = UUID("c2b7f8f0-0f0c-5d3a-8a3e-6a51b7a9d410")
"""The namespace of the persons and commands of plays."""


TOLERANCE = 1e-9
"""How far figures may differ for being written in decimals."""


class ScenarioError(Exception):
    """A scenario file that cannot be played; the message says what, where and what to do."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ScenarioActor(_Strict):
    """Who acts: a role held in an organisation, named or coded."""

    role: Role
    org: str


class ScenarioCertificate(_Strict):
    """An officer's certificate, valid through the day named."""

    number: str
    valid_until: date
    valid_from: date | None = None


class ScenarioPerson(_Strict):
    """An officer whom check-ins and records of enforcement may name."""

    name: str
    org: str
    certificate: ScenarioCertificate | None = None


class ScenarioOrganisation(_Strict):
    """An organisation that the scenario brings along."""

    name: str
    kind: Literal["street", "department", "command", "supervision", "organisation_dept"]
    parent: str | None = None


class Step(_Strict):
    """One step of the timeline."""

    at: AwareDatetime
    by: str
    do: str
    on: str | None = None
    as_: Annotated[str | None, Field(alias="as")] = None
    with_: Annotated[dict[str, Any], Field(alias="with", default_factory=dict)]
    refused: str | None = None


class Scenario(_Strict):
    """A case told as a timeline."""

    name: str
    actors: dict[str, ScenarioActor]
    steps: list[Step]
    people: list[ScenarioPerson] = []
    organisations: list[ScenarioOrganisation] = []
    until: AwareDatetime | None = None
    expect: dict[str, Any] = {}


def read_scenario(path: Path) -> Scenario:
    """The scenario of a file. Raises ScenarioError that says where it does not fit the format."""
    try:
        return Scenario.model_validate_json(path.read_text(encoding="utf-8"))
    except OSError as problem:
        msg = f"{path} cannot be read: {problem.strerror}."
        raise ScenarioError(msg) from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        msg = f"{path}: {where}: {first['msg']} ({problem.error_count()} in all)."
        raise ScenarioError(msg) from None


@dataclass
class Played:
    """What a play left behind: the names it gave, what was refused, and which steps went wrong."""

    scenario: Scenario
    names: dict[str, UUID] = field(default_factory=dict)
    responses: dict[str, UUID] = field(default_factory=dict)
    by_person: dict[UUID, str] = field(default_factory=dict)
    refusals: list[dict[str, Any]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


class Player:
    """Plays one scenario in one house."""

    def __init__(self, house: House, clock: VirtualClock, scenario: Scenario) -> None:
        self.house, self.clock, self.scenario = house, clock, scenario
        self.played = Played(scenario)
        self.actors = {alias: self._actor(alias, actor) for alias, actor in scenario.actors.items()}

    @property
    def city(self) -> City:
        """The city, with the scenario's own organisations."""
        return self.house.world.city

    def play(self) -> Played:
        """Play every step at its time, and let the clock run on to the end."""
        self._register_people()
        order = sorted(range(len(self.scenario.steps)), key=lambda n: (self.scenario.steps[n].at, n))
        for n in order:
            step = self.scenario.steps[n]
            self._run_to(step.at, inclusive=False)
            self._step(n, step)
        self._run_to(self.scenario.until or self.clock.now(), inclusive=True)
        return self.played

    def _actor(self, alias: str, actor: ScenarioActor) -> Actor:
        organisation = self.city.find(actor.org)
        person = uuid5(PLAYS, f"person/{alias}/{actor.role}/{organisation.code}")
        self.played.by_person[person] = alias
        return Actor(person=person, role=actor.role, organisation=organisation.code)

    def _register_people(self) -> None:
        """The scenario's officers, and those of the city's that its steps name; the scenario's word goes first."""
        admin = Actor(person=uuid5(PLAYS, "admin"), role=Role.ADMIN, organisation=self.city.organisations[0].code)
        own = {(self.city.find(person.org).code, person.name): person for person in self.scenario.people}
        for (code, name), person in own.items():
            self._register(admin, code, name, [person.certificate] if person.certificate else [])
        named = {name for step in self.scenario.steps for name in _officers(step)}
        for row in load_people():
            code, name = self.city.find(row["organisation"]).code, row["name"]
            if name in named and (code, name) not in own:
                self._register(admin, code, name, [ScenarioCertificate(**each) for each in row["certificates"]])

    def _register(self, admin: Actor, code: str, name: str, certificates: list[ScenarioCertificate]) -> None:
        stream = person_id(code, name)
        known = bool(self.house.log.stream(stream))
        if not known:
            self._do("register_person", None, {"name": name, "organisation": code}, admin, f"{code}/{name}")
        for certificate in certificates:
            given = certificate.model_dump(mode="json", exclude_none=True)
            self._do("issue_certificate", stream, given, admin, f"{code}/{name}/{certificate.number}", again=known)

    def _do(
        self, name: str, on: UUID | None, given: Mapping[str, Any], actor: Actor, key: str, *, again: bool = False
    ) -> Done | None:
        command_id = uuid5(PLAYS, f"{self.scenario.name}/{self.clock.now().isoformat()}/{key}")
        try:
            return self.house.desk.do(name, on, given, actor, command_id=command_id, at=self.clock.now())
        except Refusal:
            if again:
                return None
            raise

    # Time.

    def _run_to(self, at: datetime, *, inclusive: bool) -> None:
        """Let the clock pass every moment at which something is due, and fire it there."""
        floor: datetime | None = None
        while (due := self._next_due(floor)) is not None and (due < at or (inclusive and due == at)):
            self.clock.advance_to(max(due, self.clock.now()))
            before = self.house.log.position()
            swept = self.house.sweeper.sweep(self.clock.now(), inclusive=True)
            for failure in (*swept.failed, *swept.refused):
                raise failure.error
            if self.house.log.position() == before:
                # A hint that came to nothing is not asked again at the same moment.
                floor = due
        if at > self.clock.now():
            self.clock.advance_to(at)

    def _next_due(self, after: datetime | None) -> datetime | None:
        self.house.catch_up()
        due = self.house.sweeper.next_at()
        if due is None or after is None or due > after:
            return due
        return self.house.next_due_after(after)

    # Steps.

    def _step(self, n: int, step: Step) -> None:
        label = f"step {n} ({step.at.isoformat()} {step.by} {step.do}{' on ' + step.on if step.on else ''})"
        try:
            done = self._command(n, step)
        except Refusal as refusal:
            self.played.refusals.append({"step": n, "code": refusal.code})
            if refusal.code != step.refused:
                wanted = f"should be refused as {step.refused}" if step.refused else "should pass"
                self.played.wrong.append(f"{label} {wanted}, but was refused: {refusal.code}: {refusal.message}")
            return
        if step.refused is not None:
            self.played.wrong.append(f"{label} should be refused as {step.refused}, but passed")
        self._name(step, done)

    def _command(self, n: int, step: Step) -> Done:
        if step.by not in self.actors:
            msg = f"{self.scenario.name}: step {n} is by {step.by!r}, which is not among the actors."
            raise ScenarioError(msg)
        if step.do not in COMMANDS:
            msg = f"{self.scenario.name}: step {n} does {step.do!r}, which is no command."
            raise ScenarioError(msg)
        on = self._find(step.on) if step.on is not None else None
        given = dict(step.with_)
        if step.do == "merge_report" and isinstance(given.get("into"), str):
            given["into"] = str(self.played.names.get(given["into"], given["into"]))
        done = self._do(step.do, on, given, self.actors[step.by], f"step/{n}")
        assert done is not None
        return done

    def _find(self, name: str) -> UUID:
        """What a step acts on: a name, a response as whistle/department, an interview as response/interview."""
        plain = name.removesuffix("/interview")
        if plain in self.played.responses:
            return self.played.responses[plain]
        if plain in self.played.names:
            return self.played.names[plain]
        whistle, _, department = plain.partition("/")
        if department and whistle in self.played.names:
            code = self.city.find(department).code
            found = self.played.responses.get(f"{whistle}/{self.city.get(code).name}")
            found = found or self.played.responses.get(f"{whistle}/{code}")
            if found is not None:
                return found
        msg = f"Nothing in this play is named {name!r}."
        raise Unknown(msg, on=name)

    def _name(self, step: Step, done: Done) -> None:
        ids, names = done.ids, self.played.names
        if step.do == "phone_whistle":
            names.update({kind: ids[kind] for kind in ("report", "case", "whistle")})
        elif step.as_ is not None:
            made = {"submit_report": "report", "file_case": "case"}.get(step.do, "whistle")
            first = next(iter(ids.values()), None)
            names[step.as_] = ids.get(made) or first or self._find(step.on or step.as_)
        if "direct" in ids:
            self.played.responses[f"{step.on}/direct"] = ids["direct"]
            return
        group = self._group(step)
        for key, stream in ids.items():
            if key.startswith("response/"):
                self._name_response(group, key.removeprefix("response/"), stream)

    def _group(self, step: Step) -> str:
        """The whistle's name under which a step's responses go."""
        if step.do == "phone_whistle":
            return "whistle"
        if step.as_ is not None:
            return step.as_
        name = (step.on or "").removesuffix("/interview")
        return name.partition("/")[0] if step.do == "uphold_return" else name

    def _name_response(self, group: str, code: str, stream: UUID) -> None:
        """The plain name is the latest response of a department; an earlier one steps back to a numbered name."""
        name = f"{group}/{self.city.get(code).name}"
        earlier = self.played.responses.get(name)
        if earlier is not None:
            n = 1
            while f"{name}#{n}" in self.played.responses:
                n += 1
            self.played.responses[f"{name}#{n}"] = earlier
        self.played.responses[name] = stream


def _officers(step: Step) -> list[str]:
    """The officers that a step names."""
    names = step.with_.get("officers")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def differences(expected: Any, found: Any, path: str = "") -> Iterator[str]:
    """Where a result differs from what was expected: objects are subsets, lists are exact."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for key, value in expected.items():
            where = f"{path}.{key}" if path else key
            if key not in found:
                yield f"{where}: expected {_shown(value)}, but there is nothing of that name"
            else:
                yield from differences(value, found[key], where)
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{path}: expected {len(expected)} entries, found {len(found)}: {_shown(found)}"
        for n, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from differences(one, other, f"{path}[{n}]")
    elif not _same(expected, found):
        yield f"{path}: expected {_shown(expected)}, found {_shown(found)}"


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, str) and isinstance(found, str) and expected != found:
        try:
            return datetime.fromisoformat(expected) == datetime.fromisoformat(found)
        except (ValueError, TypeError):
            return False
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return abs(expected - found) < TOLERANCE
    return bool(expected == found)


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
