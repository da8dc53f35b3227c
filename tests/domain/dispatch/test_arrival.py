"""A response until the work is done: signing, coming, being there, enforcing."""

import pytest

from domain.dispatch import arrival, disposal
from domain.dispatch.facts.response import (
    ArrivalConfirmed,
    ArrivalCorrected,
    ArrivalMissed,
    ArrivalMoved,
    ArrivalRecorded,
    EnforcementRecorded,
    LeftEarly,
    OfficersAssigned,
    ResponseDispatched,
    ResponseSigned,
    SceneLeft,
    SceneReleased,
)
from domain.dispatch.values import Release
from domain.errors import AlreadyDone, Invalid, LegalReviewMissing, NotCertified, TooFar, TooFewOfficers, WrongState
from domain.policy.deadlines import Stage, Urgency, WhistleKind
from tests.domain.dispatch.steps import (
    ARRIVED,
    COMPLETED,
    FAR,
    HERE,
    ResponseStep,
    called,
    checked_in,
    completed,
    confirmed,
    corrected,
    fired,
    officer,
    set_to_work,
    signed,
)
from tests.kit import KEEPER, act, given, local, shown


def released(at: str = "13:30") -> ResponseStep:
    return lambda response: disposal.release(response, Release.WITHDRAWAL, act(at))


def let_go(at: str = "16:30") -> ResponseStep:
    return lambda response: arrival.release(response, act(at, "street"))


def left(at: str = "16:40") -> ResponseStep:
    return lambda response: arrival.leave(response, act(at, "liaison"))


def moved(at: str, to: str) -> ResponseStep:
    return lambda response: arrival.move(response, local(to), act(at, "street"), KEEPER)


def enforced(
    *names: str,
    action: str = "查封",
    uncertified: tuple[str, ...] = (),
    reviewed: bool = False,
    by_demolition: bool = True,
) -> ResponseStep:
    officers = [officer(name, certified=name not in uncertified) for name in names]
    return lambda response: arrival.enforce(
        response,
        action,
        officers,
        (True, True),
        act("15:00", "liaison"),
        KEEPER,
        reviewed=reviewed,
        by_demolition=by_demolition,
    )


@pytest.mark.parametrize(
    ("urgency", "kind", "due"),
    [
        (Urgency.GENERAL, WhistleKind.ENFORCEMENT, ("14:00", "15:00", "2022-12-21 17:30")),
        (Urgency.URGENT, WhistleKind.ENFORCEMENT, ("13:30", "14:00", "2022-12-15 13:00")),
        (Urgency.GENERAL, WhistleKind.KEY_WORK, ("14:00", "2022-12-19 17:30", "2022-12-21 17:30")),
        (Urgency.GENERAL, WhistleKind.ESCALATED, ("14:00", "2022-12-21 17:30", "2022-12-21 17:30")),
        (Urgency.EMERGENCY, WhistleKind.EMERGENCY, ("13:10", "13:30", "15:00")),
    ],
)
def test_a_call_starts_three_clocks_by_urgency_and_kind(
    urgency: Urgency, kind: WhistleKind, due: tuple[str, str, str]
) -> None:
    response = given(called(urgency=urgency, kind=kind))
    assert isinstance(response.history[0], ResponseDispatched)
    stages = (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)
    assert tuple(shown(response.aggregate.due(stage)) for stage in stages) == due


def test_an_appointed_time_is_the_arrival_deadline_unless_it_lies_behind() -> None:
    assert given(called(appointed="2022-12-16 09:00")).aggregate.due(Stage.ARRIVAL) == local("2022-12-16 09:00")
    assert given(called(appointed="12:00")).aggregate.due(Stage.ARRIVAL) == local("15:00")


def test_a_streets_own_team_has_the_disposal_clock_alone_and_neither_signs_nor_arrives() -> None:
    own = given(set_to_work())
    assert list(own.aggregate.clocks) == [Stage.DISPOSAL]
    for step in (signed(), checked_in(), confirmed("14:30"), corrected("14:30", "14:00"), let_go(), left()):
        own.when(step).refuses(WrongState)


@pytest.mark.parametrize(
    ("at", "on_time", "band"),
    [("14:00", True, "on_time"), ("14:01", False, "before_arrival"), ("15:00", False, "before_arrival"),
     ("15:01", False, "late")],
)  # fmt: skip
def test_a_signature_is_on_time_until_the_due_moment(at: str, *, on_time: bool, band: str) -> None:
    signature = given(called()).when(signed(at)).then(ResponseSigned, on_time=on_time, band=band).nothing_more()
    signature.clock(Stage.SIGNATURE, met_at=at, missed_at=None if on_time else "14:00", open=False)


def test_signing_opens_the_window_for_a_return() -> None:
    given(called()).when(signed("13:20")).clock(Stage.RETURN, due_at="17:20", running=True)


def test_a_response_is_signed_once_and_not_after_its_release() -> None:
    given(called(), signed()).when(signed("13:30")).refuses(AlreadyDone)
    given(called(), released()).when(signed("13:40")).refuses(WrongState)
    given(called(), signed(), released()).when(signed("13:40")).refuses(WrongState)
    never = (fired("2022-12-21 17:30"), lambda response: disposal.default(response, act("2022-12-22 09:00")))
    given(called(), *never).when(signed("2022-12-22 10:00")).refuses(WrongState)


@pytest.mark.parametrize(
    ("at", "on_time", "band"),
    [("15:00", True, "on_time"), ("15:01", False, "within_allowance"), ("17:00", False, "within_allowance"),
     ("17:01", False, "late")],
)  # fmt: skip
def test_a_check_in_with_a_position_is_judged_by_the_time_of_receipt(at: str, *, on_time: bool, band: str) -> None:
    found = given(called(), signed()).when(checked_in(at, device="13:30"))
    found.then(ArrivalRecorded, arrived_at=at, device_at="13:30", on_time=on_time, band=band, distance_m=0.0)
    found.clock(Stage.ARRIVAL, met_at=at, missed_at=None if on_time else "15:00").has(state="arrived", arrived_at=at)


def test_without_a_position_the_arrival_clock_runs_on() -> None:
    found = given(called(), signed()).when(checked_in(place=None))
    found.then(ArrivalRecorded, arrived_at=None, on_time=None, band=None, distance_m=None)
    found.clock(Stage.ARRIVAL, running=True).has(state="signed", arrived_at=None)


def test_who_waits_for_confirmation_may_check_in_again_with_a_position_only() -> None:
    waiting = given(called(), signed(), checked_in(place=None))
    waiting.when(checked_in("14:30", place=None)).refuses(AlreadyDone)
    waiting.when(checked_in("14:30")).then(ArrivalRecorded, arrived_at="14:30")


def test_a_check_in_wants_a_signature_a_near_place_and_a_credible_device() -> None:
    given(called()).when(checked_in()).refuses(WrongState)
    given(called(), released()).when(checked_in()).refuses(WrongState)
    given(called(), *ARRIVED, released("14:30")).when(checked_in("14:40")).refuses(WrongState)
    given(called(), *ARRIVED).when(checked_in("14:40")).refuses(AlreadyDone)
    ready = given(called(), signed())
    ready.when(checked_in(place=FAR)).refuses(TooFar)
    ready.when(checked_in("14:20", device="14:21")).refuses(Invalid)
    ready.when(checked_in("14:20", device="12:59")).refuses(Invalid)


@pytest.mark.parametrize(
    ("device", "stated", "arrived", "on_time"),
    [("14:50", "14:40", "14:40", True), ("14:50", None, "14:50", True), (None, None, "16:00", False)],
)
def test_the_street_confirms_the_time_given_else_the_devices_else_the_receipt(
    device: str | None, stated: str | None, arrived: str, *, on_time: bool
) -> None:
    waiting = given(called(), signed(), checked_in("16:00", place=None, device=device))
    found = waiting.when(confirmed("16:10", stated))
    found.then(ArrivalConfirmed, arrived_at=arrived, on_time=on_time).nothing_more().has(state="arrived")


def test_a_confirmed_time_cancels_the_miss() -> None:
    late = given(called(), signed(), fired("15:00"), checked_in("16:00", place=None, device="14:50"))
    assert late.aggregate.missed_clocks == ["arrival"]
    late.when(confirmed("16:10")).clock(Stage.ARRIVAL, missed_at=None, met_at="14:50").has(missed_clocks=[])


def test_the_device_counts_only_once_the_street_confirms_it() -> None:
    late = given(called(), signed(), fired("15:00"), checked_in("16:00", device="14:50"))
    assert shown(late.aggregate.arrived_at) == "16:00"
    late.when(confirmed("16:10")).then(ArrivalConfirmed, on_time=True).has(arrived_at="14:50", missed_clocks=[])


def test_a_confirmation_wants_a_check_in_is_given_once_and_stays_within_the_call_and_now() -> None:
    given(called(), signed()).when(confirmed("14:30")).refuses(WrongState)
    waiting = given(called(), signed(), checked_in(place=None))
    waiting.when(confirmed("14:30", "12:59")).refuses(Invalid)
    waiting.when(confirmed("14:30", "14:31")).refuses(Invalid)
    given(called(), signed(), checked_in(place=None), confirmed("14:30")).when(confirmed("14:40")).refuses(AlreadyDone)
    given(called(), signed(), checked_in(place=None), released("14:25")).when(confirmed("14:30")).refuses(WrongState)


def test_a_correction_judges_the_arrival_again_in_both_directions() -> None:
    late = given(called(), signed(), fired("15:00"), checked_in("15:20"))
    late.when(corrected("15:30", "14:55")).then(ArrivalCorrected, on_time=True, band="on_time").has(missed_clocks=[])
    early = given(called(), *ARRIVED).when(corrected("15:30", "15:10"))
    early.then(ArrivalCorrected, on_time=False).has(missed_clocks=["arrival"]).clock(Stage.ARRIVAL, missed_at="15:00")


def test_a_correction_wants_an_arrival_and_a_time_between_the_call_and_now() -> None:
    given(called(), signed()).when(corrected("14:30", "14:00")).refuses(WrongState)
    there = given(called(), *ARRIVED)
    there.when(corrected("14:30", "12:59")).refuses(Invalid)
    there.when(corrected("14:30", "14:31")).refuses(Invalid)


def test_a_later_appointment_moves_the_arrival_and_a_missed_one_stays() -> None:
    appointed = called(appointed="2022-12-16 09:00")
    found = given(appointed).when(moved("2022-12-16 09:00", "2022-12-17 10:00"))
    found.then(ArrivalMoved, to="2022-12-17 10:00").clock(Stage.ARRIVAL, due_at="2022-12-17 10:00")
    missed = given(appointed, fired("2022-12-16 09:00"))
    assert any(isinstance(fact, ArrivalMissed) for fact in missed.history)
    missed.when(moved("2022-12-16 09:30", "2022-12-17 10:00")).nothing_more()
    given(called()).when(moved("13:30", "2022-12-17 10:00")).nothing_more()


def test_officers_are_assigned_while_there_is_work() -> None:
    names = (officer("执法人员一"),)
    found = given(called()).when(lambda response: arrival.assign(response, names, act("13:10")))
    found.then(OfficersAssigned, officers=names).nothing_more()
    given(called(), *COMPLETED).when(lambda response: arrival.assign(response, names, act("15:50"))).refuses(WrongState)


def test_who_leaves_before_the_street_lets_go_left_early() -> None:
    given(called(), *ARRIVED).when(left()).then(LeftEarly).nothing_more()
    given(called(), *ARRIVED).when(let_go()).then(SceneReleased).nothing_more()
    given(called(), *ARRIVED, let_go()).when(left()).then(SceneLeft).nothing_more()


def test_the_scene_is_released_and_left_once_by_who_is_there() -> None:
    given(called(), signed()).when(let_go()).refuses(WrongState)
    given(called(), signed()).when(left()).refuses(WrongState)
    given(called(), *ARRIVED, let_go()).when(let_go()).refuses(AlreadyDone)
    given(called(), *ARRIVED, left()).when(left()).refuses(AlreadyDone)


def test_enforcement_on_site_needs_two_different_certified_officers() -> None:
    there = given(called(), *ARRIVED)
    there.when(enforced("甲岗", "乙岗")).then(EnforcementRecorded, certificates_shown=True).nothing_more()
    there.when(enforced("甲岗")).refuses(TooFewOfficers)
    there.when(enforced("甲岗", "甲岗")).refuses(TooFewOfficers)
    there.when(enforced("甲岗", "乙岗", uncertified=("乙岗",))).refuses(NotCertified)


def test_enforcement_is_recorded_between_arrival_and_completion() -> None:
    given(called(), signed()).when(enforced("甲岗", "乙岗")).refuses(WrongState)
    given(called(), *COMPLETED).when(enforced("甲岗", "乙岗")).refuses(WrongState)
    given(set_to_work()).when(enforced("甲岗", "乙岗")).then(EnforcementRecorded)
    given(set_to_work(), completed()).when(enforced("甲岗", "乙岗")).refuses(WrongState)


@pytest.mark.parametrize("action", ["强制拆除", "依法强拆", "Demolition of a shed"])
def test_a_forced_demolition_needs_a_legal_review(action: str) -> None:
    there = given(called(), *ARRIVED)
    there.when(enforced("甲岗", "乙岗", action=action)).refuses(LegalReviewMissing)
    there.when(enforced("甲岗", "乙岗", action=action, reviewed=True)).then(EnforcementRecorded, action=action)


def test_a_place_within_two_hundred_metres_counts() -> None:
    near = HERE.model_copy(update={"lat": HERE.lat + 0.0017})
    found = given(called(), signed()).when(checked_in(place=near))
    found.then(ArrivalRecorded, distance_m=189.0)


def test_taking_down_a_signboard_is_no_demolition_but_a_forced_one_is_whatever_the_item() -> None:
    there = given(called(), *ARRIVED)
    there.when(enforced("甲岗", "乙岗", action="拆除违规牌匾", by_demolition=False)).then(EnforcementRecorded)
    there.when(enforced("甲岗", "乙岗", action="强制拆除", by_demolition=False)).refuses(LegalReviewMissing)
