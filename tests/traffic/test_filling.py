"""A filled log is a log like any other: views fold it, a sample of it is true, and the product goes on with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from bench.describing import describe
from bench.filling import Filled, copies_for, fill, weeks_from
from bench.sampling import sample
from desk.actors import Actor, Role
from desk.unit import KINDS
from domain.dispatch.response import Response
from domain.kernel import CaseAggregate
from projections.rebuilding import check
from projections.storage import ViewStore
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import House, assemble, load_rules
from shaoxiang.resources import load_city
from shaoxiang.traffic.plan import person
from shaoxiang.traffic.templates import BASE, Template, pool
from store.log import EventLog
from store.migrations import migrate
from store.postgres_schema import migrate as migrate_postgres

CASES, SEED = 300, 3
WEEKS = weeks_from(BASE, 2)


@dataclass
class City:
    """A filled log, and the house on it at the moment where it ends."""

    filled: Filled
    house: House
    templates: list[Template]
    until: datetime


@pytest.fixture(scope="module")
def templates() -> list[Template]:
    return pool(load_city(), load_rules(), 120, SEED)


def opened(log: EventLog, filled: Filled, templates: list[Template]) -> City:
    until = datetime.fromisoformat(filled.until)
    clock = VirtualClock(until + timedelta(seconds=1))
    house = assemble(log, ViewStore(None), load_rules(), load_city(), clock.now)
    house.projector.catch_up()
    return City(filled, house, templates, until)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory, templates: list[Template]) -> Iterator[City]:
    path = tmp_path_factory.mktemp("city") / "log.db"
    migrate(path)
    filled = fill(path, cases=CASES, seed=SEED, weeks=WEEKS, made=templates)
    city = opened(EventLog.open(path, KINDS), filled, templates)
    yield city
    city.house.close()


def open_response(city: City) -> Response:
    """A response that waits for its department's signature or arrival."""
    streams = {each.event.originator_id for each in city.house.log.events(0, 10**6)}
    for stream in sorted(streams):
        aggregate: CaseAggregate | None = None
        for recorded in city.house.log.stream(stream):
            aggregate = recorded.event.mutate(aggregate)
        if isinstance(aggregate, Response) and aggregate.whistle and aggregate.state.value in {"dispatched", "signed"}:
            return aggregate
    pytest.fail("no response is open at the end")


def test_views_of_a_filled_log_equal_a_fresh_fold(city: City) -> None:
    assert city.house.projector.parked() == []
    assert check(city.house.log, city.house.views, city.house.projector.views) == []


def test_a_sample_made_through_the_desk_has_the_same_events(city: City) -> None:
    copies = copies_for(city.templates, cases=CASES, seed=SEED, weeks=WEEKS)
    found = sample(city.house.log, copies, share=0.1, seed=1, until=city.until)
    assert found.cases > 20
    assert found.events > 10 * found.cases / 2
    assert found.different == ()


def test_a_sample_of_other_cases_differs(city: City) -> None:
    others = copies_for(city.templates, cases=CASES, seed=SEED + 1, weeks=WEEKS)
    assert len(sample(city.house.log, others, share=0.02, seed=1, until=city.until).different) > 0


def test_a_command_on_a_copied_open_case_works(city: City) -> None:
    response = open_response(city)
    liaison = Actor(
        person=person(Role.DEPARTMENT_LIAISON, response.department, 1),
        role=Role.DEPARTMENT_LIAISON,
        organisation=response.department,
    )
    before = city.house.log.position()
    deed = "sign" if response.state.value == "dispatched" else "check_in"
    given = {"place": response.place.model_dump()} if deed == "check_in" else {}
    done = city.house.desk.do(deed, response.id, given, liaison, command_id=uuid4())
    assert done.position > before
    assert city.house.projector.catch_up() == done.position


def test_the_next_case_takes_the_next_number_of_its_day(city: City) -> None:
    desk, now = city.house.desk, city.until
    command = Actor(person=uuid4(), role=Role.COMMAND_OFFICER, organisation="2202-zhzx")
    body = {"source": "hotline", "description": "井盖缺失", "place": {"lat": 43.8, "lon": 126.5}}
    day = f"{now.astimezone(load_rules().calendar('office', now).local(now).tzinfo):%y%m%d}"
    taken = [
        event.number
        for recorded in city.house.log.events(0, 10**6)
        if (event := recorded.event).TOPIC == "case.filed.v1" and event.number.startswith(f"吉林{day}-")  # type: ignore[attr-defined]
    ]
    report = desk.do("submit_report", None, body, command, command_id=uuid4()).ids["report"]
    given = {"item": "井盖缺失", "urgency": "general"}
    done = desk.do("file_case", report, given, command, command_id=uuid4())
    assert done.number == f"吉林{day}-{len(taken) + 1:03d}"


def test_a_copied_command_that_is_sent_again_gets_its_first_answer(city: City) -> None:
    copies = copies_for(city.templates, cases=CASES, seed=SEED, weeks=WEEKS)
    number, chosen, week = next(copies.begun())
    plan = copies.plan(number, chosen, week)
    step, position = plan.steps[0], city.house.log.position()
    done = city.house.desk.do(
        step.do, None, dict(step.given), step.actor, command_id=plan.command_id(0), at=step.at
    )  # fmt: skip
    assert done.ids["report"] == plan.families[0]
    assert city.house.log.position() == position


def test_numbers_are_counted_without_gaps(city: City) -> None:
    numbers: dict[str, list[int]] = {}
    for recorded in city.house.log.events(0, 10**6):
        number = getattr(recorded.event, "number", None)
        if number and recorded.position <= city.filled.position:
            name, _, digits = number.rpartition("-")
            numbers.setdefault(name, []).append(int(digits))
    assert numbers
    assert all(drawn == list(range(1, len(drawn) + 1)) for drawn in numbers.values())


def test_a_log_that_holds_something_is_not_filled(tmp_path: Path, templates: list[Template]) -> None:
    migrate(tmp_path / "log.db")
    fill(tmp_path / "log.db", cases=2, seed=SEED, weeks=WEEKS, made=templates)
    with pytest.raises(ValueError, match="fill an empty one"):
        fill(tmp_path / "log.db", cases=2, seed=SEED, weeks=WEEKS, made=templates)


def test_a_log_of_so_many_events_ends_with_the_transaction_that_reaches_them(
    tmp_path: Path, templates: list[Template]
) -> None:
    migrate(tmp_path / "log.db")
    filled = fill(tmp_path / "log.db", events=1500, seed=SEED, made=templates)
    assert 1500 <= filled.events < 1520


def test_the_traffic_is_that_of_a_city(city: City) -> None:
    found = describe(city.house.log)
    assert 11 < found["events_a_report"]["mean"] < 16
    assert 0.03 < found["open_share"] < 0.35, "more than in a city, since the log is only a week and a half long"
    assert 0 < found["shares"]["arrived_late"] < 0.15
    assert len(found["departments"]) > 5


def test_postgres_is_filled_with_the_same_log(database: str, city: City) -> None:
    migrate_postgres(database, datetime(2026, 1, 1, tzinfo=UTC))
    filled = fill(database, cases=CASES, seed=SEED, weeks=WEEKS, made=city.templates)
    assert (filled.events, filled.commands) == (city.filled.events, city.filled.commands)
    log = EventLog.connect(database, KINDS)
    try:
        ours, theirs = (each.raw(0, filled.position) for each in (city.house.log, log))
        assert ours == [(position, bytes(stream), *rest) for position, stream, *rest in theirs]
        house = assemble(log, ViewStore(None), load_rules(), load_city(), VirtualClock(city.until).now)
        house.projector.catch_up()
        other = Actor(person=uuid4(), role=Role.COMMAND_OFFICER, organisation="2202-zhzx")
        body = {"source": "hotline", "description": "井盖缺失", "place": {"lat": 43.8, "lon": 126.5}}
        done = house.desk.do("submit_report", None, body, other, command_id=uuid4())
        assert done.position == filled.position + 1
    finally:
        log.close()
