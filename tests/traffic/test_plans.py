"""Plans are the same for the same seed, keep office hours, and are sound: the desk refuses none of their steps."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from desk.desk import Desk
from desk.unit import KINDS
from projections.storage import ViewStore
from scheduler.sweep import Sweeper
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House, assemble, house_in_memory, load_rules
from shaoxiang.resources import load_city
from shaoxiang.traffic import habits
from shaoxiang.traffic.course import COURSES, plan
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.plan import Plan, Stage, arrivals
from shaoxiang.traffic.play import Play
from shaoxiang.traffic.templates import PHOTO
from store.log import EventLog

SINCE = datetime(2026, 9, 14, tzinfo=UTC)
"""A Monday; the holidays of the Mid-Autumn Festival and of October lie ahead."""


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage(load_city(), load_rules())


def plans(stage: Stage, count: int, seed: int = 11) -> list[Plan]:
    times = arrivals(random.Random(seed), stage, SINCE, SINCE + timedelta(weeks=1), count)
    return [plan(stage, seed, number, at, photo=PHOTO) for number, at in enumerate(times)]


def played(house: House, clock: VirtualClock, chosen: list[Plan], **how: object) -> list[tuple[bytes, int, str, bytes]]:
    register(Desk(house.world), house.world.city, clock.now())
    play = Play(house.world, clock, **how)  # type: ignore[arg-type]
    play.run(chosen, SINCE + timedelta(weeks=2))
    assert play.refused == []
    return [(bytes(stream), *rest) for _, stream, *rest in house.log.raw(0, 10**6)]  # type: ignore[misc]


class Viewed:
    """The product's own way to find what is due: the due view, kept up, and the house's sweeper."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.sweeper: Sweeper = house.sweeper

    def next_at(self) -> datetime | None:
        self.house.projector.catch_up()
        return self.sweeper.next_at()

    def sweep(self, now: datetime) -> None:
        swept = self.sweeper.sweep(now, inclusive=True)
        assert not swept.failed
        assert not swept.refused
        self.house.projector.catch_up()


def test_a_plan_follows_from_its_seed_number_and_time(stage: Stage) -> None:
    assert plans(stage, 30) == plans(stage, 30)
    assert plans(stage, 30) != plans(stage, 30, seed=12)


def test_the_day_has_its_peaks_and_the_week_its_end(stage: Stage) -> None:
    calendar = stage.calendar(SINCE)
    times = [calendar.local(at) for at in arrivals(random.Random(1), stage, SINCE, SINCE + timedelta(weeks=1), 20_000)]
    hours = Counter(at.hour for at in times)
    assert hours[10] > hours[12] < hours[14]
    assert hours[3] < hours[10] / 10
    days = Counter(at.weekday() for at in times)
    assert days[6] < days[5] < days[4] < days[0]


def test_the_tables_are_whole() -> None:
    assert set(COURSES) == set(habits.COURSES)
    assert len(habits.HOURS) == len(habits.WEEKEND_HOURS) == 24
    departments = {code for each in habits.MATTERS for code in (*each.leads, *each.joins)}
    assert departments <= set(habits.HABITS)
    city = load_city()
    assert all(city.has(code) for code in habits.HABITS)


def test_the_desk_refuses_no_step_and_what_is_due_is_found_as_the_due_view_finds_it(stage: Stage) -> None:
    chosen = plans(stage, 120)
    clock = VirtualClock(SINCE - timedelta(days=1))
    by_hints = played(house_in_memory(load_rules(), load_city(), clock.now), clock, chosen)
    clock = VirtualClock(SINCE - timedelta(days=1))
    log = EventLog.in_memory(KINDS)
    house = assemble(log, ViewStore(None), load_rules(), load_city(), clock.now, settle=timedelta(0))
    by_view = played(house, clock, chosen, timers=lambda _: Viewed(house))
    assert by_hints == by_view
    assert sum(topic.endswith("-missed.v1") for _, _, topic, _ in by_view) > 5
