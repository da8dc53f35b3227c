"""A command takes effect once, however often it is asked; its id is worth nothing for another one."""

import threading
from dataclasses import replace
from uuid import uuid4

import pytest

from desk.desk import Desk
from desk.errors import CommandInFlight, CommandReused
from domain.errors import AlreadyDone, Refusal, WrongState
from shaoxiang.house import Premises
from tests.desk.town import MARKET, PLACE, POLICE, Town


def test_the_same_command_gets_the_same_answer_and_is_recorded_once(town: Town) -> None:
    response = town.whistled()[0]
    command = uuid4()
    first = town.do("market", "sign", response, command_id=command)
    position = town.log.position()
    town.wait(minutes=5)
    assert town.do("market", "sign", response, command_id=command) == first
    assert town.log.position() == position
    assert town.topics(response).count("response.signed") == 1


def test_a_command_that_made_something_answers_with_the_same_ids_again(town: Town) -> None:
    command, given = uuid4(), {"source": "grid", "description": "巡查发现问题", "place": PLACE}
    first = town.do("grid", "submit_report", None, given, command_id=command)
    again = town.do("grid", "submit_report", None, given, command_id=command)
    assert again.ids == first.ids
    assert town.log.position() == 1


def test_a_retry_gets_its_answer_even_where_the_version_has_moved_on(town: Town) -> None:
    response = town.whistled()[0]
    command, version = uuid4(), len(town.log.stream(response))
    first = town.do("market", "sign", response, command_id=command, expected_version=version)
    town.do("market", "check_in", response, {"place": PLACE})
    assert town.do("market", "sign", response, command_id=command, expected_version=version) == first


def test_the_same_command_under_another_id_is_refused_as_already_done(town: Town) -> None:
    response = town.whistled()[0]
    town.do("market", "sign", response)
    assert town.refused("market", "sign", response) == AlreadyDone.code


def test_an_id_that_was_used_is_refused_for_another_body(town: Town) -> None:
    case, command = town.filed(), uuid4()
    given = {"kind": "enforcement", "lead": MARKET}
    town.do("street", "blow_whistle", case, given, command_id=command)
    with pytest.raises(CommandReused):
        town.do("street", "blow_whistle", case, {**given, "support": [POLICE]}, command_id=command)


@pytest.mark.parametrize("who", ["another market", "market head"])
def test_an_id_that_was_used_is_refused_for_another_person(town: Town, who: str) -> None:
    response, command = town.whistled()[0], uuid4()
    town.do("market", "sign", response, command_id=command)
    with pytest.raises(CommandReused):
        town.do(who, "sign", response, command_id=command)


def test_an_id_that_was_used_is_refused_for_another_command_and_another_target(town: Town) -> None:
    lead, support = town.whistled(MARKET, POLICE)
    command = uuid4()
    town.do("market", "sign", lead, command_id=command)
    with pytest.raises(CommandReused):
        town.do("market", "sign", support, command_id=command)
    with pytest.raises(CommandReused):
        town.do("market", "check_in", lead, {}, command_id=command)


def test_a_refused_command_does_not_use_up_its_id(town: Town) -> None:
    response, command = town.whistled()[0], uuid4()
    with pytest.raises(WrongState):
        town.do("market", "check_in", response, {"place": PLACE}, command_id=command)
    town.do("market", "sign", response)
    assert town.do("market", "check_in", response, {"place": PLACE}, command_id=command).state == "arrived"


def test_a_command_that_is_being_decided_is_refused_until_it_is(town: Town) -> None:
    response, command = town.whistled()[0], uuid4()
    begun, go_on = threading.Event(), threading.Event()

    def slow_clock() -> object:
        begun.set()
        assert go_on.wait(10)
        return town.clock.now()

    slow = Desk(replace(town.house.world, now=slow_clock))  # type: ignore[arg-type]
    answers: list[object] = []

    def ask() -> None:
        answers.append(slow.do("sign", response, {}, town.actor("market"), command_id=command))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        assert begun.wait(10)
        with pytest.raises(CommandInFlight):
            slow.do("sign", response, {}, town.actor("market"), command_id=command)
    finally:
        go_on.set()
        thread.join(10)
    assert [slow.do("sign", response, {}, town.actor("market"), command_id=command)] == answers
    assert town.topics(response).count("response.signed") == 1


def test_many_at_once_with_one_id_act_once_and_agree(solid_town: Town, premises: Premises) -> None:
    """Several desks, as several processes would be: each has its own memory of what is in flight, and one log."""
    town, command = solid_town, uuid4()
    response = town.whistled()[0]
    answers: list[object] = []

    def ask(desk: Desk) -> None:
        try:
            answers.append(desk.do("sign", response, {}, town.actor("market"), command_id=command, at=town.clock.now()))
        except Refusal as refusal:
            answers.append(refusal)

    threads = [threading.Thread(target=ask, args=(Desk(premises.house.world),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(answers) == 6
    assert all(answer == answers[0] for answer in answers), answers
    assert town.topics(response).count("response.signed") == 1
