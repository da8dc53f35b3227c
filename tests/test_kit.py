"""The kit itself: an expectation that does not hold fails the test, whatever kind it is."""

from collections.abc import Callable

import pytest

from domain.dispatch.facts.response import ArrivalMissed, ResponseSigned
from domain.errors import AlreadyDone, WrongState
from domain.policy.deadlines import Stage
from tests.domain.dispatch.steps import called, checked_in, signed
from tests.kit import act, given, local, shown


@pytest.mark.parametrize(
    "expectation",
    [
        lambda: given(called()).when(signed()).then(ArrivalMissed),
        lambda: given(called()).when(signed()).then(ResponseSigned, on_time=False),
        lambda: given(called()).when(signed()).then(ResponseSigned).then(ResponseSigned),
        lambda: given(called()).when(signed()).nothing_more(),
        lambda: given(called()).when(signed()).has(state="arrived"),
        lambda: given(called()).when(signed()).clock(Stage.SIGNATURE, met_at="13:21"),
        lambda: given(called()).when(signed()).clock(Stage.SIGNATURE, met_at=None),
        lambda: given(called()).when(checked_in()).then(ResponseSigned),
        lambda: given(called()).when(checked_in()).nothing_more(),
        lambda: given(called(), signed()).when(signed()).refuses(WrongState),
        lambda: given(called()).when(checked_in()).refuses(AlreadyDone),
    ],
)
def test_what_does_not_hold_fails(expectation: Callable[[], object]) -> None:
    with pytest.raises(AssertionError):
        expectation()


def test_a_refusal_that_does_not_come_fails() -> None:
    with pytest.raises(pytest.fail.Exception):
        given(called()).when(signed()).refuses(AlreadyDone)


def test_every_question_finds_the_aggregate_as_the_history_left_it() -> None:
    history = given(called())
    history.when(signed("13:20")).then(ResponseSigned)
    history.when(signed("13:30")).then(ResponseSigned)


@pytest.mark.parametrize("text", ["13:00", "2022-12-16 09:30", "17:30:05"])
def test_times_are_shown_as_they_are_written(text: str) -> None:
    assert shown(local(text)) == text
    assert act(text).at == local(text)
