"""The proof of a filled log: a sample of its cases, played through the desk at the same times, has the same events."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from desk.desk import Desk
from desk.unit import KINDS
from desk.world import World
from shaoxiang.clock import VirtualClock
from shaoxiang.traffic.copies import Copies
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.plan import Plan
from shaoxiang.traffic.play import Given, Overheard, Play
from shaoxiang.traffic.templates import Tape
from store.log import EventLog
from store.mapper import EventMapper

FILES = frozenset({"file_case", "phone_whistle"})
"""Commands that draw a case's number."""


@dataclass(frozen=True)
class Sampled:
    """How many cases were compared, with how many events, and the families of those that differ."""

    cases: int
    events: int
    different: tuple[UUID, ...]


def sample(log: EventLog, copies: Copies, *, share: float, seed: int, until: datetime) -> Sampled:
    """Play a share of the copies that a log was filled with, up to where it ends, and compare their events.

    The ladders are left out, since they follow from all cases and not from a sample. Numbers are taken from the log,
    and everything else is decided anew.
    """
    rng = random.Random(seed)
    chosen = [copies.plan(*each) for each in copies.begun() if rng.random() < share]
    chosen = [each for each in chosen if each.reported_at <= until]
    drawn = dict(entry for each in chosen for entry in _numbers(log, copies, each))
    tape = Tape.in_memory()
    assert isinstance(tape, Tape)
    tape.units = []
    clock = VirtualClock(min(each.reported_at for each in chosen) - timedelta(days=1))
    played = EventLog(tape, EventMapper(KINDS))
    world = World(log=played, rules=copies.rules, city=copies.city, now=clock.now)
    register(Desk(world), copies.city, clock.now())

    def hear(_name: str, _on: UUID | None, _given: Given, command_id: UUID) -> None:
        """Before a number is drawn, put its counter where it stood in the whole log."""
        if command_id in drawn:
            counter, before = drawn[command_id]
            with tape.datastore.transaction(commit=True) as cursor:
                cursor.sqlite_cursor.execute("DELETE FROM counter WHERE name = ?", (counter,))
                if before:
                    cursor.sqlite_cursor.execute("INSERT INTO counter VALUES (?, ?)", (counter, before))

    play = Play(world, clock, desk=lambda world: Overheard(world, hear))
    play.run(chosen, until)
    assert not play.refused, play.refused[0]
    families = [family for plan in chosen for family in plan.families]
    pairs = [(family, _facts(log, family, until), _facts(played, family, until)) for family in families]
    played.close()
    different = tuple(family for family, found, wanted in pairs if found != wanted)
    return Sampled(len(chosen), sum(len(wanted) for _, _, wanted in pairs), different)


def _facts(log: EventLog, family: UUID, until: datetime) -> list[tuple[Any, ...]]:
    """A case's events in order, without their positions.

    A log that was cut after so many events may hold a part of those of its last moment; they are left out.
    """
    facts = [recorded.event for recorded in log.case(family) if recorded.event.timestamp < until]
    stored = [log.mapper.to_stored_event(each) for each in facts]
    return [(each.originator_id, each.originator_version, each.topic, each.state) for each in stored]


def _numbers(log: EventLog, copies: Copies, plan: Plan) -> Iterator[tuple[UUID, tuple[str, int]]]:
    """Under which command a case's number was drawn, and what was drawn before it."""
    for n, step in enumerate(plan.steps):
        if step.do not in FILES:
            continue
        for recorded in log.case(plan.families[0]):
            number = getattr(recorded.event, "number", None)
            if number is not None:
                name, _, digits = number.rpartition("-")
                day = date(2000 + int(name[-6:-4]), int(name[-4:-2]), int(name[-2:]))
                district = next(code for code in copies.districts if copies.city.short_name(code) == name[:-6])
                yield plan.command_id(n), (f"{district}/{day.isoformat()}", int(digits) - 1)
