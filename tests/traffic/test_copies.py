"""Copies are what the desk would have recorded: the same plans, at the same times, played through it, byte for byte."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest

from desk.desk import Desk
from desk.unit import KINDS
from desk.world import World
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import load_rules
from shaoxiang.resources import load_city
from shaoxiang.traffic.copies import Copies, Row, Written, alike
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.play import Play
from shaoxiang.traffic.templates import BASE, Tape, Template, monday, pool
from store.log import EventLog
from store.mapper import EventMapper

SEED, TEMPLATES, CASES = 7, 160, 150
WEEKS = [date(2026, 5, 11), date(2026, 10, 19), date(2026, 10, 26)]
"""Weeks of another year, a long way apart; the last of them ends with cases open."""


@dataclass
class Both:
    """The same plans, copied and played."""

    copied: list[Written]
    played: list[Written]


def stored(tape: Tape) -> Iterator[Written]:
    for unit in tape.units:
        rows = [(each.originator_id.bytes, each.originator_version, each.topic, each.state) for each in unit.events]  # type: ignore[union-attr]
        yield Written(rows, unit.command)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def templates() -> list[Template]:
    return pool(load_city(), load_rules(), TEMPLATES, SEED)


@pytest.fixture(scope="module")
def both(templates: list[Template]) -> Both:
    city, rules = load_city(), load_rules()
    copies = Copies(templates, rules, city, seed=SEED, cases=CASES, weeks=WEEKS)
    copied = list(copies.written())
    plans = [copies.plan(*each) for each in copies.begun()]
    tape = Tape.in_memory()
    assert isinstance(tape, Tape)
    tape.units = []
    clock = VirtualClock(monday(WEEKS[0], rules) - timedelta(days=1))
    world = World(log=EventLog(tape, EventMapper(KINDS)), rules=rules, city=city, now=clock.now)
    register(Desk(world), city, clock.now())
    tape.units.clear()
    play = Play(world, clock)
    play.run(plans, until=copies.until)
    assert play.refused == []
    return Both(copied, list(stored(tape)))


def by_case(written: list[Written]) -> dict[bytes, list[Row]]:
    """The events of each case in the order of the log; those of the ladders apart, by department."""
    found: dict[bytes, list[Row]] = {}
    for unit in written:
        for row in unit.rows:
            key = row[0] if row[2].startswith("standing.") else row[0][:12]
            found.setdefault(key, []).append(row)
    return found


def test_every_case_is_byte_for_byte_what_the_desk_recorded(both: Both) -> None:
    copied, played = by_case(both.copied), by_case(both.played)
    assert copied.keys() == played.keys()
    assert len(copied) > CASES
    for key, rows in played.items():
        assert copied[key] == rows


def test_it_is_a_town_worth_comparing(both: Both) -> None:
    topics = {row[2] for unit in both.copied for row in unit.rows}
    assert {"report.merged.v1", "standing.ladder-step-reached.v1", "response.disposal-missed.v1"} <= topics
    assert sum(len(unit.rows) for unit in both.copied) > 10 * CASES


def test_every_command_has_the_row_that_the_desk_wrote(both: Both) -> None:
    copied = {each.id: each for unit in both.copied if (each := unit.command) is not None}
    played = {each.id.bytes: each for unit in both.played if (each := unit.command) is not None}  # type: ignore[attr-defined]
    assert copied.keys() == played.keys()
    for key, row in played.items():
        found = copied[key]
        assert (found.actor, found.name) == (row.actor.bytes, row.name)  # type: ignore[attr-defined]
        assert (found.request_hash, found.result) == (row.request_hash, row.result)
        assert found.at == row.at.isoformat()  # type: ignore[attr-defined]


def test_the_log_is_in_the_order_of_time_and_transactions_stay_whole(both: Both) -> None:
    one = [[row for row in unit.rows if not row[2].startswith("standing.")] for unit in both.copied]
    other = [[row for row in unit.rows if not row[2].startswith("standing.")] for unit in both.played]
    assert sorted(one) == sorted(other)
    times = [datetime.fromisoformat(json.loads(unit.rows[-1][3])["timestamp"]) for unit in both.copied]
    assert times == sorted(times)


def test_weeks_with_a_holiday_near_are_not_alike() -> None:
    calendar = load_rules().calendar("office", monday(BASE, load_rules()))
    assert alike(calendar, BASE, date(2026, 10, 19), 40)
    assert alike(calendar, BASE, date(2026, 9, 7), 12)
    assert not alike(calendar, BASE, date(2026, 9, 7), 13), "20 September 2026 is a make-up Sunday"
    assert not alike(calendar, BASE, date(2026, 9, 21), 4), "25 September 2026 is the Mid-Autumn Festival"


def test_copies_take_only_templates_that_end_before_the_calendar_differs(templates: list[Template]) -> None:
    city, rules = load_city(), load_rules()
    copies = Copies(templates, rules, city, seed=SEED, cases=CASES, weeks=[date(2026, 6, 8)])
    calendar = rules.calendar("office", monday(BASE, rules))
    for _, chosen, _ in copies.begun():
        assert alike(calendar, BASE, date(2026, 6, 8), templates[chosen].days)
