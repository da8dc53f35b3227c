"""Commands at once on one case come out as if one had followed the other: what a decision looked at still stands."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from desk import contention
from desk.desk import Desk
from desk.errors import Busy, StaleVersion
from domain.errors import LeadNotLast, NotPermitted, Refusal, WrongState
from store.errors import Conflict
from tests.desk.town import MARKET, POLICE, SQUAD, Town

ROUNDS = 6
SUSPENSION = {"reason": "等待施工", "resume_at": "2023-03-01T09:00:00+08:00"}


def at_once(*commands: Callable[[], object]) -> list[str]:
    """Give commands from threads that start together; answers what came of each: "done", or the code of a refusal."""
    barrier, came = threading.Barrier(len(commands)), ["lost"] * len(commands)

    def give(n: int, command: Callable[[], object]) -> None:
        barrier.wait(10)
        try:
            command()
            came[n] = "done"
        except Refusal as refusal:
            came[n] = refusal.code

    threads = [threading.Thread(target=give, args=pair) for pair in enumerate(commands)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return came


def before_saving(town: Town, monkeypatch: pytest.MonkeyPatch, interruption: Callable[[], object]) -> None:
    """Somebody else is faster: their command is saved between the next command's decision and its saving."""
    save = town.log.save

    def interrupted(*arguments: Any) -> Any:
        monkeypatch.setattr(town.log, "save", save)
        interruption()
        return save(*arguments)

    monkeypatch.setattr(town.log, "save", interrupted)


# One after the other, in the worst order.


@pytest.mark.parametrize("verdict", ["pass_verification", "fail_verification"])
def test_a_verdict_that_a_suspension_overtakes_is_decided_again_and_refused(
    town: Town, monkeypatch: pytest.MonkeyPatch, verdict: str
) -> None:
    response = town.whistled()[0]
    town.completed(response)
    before_saving(town, monkeypatch, lambda: town.do("command", "suspend_case", town.ids["case"], SUSPENSION))
    with pytest.raises(WrongState, match="suspended"):
        town.do("grid", verdict, response, {"reason": "未清理"} if verdict == "fail_verification" else {})
    assert town.topics(response)[-1] == "response.clocks-paused"


def test_the_lead_is_not_verified_where_a_department_was_added_in_between(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = town.whistled()[0]
    town.completed(lead)
    whistle = town.ids["whistle"]
    before_saving(town, monkeypatch, lambda: town.do("street", "add_department", whistle, {"department": POLICE}))
    with pytest.raises(LeadNotLast, match=POLICE):
        town.do("grid", "pass_verification", lead)
    assert town.state(lead).state == "completed"


def test_a_case_is_not_closed_where_a_response_went_back_to_work_in_between(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = town.whistled()[0]
    town.completed(response)
    town.do("grid", "pass_verification", response)
    case = town.ids["case"]

    def close_and_reopen() -> None:
        town.do("command", "close_case", case)
        town.do("command", "reopen_case", case, {"reason": "问题反复"})

    before_saving(town, monkeypatch, close_and_reopen)
    with pytest.raises(WrongState, match=MARKET):
        town.do("command", "close_case", case)


def test_somebody_elses_step_that_changes_nothing_for_the_decision_does_not_stand_in_its_way(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, support = town.whistled(MARKET, POLICE)
    before_saving(town, monkeypatch, lambda: town.do("police", "sign", support))
    assert town.do("market", "sign", lead).state == "signed"


def test_a_command_that_is_overtaken_again_and_again_gives_up_and_says_so(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = town.whistled()[0]
    tries = []

    def always_too_late(*_: Any) -> None:
        tries.append(1)
        raise Conflict("somebody else was faster")

    monkeypatch.setattr(town.log, "save", always_too_late)
    with pytest.raises(Busy, match="ask again with the same id"):
        town.do("market", "sign", response)
    assert len(tries) == 20


def test_whoever_loses_again_and_again_lets_others_go_first_before_each_try(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = town.whistled()[0]
    pauses: list[int] = []
    desk = Desk(replace(town.house.world, pause=pauses.append))
    save = town.log.save

    def too_late(*arguments: Any) -> Any:
        if len(pauses) == 3:
            return save(*arguments)
        raise Conflict("somebody else was faster")

    monkeypatch.setattr(town.log, "save", too_late)
    assert desk.do("sign", response, {}, town.actor("market"), command_id=uuid4(), at=town.clock.now())
    assert pauses == [1, 2, 3]


def test_the_pause_is_none_at_first_then_grows_and_is_never_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(contention.time, "sleep", slept.append)
    contention.patiently(1)
    assert slept == []
    for lost in (2, 5, 20):
        slept.clear()
        for _ in range(200):
            contention.patiently(lost)
        most = min(contention.FIRST_SECONDS * 2 ** (lost - 2), contention.MOST_SECONDS)
        assert most / 2 < max(slept) <= most
        assert len(set(slept)) > 100


# Truly at once.


def test_no_verdict_follows_a_suspension_however_the_threads_run(solid_town: Town) -> None:
    town = solid_town
    for _ in range(ROUNDS):
        response = town.whistled()[0]
        town.completed(response)
        case = town.ids["case"]
        came = at_once(
            lambda response=response: town.do("grid", "pass_verification", response),  # type: ignore[misc]
            lambda case=case: town.do("command", "suspend_case", case, SUSPENSION),  # type: ignore[misc]
        )
        assert came[0] in ("done", "WRONG_STATE")
        assert came[1] == "done"
        topics = [topic for topic, _ in town.case_topics(case)]
        assert ("response.verification-passed" in topics) is (came[0] == "done")
        if came[0] == "done":
            assert topics.index("response.verification-passed") < topics.index("case.suspended")


def test_the_lead_is_verified_last_however_the_threads_run(solid_town: Town) -> None:
    town = solid_town
    for _ in range(ROUNDS):
        lead, one, other = town.whistled(MARKET, POLICE, SQUAD)
        town.completed(lead, one, other)
        came = at_once(*(lambda each=each: town.do("grid", "pass_verification", each) for each in (lead, one, other)))  # type: ignore[misc]
        assert came[0] in ("done", "LEAD_NOT_LAST")
        assert came[1:] == ["done", "done"]
        if came[0] == "LEAD_NOT_LAST":
            town.do("grid", "pass_verification", lead)
        passed = [stream for topic, stream in town.case_topics(lead) if topic == "response.verification-passed"]
        assert (len(passed), passed[-1]) == (3, lead)
        assert town.topics(town.ids["whistle"]).count("whistle.resolved") == 1


def test_of_two_whistles_blown_at_once_one_is_blown(solid_town: Town) -> None:
    town, cases = solid_town, [solid_town.filed() for _ in range(ROUNDS)]
    given = {"kind": "enforcement", "lead": MARKET}
    for case in cases:
        came = at_once(*(lambda case=case: town.do("street", "blow_whistle", case, given) for _ in range(3)))  # type: ignore[misc]
        assert came.count("done") == 1
        assert set(came) <= {"done", "ALREADY_DONE", "WRONG_STATE"}
        assert town.topics(case).count("case.whistled") == 1


def test_schedulers_that_fire_at_once_record_a_miss_once(solid_town: Town) -> None:
    town = solid_town
    responses = [town.whistled()[0] for _ in range(ROUNDS)]
    late = town.clock.now().replace(hour=9)
    for response in responses:
        assert set(at_once(*(lambda each=response: town.desk.fire(each, late) for _ in range(4)))) == {"done"}  # type: ignore[misc]
        topics = town.topics(response)
        assert (topics.count("response.signature-missed"), topics.count("response.arrival-missed")) == (1, 1)
        assert [topic for topic, _ in town.case_topics(response)].count("interview.opened") == 1


# Versions that a caller saw.


def version_of(town: Town, stream: UUID) -> int:
    return len(town.log.stream(stream))


def test_a_command_on_a_version_that_has_moved_on_is_refused_and_changes_nothing(town: Town) -> None:
    response = town.whistled()[0]
    seen = version_of(town, response)
    town.do("market", "sign", response)
    position = town.log.position()
    with pytest.raises(StaleVersion, match=f"version {seen + 1} now, not {seen}"):
        town.do("market", "request_return", response, {"basis": "不属本部门职责"}, expected_version=seen)
    assert town.log.position() == position


def test_a_command_on_the_version_that_stands_passes_and_answers_the_next_one(town: Town) -> None:
    response = town.whistled()[0]
    done = town.do("market", "sign", response, expected_version=version_of(town, response))
    assert done.version == version_of(town, response)


def test_whoever_may_not_act_does_not_learn_that_the_version_is_stale(town: Town) -> None:
    response = town.whistled()[0]
    with pytest.raises(NotPermitted):
        town.do("police", "sign", response, expected_version=99, command_id=uuid4())
