"""An interview: opened at once, confirmed, held, rectified within its own limit or expired, or withdrawn."""

from collections.abc import Callable

import pytest

from domain.dispatch.facts.interview import (
    InterviewConfirmed,
    InterviewExpired,
    InterviewHeld,
    InterviewLimitMet,
    InterviewLimitMissed,
    InterviewPaused,
    InterviewRectified,
    InterviewResumed,
    InterviewWithdrawn,
)
from domain.dispatch.interview import Interview
from domain.errors import AlreadyDone, TooLate, WrongState
from domain.policy.deadlines import Stage
from tests.domain.dispatch.steps import BUREAU, INTERVIEW, RESPONSE
from tests.kit import KEEPER, act, given

Step = Callable[[Interview], object]
DUE = "2022-12-16 17:30"
LIMIT = Stage.INTERVIEW_LIMIT


def opened() -> Interview:
    return Interview.convene(
        INTERVIEW, act("15:00"), KEEPER, response=RESPONSE, department=BUREAU, because="arrival", drill=False
    )


def confirmed(interview: Interview) -> None:
    interview.confirm(act("15:30"))


def held(interview: Interview) -> None:
    interview.hold("纪要", act("2022-12-15 09:00"))


def rectified(interview: Interview) -> None:
    interview.rectify("整改报告", act("2022-12-15 10:00"))


def withdrawn(interview: Interview) -> None:
    interview.withdraw("review", act("2022-12-15 11:00"))


def fired(at: str) -> Step:
    return lambda interview: interview.fire(act(at), KEEPER)


def finished(at: str) -> Step:
    return lambda interview: interview.finish(act(at))


def paused(interview: Interview) -> None:
    interview.pause(act("2022-12-15 12:00"))


def resumed(interview: Interview) -> None:
    interview.resume(act("2022-12-20 12:00"), KEEPER)


EXPIRED = (confirmed, held, fired(DUE))


def test_it_sets_a_new_limit_of_two_working_days() -> None:
    given(opened).when(fired("2022-12-16 17:29")).nothing_more().clock(LIMIT, due_at=DUE, running=True)


def test_it_goes_from_opened_to_rectified() -> None:
    given(opened).when(confirmed).then(InterviewConfirmed).nothing_more().has(state="confirmed")
    given(opened, confirmed).when(held).then(InterviewHeld, minutes="纪要").nothing_more().has(state="held")
    done = given(opened, confirmed, held).when(rectified).then(InterviewRectified, evidence="整改报告").nothing_more()
    done.has(state="rectified").clock(LIMIT, met_at="2022-12-15 10:00", missed_at=None)


@pytest.mark.parametrize(
    ("history", "step"), [((), held), ((), rectified), ((confirmed,), rectified), ((withdrawn,), confirmed),
                          ((withdrawn,), held), ((withdrawn,), rectified)],
)  # fmt: skip
def test_no_step_is_skipped_and_a_withdrawn_one_is_over(history: tuple[Step, ...], step: Step) -> None:
    given(opened, *history).when(step).refuses(WrongState)


@pytest.mark.parametrize(
    ("history", "step"),
    [((confirmed,), confirmed), ((confirmed, held), confirmed), ((confirmed, held), held),
     ((confirmed, held, rectified), held), ((confirmed, held, rectified), rectified), (EXPIRED, confirmed),
     (EXPIRED, held)],
)  # fmt: skip
def test_a_step_that_lies_behind_is_already_done(history: tuple[Step, ...], step: Step) -> None:
    given(opened, *history).when(step).refuses(AlreadyDone)


def test_held_and_not_rectified_by_the_limit_it_expires() -> None:
    found = given(opened, confirmed, held).when(fired(DUE)).then(InterviewExpired).nothing_more()
    found.has(state="expired").clock(LIMIT, missed_at=DUE)
    given(opened, *EXPIRED).when(rectified).refuses(TooLate)
    given(opened, *EXPIRED).when(fired("2022-12-19 09:00")).nothing_more()


def test_a_limit_that_passes_before_it_was_held_is_marked() -> None:
    given(opened, confirmed).when(fired(DUE)).then(InterviewLimitMissed).nothing_more().has(state="confirmed")


@pytest.mark.parametrize(("at", "on_time"), [(DUE, True), ("2022-12-19 09:00", False)])
def test_finishing_the_response_meets_the_limit(at: str, *, on_time: bool) -> None:
    found = given(opened).when(finished(at)).then(InterviewLimitMet, on_time=on_time).nothing_more()
    found.clock(LIMIT, met_at=at).has(state="opened")
    given(opened, finished(at)).when(finished("2022-12-20 09:00")).nothing_more()


def test_it_is_withdrawn_once_and_then_nothing_falls_due() -> None:
    found = given(opened, confirmed).when(withdrawn).then(InterviewWithdrawn, because="review").nothing_more()
    found.has(stands=False).clock(LIMIT, stopped_at="2022-12-15 11:00")
    for step in (withdrawn, fired(DUE), finished(DUE)):
        given(opened, withdrawn).when(step).nothing_more()


def test_a_suspension_of_the_case_moves_the_limit() -> None:
    given(opened).when(paused).then(InterviewPaused).nothing_more().clock(LIMIT, paused=True)
    back = given(opened, paused).when(resumed).then(InterviewResumed).nothing_more()
    back.clock(LIMIT, running=True, due_at="2022-12-21 17:30")
    given(opened).when(resumed).nothing_more()
    given(opened, fired(DUE)).when(paused).nothing_more()
