"""Asking for a return and ruling on it: once, in time, attended first in an emergency, at the right level."""

import pytest

from domain.dispatch import disposal, returns
from domain.dispatch.facts.response import (
    ArbitrationMissed,
    DisputeReferred,
    ResponseReleased,
    ReturnDenied,
    ReturnRequested,
    ReturnUpheld,
    VerificationPassed,
)
from domain.dispatch.response import Response
from domain.dispatch.values import Release
from domain.errors import AlreadyDone, NotPermitted, TooLate, WrongState
from domain.policy.deadlines import Stage, Urgency
from tests.domain.dispatch.steps import (
    ARRIVED,
    COMPLETED,
    ResponseStep,
    called,
    checked_in,
    completed,
    fired,
    passed,
    return_asked,
    return_denied,
    set_to_work,
    signed,
)
from tests.kit import KEEPER, act, given, person


def referred(at: str = "14:00") -> ResponseStep:
    return lambda response: returns.refer(response, act(at), KEEPER)


def upheld(at: str = "13:50", by: str = "ruler") -> ResponseStep:
    return lambda response: returns.uphold(response, "2202-sthj", act(at, by))


def ruling(*, supervision: bool) -> ResponseStep:
    def step(response: Response) -> None:
        returns.is_for(response, supervision=supervision)
        returns.may_rule(response)

    return step


def test_a_request_closes_the_window_starts_arbitration_and_leaves_every_duty_running() -> None:
    found = given(called(), signed("13:20")).when(return_asked("13:30"))
    found.then(ReturnRequested, basis="非本单位法定职责").nothing_more().has(state="signed", return_pending=True)
    found.clock(Stage.RETURN, met_at="13:30").clock(Stage.ARBITRATION, due_at="17:30", running=True)
    found.clock(Stage.ARRIVAL, running=True, due_at="15:00").clock(Stage.DISPOSAL, running=True)


@pytest.mark.parametrize(
    ("urgency", "last", "after"), [(Urgency.GENERAL, "17:20", "17:21"), (Urgency.URGENT, "13:35", "13:36")]
)
def test_a_return_is_asked_for_within_the_window_after_signing(urgency: Urgency, last: str, after: str) -> None:
    signature = given(called(urgency=urgency), signed("13:20"))
    signature.when(return_asked(last)).then(ReturnRequested)
    signature.when(return_asked(after)).refuses(TooLate)


def test_a_return_is_asked_for_once_after_signing_and_before_completion() -> None:
    given(called()).when(return_asked()).refuses(WrongState)
    given(called(), *COMPLETED).when(return_asked("15:50")).refuses(WrongState)
    given(called(), signed(), return_asked()).when(return_asked("13:40")).refuses(AlreadyDone)
    given(called(), signed(), return_asked(), return_denied()).when(return_asked("14:00")).refuses(AlreadyDone)
    given(set_to_work()).when(return_asked()).refuses(WrongState)


def test_an_emergency_is_attended_first() -> None:
    emergency = called(urgency=Urgency.EMERGENCY)
    given(emergency, signed("13:05")).when(return_asked("13:10")).refuses(WrongState)
    given(emergency, signed("13:05"), checked_in("13:20")).when(return_asked("13:25")).then(ReturnRequested)


def test_a_referred_dispute_starts_the_second_level() -> None:
    found = given(called(), signed(), return_asked()).when(referred("14:00")).then(DisputeReferred).nothing_more()
    found.clock(Stage.ARBITRATION, due_at="2022-12-21 17:30", rule="arbitration.2.general")


def test_a_dispute_is_referred_once_while_a_return_waits() -> None:
    given(called(), signed()).when(referred()).refuses(WrongState)
    given(called(), signed(), return_asked(), referred()).when(referred("14:10")).refuses(AlreadyDone)
    given(called(), signed(), return_asked(), return_denied()).when(referred()).refuses(WrongState)


def test_the_command_centre_rules_until_the_dispute_is_referred_and_supervision_after() -> None:
    first = given(called(), signed(), return_asked())
    first.when(ruling(supervision=True)).refuses(NotPermitted)
    first.when(ruling(supervision=False)).nothing_more()
    second = given(called(), signed(), return_asked(), referred())
    second.when(ruling(supervision=False)).refuses(NotPermitted)
    second.when(ruling(supervision=True)).nothing_more()
    given(called(), signed()).when(ruling(supervision=False)).refuses(WrongState)
    given(called(), signed(), return_asked(), return_denied()).when(ruling(supervision=False)).refuses(WrongState)


@pytest.mark.parametrize(("step", "fact"), [(upheld(), ReturnUpheld), (return_denied("13:50"), ReturnDenied)])
def test_a_ruling_ends_the_arbitration(step: ResponseStep, fact: type[ReturnUpheld | ReturnDenied]) -> None:
    found = given(called(), signed(), return_asked()).when(step).then(fact).nothing_more().has(return_pending=False)
    found.clock(Stage.ARBITRATION, met_at="13:50", missed_at=None)


def test_who_ruled_is_remembered_for_the_review() -> None:
    given(called(), signed(), return_asked()).when(upheld(by="a ruler")).has(ruled_by={person("a ruler")})


def test_a_return_may_be_upheld_while_completed_and_releases_the_response() -> None:
    waiting = given(called(), signed(), return_asked(), checked_in(), completed())
    waiting.when(ruling(supervision=False)).nothing_more()
    released = given(called(), signed(), return_asked(), checked_in(), completed(), upheld("15:50")).when(
        lambda response: disposal.release(response, Release.RETURN, act("15:50"))
    )
    released.then(ResponseReleased, because="return").clock(Stage.DISPOSAL, open=False, met_at=None)


def test_a_verified_response_is_no_longer_ruled_on() -> None:
    waiting = (*ARRIVED, return_asked("14:30"), completed())
    given(called(), *waiting).when(passed()).then(VerificationPassed).clock(Stage.ARBITRATION, stopped_at="16:00")
    given(called(), *waiting, passed()).when(ruling(supervision=False)).refuses(WrongState)


def test_an_arbitration_that_takes_too_long_is_on_record_and_still_ruled_on() -> None:
    asked = given(called(), *ARRIVED, return_asked("14:30"))
    late = asked.when(fired("2022-12-15 09:30")).then(ArbitrationMissed).nothing_more()
    late.clock(Stage.ARBITRATION, missed_at="2022-12-15 09:30", open=True).has(return_pending=True)
