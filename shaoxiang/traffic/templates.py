"""Templates: some thousand cases, played through the real desk once, whose forms any number of copies fill in."""

import hashlib
import json
import pickle
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from desk.actors import SYSTEM
from desk.desk import Desk
from desk.unit import KINDS
from desk.world import World
from domain.kernel import CaseAggregate
from domain.policy.rules import Rules
from domain.registry.organisations import City
from shaoxiang.clock import VirtualClock
from shaoxiang.resources import HERE, data_folder
from shaoxiang.traffic.course import plan
from shaoxiang.traffic.forms import (
    CITIZEN,
    NUMBER,
    PREFIX_CHARACTERS,
    TIMER,
    Dates,
    Fired,
    Form,
    citizen,
    cut,
    dates_from,
    fired,
)
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.plan import Plan, Stage, arrivals
from shaoxiang.traffic.play import Given, Overheard, Play
from store.log import EventLog
from store.mapper import EventMapper
from store.recorder import Unit
from store.sqlite import SqliteRecorder

BASE = date(2025, 6, 9)
"""The Monday of the week that templates begin in: no holiday and no make-up day before October 2025."""

PHOTO = hashlib.sha256(b"traffic").hexdigest()
"""The photo that made-up traffic names, where no photos are kept."""

AFTERWARDS = frozenset({"copies.py"})
"""Files of traffic that templates do not follow from."""

UNSOUND_AT_MOST = 0.01
"""The share of plans that may be refused a step before the tables are called wrong."""

MARK, LADDER_TOPICS = "standing.mark-", "standing."


class FactForm(NamedTuple):
    """An event that copies fill in."""

    family: int
    suffix: bytes
    version: int
    topic: str
    form: Form
    fired: Fired | None


class CommandForm(NamedTuple):
    """A command's row that copies fill in: `asked` is what its fingerprint is made of."""

    family: int
    suffix: bytes
    actor: bytes
    name: str
    asked: Form
    result: Form
    at: Form


class UnitForm(NamedTuple):
    """What was stored in one transaction. `at` is in microseconds since the week began; `day` that of a new number."""

    at: int
    facts: tuple[FactForm, ...]
    command: CommandForm | None
    district: str | None
    day: int


class Template(NamedTuple):
    """One plan as it went. `days` is how many days after the Monday any of its times lies at most."""

    plan: Plan
    units: tuple[UnitForm, ...]
    prefixes: tuple[bytes, ...]
    begins: tuple[int, ...]
    named: tuple[int, bytes] | None
    days: int


class Tape(SqliteRecorder):
    """A log in memory that remembers what was stored together."""

    units: list[Unit]

    def write(self, unit: Unit) -> int:
        """See `LogRecorder`."""
        position = super().write(unit)
        self.units.append(unit)
        return position


def monday(day: date, rules: Rules) -> datetime:
    """When a week begins at the site."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    calendar = rules.calendar("office", at)
    return at - (calendar.local(at).utcoffset() or timedelta())


def pool(city: City, rules: Rules, count: int, seed: int, cache: Path | None = None) -> list[Template]:
    """So many templates, in the order in which they begin; kept in the folder `cache`, and made once.

    The name of what is kept follows from all code and shipped data that could change it.
    """
    if cache is None:
        return _made(city, rules, count, seed)
    file = cache / f"traffic-{count}-{seed}-{_inputs(city)}.pickle"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(".new")
        fresh.write_bytes(pickle.dumps(_made(city, rules, count, seed)))
        fresh.replace(file)
    made: list[Template] = pickle.loads(file.read_bytes())  # noqa: S301 - a file of our own making
    return made


def _inputs(city: City) -> str:
    """A fingerprint of what a template's events follow from: the code that decides, the shipped rules, the city."""
    digest = hashlib.sha256()
    for package in ("domain", "desk", "scheduler", "shaoxiang/traffic", "store"):
        for path in sorted((HERE.parent / package).rglob("*.py")):
            if path.name not in AFTERWARDS:
                digest.update(path.read_bytes())
    for path in sorted(data_folder().rglob("*.json")):
        digest.update(path.read_bytes())
    digest.update(city.model_dump_json().encode())
    return digest.hexdigest()[:16]


def _made(city: City, rules: Rules, count: int, seed: int) -> list[Template]:
    begin = monday(BASE, rules)
    stage = Stage(city, rules)
    times = arrivals(random.Random(f"{seed}/arrivals"), stage, begin, begin + timedelta(weeks=1), count)
    plans = [plan(stage, seed, number, at, photo=PHOTO) for number, at in enumerate(times)]
    tape, asked = Tape.in_memory(), dict[UUID, bytes]()
    assert isinstance(tape, Tape)
    tape.units = []
    clock = VirtualClock(begin - timedelta(days=1))
    log = EventLog(tape, EventMapper(KINDS))
    world = World(log=log, rules=rules, city=city, now=clock.now)
    register(Desk(world), city, clock.now())
    tape.units.clear()

    def hear(name: str, on: UUID | None, given: Given, command_id: UUID) -> None:
        body = json.dumps(given, sort_keys=True, ensure_ascii=False, default=str)
        asked[command_id] = f"{name}\n{on}\n{body}".encode()

    play = Play(world, clock, desk=lambda world: Overheard(world, hear))
    play.run(plans)
    # A plan of which the desk refused a step was not sound; it is no template.
    unsound = {each.plan for each in play.refused}
    if len(unsound) > count * UNSOUND_AT_MOST:
        msg = f"{len(unsound)} of {count} plans are not sound, such as {play.refused[0]}"
        raise ValueError(msg)
    cases = _cut(plans, tape.units, asked, begin, log.mapper)
    made = [each for each in cases if each.plan.number not in unsound]
    log.close()
    return made


@dataclass
class _Matter:
    """What was stored of one plan, while it is cut."""

    plan: Plan
    units: list[Unit]

    @property
    def prefixes(self) -> tuple[bytes, ...]:
        return tuple(str(each).encode()[:PREFIX_CHARACTERS] for each in self.plan.families)

    def place(self, identity: UUID) -> tuple[int, bytes]:
        """Which family an id belongs to, and what it ends in."""
        text = str(identity).encode()
        return self.prefixes.index(text[:PREFIX_CHARACTERS]), text[PREFIX_CHARACTERS:]


def _cut(
    plans: Iterable[Plan], units: Iterable[Unit], asked: Mapping[UUID, bytes], begin: datetime, mapper: EventMapper
) -> Iterator[Template]:
    matters = [_Matter(each, []) for each in plans]
    of_family = {family.bytes[:12]: matter for matter in matters for family in matter.plan.families}
    for unit in units:
        prefixes = (UUID(str(event.originator_id)).bytes[:12] for event in unit.events)
        next(of_family[each] for each in prefixes if each in of_family).units.append(unit)
    dates = dates_from(BASE)
    for matter in matters:
        yield _template(matter, asked, begin, dates, mapper)


def _template(
    matter: _Matter, asked: Mapping[UUID, bytes], begin: datetime, dates: Dates, mapper: EventMapper
) -> Template:
    events = [
        mapper.to_domain_event(event)
        for unit in matter.units
        for event in unit.events
        if not event.topic.startswith(LADDER_TOPICS)
    ]
    streams = list(dict.fromkeys(each.originator_id for each in events))
    number = next((each.number for each in events if hasattr(each, "number")), "")
    reporter = next((found for each in events if (found := getattr(each, "reporter", None))), None)
    others = {number.encode(): NUMBER}
    named: tuple[int, bytes] | None = None
    if reporter is not None:
        others[str(reporter).encode()] = CITIZEN
        named = matter.place(matter.plan.command_id(0))
        assert citizen(b"".join((matter.prefixes[named[0]], named[1]))) == str(reporter).encode()
    cutter = _Cutter(matter, streams, others, asked, begin, dates, mapper)
    units = tuple(cutter.unit(unit) for unit in matter.units)
    holes = [hole for unit in units for form in _forms(unit) for hole in form.holes]
    begins = tuple(
        _micros(each.at - begin) for each in matter.plan.steps if each.do in {"submit_report", "phone_whistle"}
    )
    return Template(matter.plan, units, matter.prefixes, begins, named, max(holes))


@dataclass
class _Cutter:
    """Cuts what was stored of one matter."""

    matter: _Matter
    streams: list[UUID]
    others: dict[bytes, int]
    asked: Mapping[UUID, bytes]
    begin: datetime
    dates: Dates
    mapper: EventMapper

    def unit(self, unit: Unit) -> UnitForm:
        """A form of one transaction. Of the ladder only the marks stay: the ladder itself is climbed by the copies."""
        facts = []
        at = unit.command.at if unit.command is not None else None
        for event in unit.events:
            fact = self.mapper.to_domain_event(event)
            at = at or fact.timestamp
            if not event.topic.startswith(LADDER_TOPICS) or event.topic.startswith(MARK):
                facts.append(self._fact(fact, event.state))
        assert at is not None
        district, day = None, 0
        for name in unit.counters:
            district, _, local = name.partition("/")
            day = (date.fromisoformat(local) - BASE).days
        command = None if unit.command is None else self._command(unit)
        return UnitForm(_micros(at - self.begin), tuple(facts), command, district, day)

    def _fact(self, fact: CaseAggregate.Event, state: bytes) -> FactForm:
        others, timer = self.others, None
        if fact.meta.actor == SYSTEM:
            families = self.matter.prefixes
            timer = fired(fact.meta.command_id, self.streams, fact.timestamp, families, self.dates)
            others = {**others, str(fact.meta.command_id).encode(): TIMER}
        topic = str(getattr(type(fact), "TOPIC", ""))
        ladder = topic.startswith(LADDER_TOPICS)
        family, suffix = (0, fact.originator_id.bytes) if ladder else self.matter.place(fact.originator_id)
        if not ladder:
            suffix = bytes.fromhex(suffix.decode())
        return FactForm(family, suffix, fact.originator_version, topic, cut(state, self.dates, others), timer)

    def _command(self, unit: Unit) -> CommandForm:
        row = unit.command
        assert row is not None
        family, suffix = self.matter.place(row.id)
        asked, result, at = (
            cut(text, self.dates, self.others)
            for text in (self.asked[row.id], row.result.encode(), row.at.isoformat().encode())
        )
        assert all(hole >= 0 for hole in asked.holes), "people ask by ids and times, and by nothing that is hashed"
        return CommandForm(family, suffix, row.actor.bytes, row.name, asked, result, at)


def _forms(unit: UnitForm) -> Iterator[Form]:
    yield from (fact.form for fact in unit.facts)
    if unit.command is not None:
        yield from (unit.command.asked, unit.command.result)


def _micros(passes: timedelta) -> int:
    return passes // timedelta(microseconds=1)
