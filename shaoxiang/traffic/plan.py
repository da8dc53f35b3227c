"""A plan: who gives which command when, from the report to what follows the evaluation. Nothing is decided here.

A plan follows from its seed, its number and the time of its report alone. People keep office hours where they would,
and some are late on purpose, so that timers fire in between; the desk finds out by itself.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from desk.actors import Actor, Role
from domain.dispatch.timekeeping import OFFICE_SLOTS, Timekeeper
from domain.kernel import Kind, child, new_family
from domain.policy.calendar import WorkCalendar
from domain.policy.catalogue import Item
from domain.policy.deadlines import Urgency
from domain.policy.rules import Rules
from domain.registry.organisations import City
from shaoxiang.traffic import habits

TRAFFIC = UUID("7d1c0f7e-52a6-5b0c-9c36-0b6f1d8e4a55")
"""The namespace of the persons of traffic, and of its random bits."""

SATURDAY = 5

COMMANDS_OF_A_CASE = 0xC0
"""The kind under which a plan's command ids are children of their case, so that one prefix names all that is its own.

It is no kind of stream."""


class Step(NamedTuple):
    """One command. `on` and values that begin with @ are names: what earlier commands' answers called it.

    `part` is 0 for the matter itself, n for its n-th duplicate report, whose names end in /n.
    """

    at: datetime
    actor: Actor
    do: str
    on: str | None
    given: Mapping[str, Any]
    part: int = 0


@dataclass(frozen=True)
class Plan:
    """One matter's course of commands, in order of time, with the ids of its reports' families."""

    number: int
    steps: tuple[Step, ...]
    families: tuple[UUID, ...]

    @property
    def reported_at(self) -> datetime:
        """When it begins."""
        return self.steps[0].at

    def command_id(self, n: int) -> UUID:
        """The id of the n-th step's command."""
        return child(self.families[self.steps[n].part], COMMANDS_OF_A_CASE, n)

    def shifted(self, weeks: int, seed: int, number: int) -> "Plan":
        """The same course under another number, whole weeks later."""
        by = timedelta(weeks=weeks)
        steps = tuple(each._replace(at=each.at + by, given=_shifted(each.given, by)) for each in self.steps)
        return Plan(number, steps, families_of(seed, number, steps))


def families_of(seed: int, number: int, steps: Sequence[Step]) -> tuple[UUID, ...]:
    """The ids of the reports that the steps submit."""
    begun = [each for each in steps if each.do in {"submit_report", "phone_whistle"}]
    return tuple(family(seed, number, part, each.at) for part, each in enumerate(begun))


def family(seed: int, number: int, part: int, at: datetime) -> UUID:
    """The id of a report of a plan; what its case grows into shares its first twelve bytes."""
    return new_family(at, uuid5(TRAFFIC, f"{seed}/{number}/{part}").int)


def family_of_command(act_id: UUID) -> UUID:
    """The report's id that the command of a plan brings along."""
    return child(act_id, Kind.REPORT)


def person(role: Role, organisation: str, n: int) -> UUID:
    """One of the people who hold a role in an organisation."""
    return uuid5(TRAFFIC, f"{role.value}/{organisation}/{n}")


def _shifted(given: Mapping[str, Any], by: timedelta) -> Mapping[str, Any]:
    return {key: value + by if isinstance(value, datetime) else value for key, value in given.items()}


class Spot(NamedTuple):
    """Where a matter lies: its street, the community in it, and the place."""

    street: str
    community: str
    place: dict[str, Any]


class Stage:
    """The city as plans see it: streets with shares, calendars, the catalogue. Made once for many plans."""

    def __init__(self, city: City, rules: Rules) -> None:
        self.city, self.rules = city, rules
        self.keeper = Timekeeper(rules)
        self._streets: list[tuple[str, str]] = []
        shares: list[float] = []
        for district, about in habits.DISTRICTS.items():
            streets = [place.code for place in city.below(district, "street")]
            whole = sum(1 / rank for rank in range(1, len(streets) + 1))
            self._streets += [(district, code) for code in streets]
            shares += [about.share / rank / whole for rank in range(1, len(streets) + 1)]
        self._shares = shares
        self._communities = {code: city.below(code, "community") for _, code in self._streets}

    def item(self, name: str, at: datetime) -> Item:
        """An item of the catalogue in force."""
        return self.rules.catalogue(at).item(name)

    def calendar(self, at: datetime) -> WorkCalendar:
        """The office calendar in force."""
        return self.rules.calendar(OFFICE_SLOTS, at)

    def spot(self, rng: random.Random) -> Spot:
        """Somewhere in the city, more often where more is reported."""
        district, street = rng.choices(self._streets, self._shares)[0]
        about, communities = habits.DISTRICTS[district], self._communities[street]
        place = {
            "lat": round(rng.gauss(about.lat, habits.SPREAD_DEGREES), 4),
            "lon": round(rng.gauss(about.lon, habits.SPREAD_DEGREES), 4),
            "address": f"{rng.choice(habits.TEXTS['addresses'])}{rng.randint(1, 280)}号",
        }
        return Spot(street, rng.choice(communities).code if communities else street, place)


@dataclass
class Called:
    """How a department's part ended: when it was last completed, or None where it never was; and what went wrong.

    `doubtful` is one whose due time only the desk knows, because it was moved on the way.
    """

    name: str
    department: str
    completed_at: datetime | None = None
    late_signature: bool = False
    late_arrival: bool = False
    late_disposal: bool = False
    reworks: int = 0
    interview_at: datetime | None = None
    defaulted_at: datetime | None = None
    returned: bool = False
    doubtful: bool = False


@dataclass
class Teller:
    """A plan while it is told: chance, the case's facts, and the steps so far.

    `hasty` matters are worked on around the clock, `alone` says that one department is called, and `brisk` leaves out
    whatever needs a due time to pass, so that the steps may follow one another within seconds.
    """

    stage: Stage
    rng: random.Random
    spot: Spot
    urgency: Urgency = Urgency.GENERAL
    item: Item | None = None
    hasty: bool = False
    alone: bool = False
    brisk: bool = False
    photo: str = ""
    called: list[str] = field(default_factory=list)
    added: tuple[str, datetime] | None = None
    steps: list[Step] = field(default_factory=list)
    steadies: dict[tuple[Role, str], Actor] = field(default_factory=dict)

    # Chance.

    def happens(self, what: str) -> bool:
        """Whether something of the table of shares happens."""
        return self.rng.random() < habits.FOR_EACH_OTHER[what]

    def one_of(self, shares: Mapping[str, float]) -> str:
        """One of a table of shares."""
        return self.rng.choices(list(shares), list(shares.values()))[0]

    def text(self, about: str) -> str:
        """Something that people write."""
        return self.rng.choice(habits.TEXTS[about])

    # Time.

    def later(self, at: datetime, deed: str, share: float | None = None) -> datetime:
        """When a deed is done that could begin at a moment: sooner rather than later within its range.

        What is urgent goes around the clock where the table of urgent delays knows it, else in office hours.
        """
        around = self.urgency is not Urgency.GENERAL and deed in habits.URGENT_MINUTES
        least, most = habits.MINUTES[deed]
        if around:
            least, most = habits.URGENT_MINUTES[deed]
        if self.urgency is Urgency.EMERGENCY and deed in habits.EMERGENCY_MINUTES:
            least, most = habits.EMERGENCY_MINUTES[deed]
        drawn = min(self.rng.random(), self.rng.random()) if share is None else share
        passes = timedelta(seconds=int(60 * (least + (most - least) * drawn)) + self.rng.randint(1, 50))
        return at + passes if around else self.office(at, passes)

    def office(self, at: datetime, passes: timedelta) -> datetime:
        """A moment in working hours, after so much working time."""
        return self.stage.calendar(at).add_working(at, passes)

    def due(self, at: datetime) -> datetime:
        """When disposal is due that starts at a moment."""
        assert self.item is not None
        return self.stage.keeper.start_disposal(at, self.urgency, self.item.limit).due_at

    def within(self, at: datetime, due: datetime) -> datetime:
        """A moment when work is reported done in time: between two moments, in office hours where there is no hurry."""
        share = 0.04 + 0.86 * min(self.rng.random(), self.rng.random())
        if self.urgency is not Urgency.GENERAL or self.hasty:
            return _whole(at + max((due - at) * share, timedelta(minutes=2)))
        calendar = self.stage.calendar(at)
        return self.office(at, _seconds(calendar.working_between(at, due) * share) + timedelta(minutes=1))

    # People and deeds.

    def who(self, role: Role, organisation: str, *, steady: bool = True) -> Actor:
        """Somebody in a role; the same person throughout the matter, unless it must be another (not `steady`)."""
        known = self.steadies.get((role, organisation))
        if known is not None and steady:
            return known
        people = [person(role, organisation, n) for n in range(1, habits.PEOPLE[role] + 1)]
        others = [each for each in people if known is None or each != known.person]
        actor = Actor(person=self.rng.choice(others), role=role, organisation=organisation)
        return self.steadies.setdefault((role, organisation), actor) if known is None else actor

    @property
    def command(self) -> Actor:
        """Somebody in the command centre; not always the same."""
        return self.who(Role.COMMAND_OFFICER, habits.COMMAND, steady=self.happens("same_officer"))

    @property
    def grid(self) -> Actor:
        """The street's grid worker."""
        return self.who(Role.GRID_WORKER, self.spot.street)

    @property
    def officer(self) -> Actor:
        """The street's officer on duty."""
        return self.who(Role.STREET_OFFICER, self.spot.street)

    @property
    def leader(self) -> Actor:
        """The leader of the street's enforcement team."""
        return self.who(Role.STREET_LEADER, self.spot.street)

    @property
    def supervisor(self) -> Actor:
        """Somebody in the supervision office who has not acted in the matter."""
        return self.who(Role.SUPERVISION, habits.SUPERVISION, steady=False)

    def liaison(self, department: str) -> Actor:
        """The department's liaison."""
        return self.who(Role.DEPARTMENT_LIAISON, department)

    def do(self, at: datetime, actor: Actor, deed: str, on: str | None, part: int = 0, **given: Any) -> datetime:
        """Put a deed into the plan; answers when."""
        moment = _whole(at)
        self.steps.append(Step(moment, actor, deed, on, given, part))
        return moment

    def told(self, seed: int, number: int) -> Plan:
        """The plan, in order of time."""
        steps = tuple(sorted(self.steps, key=lambda each: each.at))
        return Plan(number, steps, families_of(seed, number, steps))


def arrivals(rng: random.Random, stage: Stage, since: datetime, until: datetime, count: int) -> list[datetime]:
    """So many times of reports between two moments, in order, by the hours and weekdays of the tables."""
    hours: list[datetime] = []
    weights: list[float] = []
    calendar = stage.calendar(since)
    at = since.replace(minute=0, second=0, microsecond=0)
    while at < until:
        local = calendar.local(at)
        by_hour = habits.HOURS if local.weekday() < SATURDAY else habits.WEEKEND_HOURS
        hours.append(at)
        weights.append(by_hour[local.hour] / sum(by_hour) * habits.WEEKDAYS[local.weekday()])
        at += timedelta(hours=1)
    drawn = (each + timedelta(seconds=rng.randrange(3600)) for each in rng.choices(hours, weights, k=count))
    return sorted(max(since, min(each, until)) for each in drawn)


def _whole(at: datetime) -> datetime:
    """A moment without fractions of a second, which no person's act needs."""
    return at.replace(microsecond=0)


def _seconds(passes: timedelta) -> timedelta:
    return timedelta(seconds=int(passes.total_seconds()))
