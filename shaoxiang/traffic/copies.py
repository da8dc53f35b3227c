"""Copies: a city's log of any length, stamped out of templates, exactly as the desk would have recorded it.

Copies begin whole weeks after their template, where the calendar is alike for as long as they may last. They are merged
by time, as they would have come in, with as many open at once as a city has open, and no more in memory.

What reaches across cases is not copied. A case's number is counted by district and day, as the desk draws it. A
department's ladder is climbed by its own aggregate: a copy brings the marks alone, and what follows from them
follows from all the marks of the log before.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hmac import digest
from typing import Any, NamedTuple
from uuid import UUID

from desk.unit import KINDS
from domain.dispatch.facts.standing import MarkEntered, MarkStruck
from domain.dispatch.standing import Standing, standing_id
from domain.dispatch.timekeeping import Timekeeper
from domain.kernel import Act
from domain.policy.calendar import WorkCalendar
from domain.policy.rules import Rules
from domain.registry.organisations import City
from shaoxiang.traffic.forms import PREFIX_CHARACTERS, Dates, citizen, dates_from
from shaoxiang.traffic.plan import Plan, family
from shaoxiang.traffic.templates import BASE, MARK, Template, UnitForm, monday
from store.mapper import EventMapper

Row = tuple[bytes, int, str, bytes]
"""Stream id (16 bytes), version, topic and state: an event as it is stored, before it has a position."""

WEEK_MICROS = 7 * 24 * 3600 * 1_000_000

ENDS = timedelta(days=3, hours=15)
"""How far into the last week a log goes: to the middle of a Thursday afternoon, with everybody at work."""


class CommandText(NamedTuple):
    """A command's row before it has a position; ids are 16 bytes, `at` is ISO 8601 in UTC."""

    id: bytes
    actor: bytes
    name: str
    request_hash: str
    result: str
    at: str


class Written(NamedTuple):
    """One transaction: its events, and the command that it was, unless a timer fired."""

    rows: list[Row]
    command: CommandText | None


class Week(NamedTuple):
    """A week in which copies begin: how many weeks after the templates', and the days that they may mention."""

    number: int
    begins: int
    dates: Dates
    days: Sequence[date]


@dataclass
class Copy:
    """One copy under way."""

    template: Template
    week: Week
    number: int
    families: tuple[bytes, ...]
    prefixes: tuple[bytes, ...]
    reporter: bytes = b""
    done: int = 0
    called: bytes = b""
    """The case's number, once it has one."""

    @property
    def turn(self) -> tuple[int, bytes]:
        """When its next transaction comes. At one moment people go first, in their order; then timers, by their ids."""
        unit = self.template.units[self.done]
        rank = b"\1" + self.families[0] if unit.command is None else b"\0" + self.number.to_bytes(12)
        return self.week.begins + unit.at, rank


class Copies:
    """So many copies of templates that begin in the given weeks. Iterate `written` once."""

    def __init__(
        self, templates: Sequence[Template], rules: Rules, city: City, *, seed: int, cases: int,
        weeks: Sequence[date], until: datetime | None = None, digest_key: bytes = b"play", commands: bool = True,
    ) -> None:  # fmt: skip
        """`weeks` are the Mondays of the weeks, in order; all is left out that lies after `until` (see `ENDS`).

        `digest_key` is the key of the fingerprints of requests; without `commands` only events are made.
        """
        self.templates, self.rules, self.city, self.seed = templates, rules, city, seed
        self.numbers: Counter[str] = Counter()
        self.weeks = list(weeks)
        self._cases, self._key, self._with_commands = cases, digest_key, commands
        self._calendar = rules.calendar("office", monday(BASE, rules))
        self._origin = monday(BASE, rules)
        self.until = until or monday(self.weeks[-1], rules) + ENDS
        self._until = _micros(self.until - self._origin)
        self._mapper = EventMapper(KINDS)
        self._keeper = Timekeeper(rules)
        self._ladders: dict[bytes, Standing] = {}
        self.districts = _districts(templates)
        self._names = {district: city.short_name(district) for district in self.districts}
        self._departments = {standing_id(each.code).bytes: each.code for each in city.organisations}
        self._fillers = {
            id(form): form.filler()
            for template in templates
            for unit in template.units
            for form in _forms(unit)
        }  # fmt: skip

    def begun(self) -> Iterator[tuple[int, int, Week]]:
        """Number, template and week of each copy, in the order in which they begin."""
        number, over = 0, 0.0
        weeks = [self._week(first) for first in self.weeks]
        # The last week is cut short, and has as much less.
        open_to = [[n for n, each in enumerate(self.templates) if self._begins(each, week)] for week in weeks]
        whole = sum(map(len, open_to))
        for first, week, among in zip(self.weeks, weeks, open_to, strict=True):
            rng = random.Random(f"{self.seed}/{first.isoformat()}")
            allowed = [n for n in among if alike(self._calendar, BASE, first, self.templates[n].days)]
            if not allowed:
                msg = f"the week of {first.isoformat()} is like no ordinary week: choose weeks without holidays near"
                raise ValueError(msg)
            over += len(among) / whole
            for chosen in sorted(rng.choices(allowed, k=round(self._cases * over) - number)):
                yield number, chosen, week
                number += 1

    def _begins(self, template: Template, week: Week) -> bool:
        return week.begins + template.units[0].at <= self._until

    def plan(self, number: int, template: int, week: Week) -> Plan:
        """The plan that a copy follows."""
        return self.templates[template].plan.shifted(week.number, self.seed, number)

    def written(self) -> Iterator[Written]:
        """Every transaction, in the order of time."""
        coming = self.begun()
        under_way: list[tuple[tuple[int, bytes], Copy]] = []
        upcoming = next(coming, None)
        while under_way or upcoming is not None:
            if upcoming is not None:
                number, chosen, week = upcoming
                begins = week.begins + self.templates[chosen].units[0].at
                if not under_way or begins <= under_way[0][0][0]:
                    copy = self._open(number, chosen, week)
                    heapq.heappush(under_way, (copy.turn, copy))
                    upcoming = next(coming, None)
                    continue
            (at, _), copy = under_way[0]
            if at > self._until:
                return
            units = copy.template.units
            yield self._fill(copy, units[copy.done])
            copy.done += 1
            if copy.done < len(units):
                heapq.heapreplace(under_way, (copy.turn, copy))
            else:
                heapq.heappop(under_way)

    def _week(self, first: date) -> Week:
        number = (first - BASE).days // 7
        dates = dates_from(first)
        days = [first + timedelta(days=n) for n in range(len(dates))]
        return Week(number, number * WEEK_MICROS, dates, days)

    def _open(self, number: int, chosen: int, week: Week) -> Copy:
        template = self.templates[chosen]
        begins = (self._origin + timedelta(microseconds=week.begins + at) for at in template.begins)
        families = [family(self.seed, number, part, at) for part, at in enumerate(begins)]
        prefixes = tuple(str(each).encode()[:PREFIX_CHARACTERS] for each in families)
        named = template.named
        reporter = b"" if named is None else citizen(prefixes[named[0]] + named[1])
        return Copy(template, week, number, tuple(each.bytes[:12] for each in families), prefixes, reporter)

    def _fill(self, copy: Copy, unit: UnitForm) -> Written:
        if unit.district is not None:
            self._draw(copy, unit.district, copy.week.days[unit.day])
        rows: list[Row] = []
        renamed = tuple(zip(copy.template.prefixes, copy.prefixes, strict=True))
        dates, fillers = copy.week.dates, self._fillers
        for family_n, suffix, version, topic, form, timer in unit.facts:
            values: Any = dates
            if timer is not None:
                values = (*dates, b"", timer.command_id(copy.prefixes, dates), b"")
            elif form.holes and min(form.holes) < 0:
                values = (*dates, b"", copy.reporter, b"", copy.called)
            state = form.text % fillers[id(form)](values)
            for old, new in renamed:
                state = state.replace(old, new)
            if topic.startswith(MARK):
                rows += self._climb(suffix, version, topic, state)
            else:
                rows.append((copy.families[family_n] + suffix, version, topic, state))
        return Written(rows, self._command(copy, unit, rows) if self._with_commands and unit.command else None)

    def _draw(self, copy: Copy, district: str, day: date) -> None:
        name = f"{district}/{day.isoformat()}"
        self.numbers[name] += 1
        copy.called = f"{self._names[district]}{day:%y%m%d}-{self.numbers[name]:03d}".encode()

    def _climb(self, stream: bytes, version: int, topic: str, state: bytes) -> Iterator[Row]:
        """Enter or strike a mark on a department's ladder, as the desk does."""
        fact = self._mapper.decode(UUID(bytes=stream), version, topic, state)
        assert isinstance(fact, MarkEntered | MarkStruck)
        act = Act(at=fact.timestamp, meta=fact.meta)
        standing = self._ladders.get(stream)
        if standing is None:
            standing = self._ladders[stream] = Standing.begin(self._departments[stream], act)
        if isinstance(fact, MarkEntered):
            standing.enter(fact.mark, fact.response, act, self._keeper)
        else:
            standing.strike(fact.mark, fact.response, act, self._keeper)
        for event in standing.collect_events():
            stored = self._mapper.to_stored_event(event)
            yield stream, stored.originator_version, stored.topic, stored.state

    def _command(self, copy: Copy, unit: UnitForm, rows: Sequence[Row]) -> CommandText:
        form = unit.command
        assert form is not None
        values: tuple[bytes, ...] = copy.week.dates
        if form.result.holes and min(form.result.holes) < 0:
            topics = (topic.encode() for _, _, topic, _ in rows if topic.startswith("standing."))
            # What the holes take that are no dates, from the last to the first: ladder, citizen, timer, number.
            values = (*values, b",".join(b'"%b"' % topic for topic in topics), copy.reporter, b"", copy.called)
        fillers = self._fillers
        asked = form.asked.text % fillers[id(form.asked)](values)
        result = form.result.text % fillers[id(form.result)](values)
        at = form.at.text % fillers[id(form.at)](values)
        for old, new in zip(copy.template.prefixes, copy.prefixes, strict=True):
            asked, result = asked.replace(old, new), result.replace(old, new)
        own = bytes.fromhex((copy.prefixes[form.family] + form.suffix).replace(b"-", b"").decode())
        fingerprint = digest(self._key, asked, "sha256").hex()
        return CommandText(own, form.actor, form.name, fingerprint, result.decode(), at.decode())


def alike(calendar: WorkCalendar, one: date, other: date, days: int) -> bool:
    """Whether the days from two Mondays on, so many, are worked alike: the same days, in the same hours."""
    for n in range(days + 1):
        first, second = one + timedelta(days=n), other + timedelta(days=n)
        worked = calendar.is_working_day(first)
        if worked != calendar.is_working_day(second):
            return False
        if worked and calendar.spans_of(first) != calendar.spans_of(second):
            return False
    return True


def _forms(unit: UnitForm) -> Iterator[Any]:
    yield from (fact.form for fact in unit.facts)
    if unit.command is not None:
        yield from (unit.command.asked, unit.command.result, unit.command.at)


def _districts(templates: Sequence[Template]) -> set[str]:
    return {unit.district for template in templates for unit in template.units if unit.district is not None}


def _micros(passes: timedelta) -> int:
    return passes // timedelta(microseconds=1)
