"""The demo city: documented cases to look at, a login for every role, and nothing doubled by a second start."""

import json
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from desk.actors import HELD_IN, Role
from projections.rebuilding import check
from shaoxiang.clock import SystemClock
from shaoxiang.demo import LOGINS, PLAYED, TRAFFIC_CASES, load_demo
from shaoxiang.house import Premises, migrate_all, open_premises
from shaoxiang.resources import load_people, scenario_files
from shaoxiang.settings import Settings

Demo = tuple[Path, list[str], list[tuple[str, str, str]], int]
"""The store of a demo, what its start said, the logins it answered, and where the log stood."""


def start(folder: Path) -> tuple[list[str], list[tuple[str, str, str]], int]:
    """One start of the demo: what it said, the logins it answered, and where the log stands afterwards."""
    said: list[str] = []
    settings = Settings(dir=folder)
    migrate_all(settings)
    with open_premises(settings, SystemClock().now) as premises:
        logins = [tuple(login) for login in load_demo(premises, said.append)]
        return said, logins, premises.house.log.position()  # type: ignore[return-value]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo that was started once."""
    folder = tmp_path_factory.mktemp("demo") / "store"
    return (folder, *start(folder))


@pytest.fixture
def premises(demo: Demo) -> Iterator[Premises]:
    """The demo's house, opened again."""
    with open_premises(Settings(dir=demo[0]), SystemClock().now) as opened:
        yield opened


def test_the_documented_cases_are_there_and_named(demo: Demo) -> None:
    files = [path for path in scenario_files() if path.name.startswith(PLAYED)]
    said = demo[1]
    assert len(said) - 1 == len(files) == len(PLAYED)
    assert said[0] == "restaurant sign: 吉林221214-001 closed"


def test_the_city_is_lively_and_has_cases_open(premises: Premises) -> None:
    topics = [recorded.event.TOPIC for recorded in premises.house.log.events(0, 10_000)]  # type: ignore[attr-defined]
    assert topics.count("report.submitted.v1") > TRAFFIC_CASES
    assert topics.count("case.filed.v1") > topics.count("case.closed.v1") > TRAFFIC_CASES / 2


def test_every_role_has_a_login_at_an_organisation_where_it_is_held(demo: Demo, premises: Premises) -> None:
    logins = demo[2]
    assert [role for role, _, _ in logins] == [role.value for role in Role]
    for role, organisation in LOGINS:
        assert premises.house.world.city.find(organisation).kind in HELD_IN[role]


def test_each_login_opens_the_door_for_its_role(demo: Demo, premises: Premises) -> None:
    for role, organisation, secret in demo[2]:
        found = premises.tokens.lookup(secret)
        assert found is not None
        assert (found.role, found.organisation) == (role, premises.house.world.city.find(organisation).code)


def test_the_logins_lie_in_a_file_for_the_owner_alone(demo: Demo) -> None:
    file = Settings(dir=demo[0]).logins
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = json.loads(file.read_text(encoding="utf-8"))
    assert [tuple(each.values()) for each in written] == demo[2]


def test_a_second_start_doubles_nothing_and_answers_the_same_logins(demo: Demo) -> None:
    folder, _, logins, position = demo
    said, again, then = start(folder)
    assert said == []
    assert again == logins
    assert then == position


def test_a_start_that_was_interrupted_before_the_logins_is_taken_up_again(tmp_path: Path) -> None:
    _, _, position = start(tmp_path)
    Settings(dir=tmp_path).logins.unlink()
    said, logins, then = start(tmp_path)
    assert len(said) - 1 == len(PLAYED)
    assert len(logins) == len(LOGINS)
    assert then == position, "what was played before is found by its command ids"


def test_every_officer_of_the_city_is_on_the_register_with_certificates(premises: Premises) -> None:
    events = [recorded.event.TOPIC for recorded in premises.house.log.events(0, 10_000)]  # type: ignore[attr-defined]
    people = load_people()
    assert events.count("person.registered.v1") >= len(people) > 20
    assert events.count("person.certificate-issued.v1") >= sum(len(each["certificates"]) for each in people)


def test_the_demo_has_no_time_that_lies_ahead(premises: Premises) -> None:
    now: datetime = SystemClock().now()
    assert max(recorded.event.timestamp for recorded in premises.house.log.events(0, 10_000)) <= now


def test_the_views_of_the_demo_equal_a_fresh_fold(premises: Premises) -> None:
    house = premises.house
    house.projector.catch_up()
    assert check(house.log, house.views, house.projector.views) == []
