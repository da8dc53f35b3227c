"""Signing, coming, being there: what may be decided about a response until the work is reported done."""

from collections.abc import Sequence
from datetime import datetime

from domain.dispatch.facts.response import (
    ArrivalConfirmed,
    ArrivalCorrected,
    ArrivalMoved,
    ArrivalRecorded,
    EnforcementRecorded,
    LeftEarly,
    OfficersAssigned,
    ResponseSigned,
    SceneLeft,
    SceneReleased,
)
from domain.dispatch.response import AT_WORK, Response, ResponseState
from domain.dispatch.timekeeping import Timekeeper
from domain.dispatch.values import OfficerRef, Place
from domain.errors import Invalid, LegalReviewMissing, NotCertified, TooFar, TooFewOfficers
from domain.kernel import Act
from domain.policy.deadlines import Clock, Stage
from domain.policy.rubric import Band, arrival_band, signature_band

FORCED = ("demoli", "强制拆除", "强拆")
"""Words by which an action is known as a forced demolition, which needs a legal review (our default)."""

DEMOLISHING = ("拆除",)
"""Words that mean as much where the item is one that is disposed of by demolition; a signboard is taken down too."""


def may_sign(response: Response) -> None:
    """Refuse unless it waits for a signature."""
    response.must_be_called()
    if response.state is ResponseState.RELEASED:
        raise response.wrong("nothing is owed any more")
    if response.signed_at is not None:
        raise response.done_already("is signed")
    if response.state is not ResponseState.DISPATCHED:
        raise response.wrong("only a dispatched response is signed")


def sign(response: Response, act: Act, keeper: Timekeeper) -> None:
    """签收: SIGN stops, and the window for asking for a return begins. Without a clock (imported) it is on time."""
    may_sign(response)
    clocks, arrival_due = response.met(Stage.SIGNATURE, act), response.due(Stage.ARRIVAL)
    window = keeper.start(Stage.RETURN, act.at, response.urgency)
    band = Band.ON_TIME
    if clocks and arrival_due is not None:
        band = signature_band(clocks[0], arrival_due)
    response.record(
        ResponseSigned,
        act,
        on_time=all(clock.missed_at is None for clock in clocks),
        band=band,
        clocks=(*clocks, window),
    )


def may_assign(response: Response) -> None:
    """Refuse unless work is still to be done."""
    response.must_be_called()
    if response.state not in AT_WORK:
        raise response.wrong("officers are assigned while work is to be done")


def assign(response: Response, officers: Sequence[OfficerRef], act: Act) -> None:
    """派员."""
    may_assign(response)
    response.record(OfficersAssigned, act, officers=tuple(officers))


def move(response: Response, to: datetime, act: Act, keeper: Timekeeper) -> None:
    """The appointment moved: ARRIVAL moves with it, unless it has ended or was missed."""
    clock = response.clocks.get(Stage.ARRIVAL)
    if clock is None or not clock.running or not clock.appointed or not response.is_open:
        return
    moved = clock.reappoint(to, act.at, keeper.rules.calendar_of(clock), response.next_ref)
    response.record(ArrivalMoved, act, to=to, clocks=(moved,))


def may_check_in(response: Response) -> None:
    """Refuse unless signed, and not there yet."""
    response.must_be_called()
    if response.state is ResponseState.RELEASED:
        raise response.wrong("nothing is owed any more")
    if response.arrived_at is not None:
        raise response.done_already("has arrived")
    if response.state is not ResponseState.SIGNED:
        raise response.wrong("sign first, then check in")


def check_in(
    response: Response,
    officers: Sequence[OfficerRef],
    place: Place | None,
    device_at: datetime | None,
    act: Act,
    keeper: Timekeeper,
) -> None:
    """报到: at most the policy's distance away. The server's time counts; without a position the street confirms."""
    may_check_in(response)
    if place is None and response.check_in is not None:
        raise response.done_already("has checked in, and waits for the street to confirm,")
    if device_at is not None and not response.dispatched_at <= device_at <= act.at:
        raise Invalid("The device's time must lie between the dispatch and now.", device_at=device_at.isoformat())
    distance = place.metres_to(response.place) if place else None
    most = keeper.policy(act.at).checkin_distance_m
    if distance is not None and distance > most:
        raise TooFar(f"{distance:.0f} m from the case; check in within {most:g} m.", distance_m=round(distance, 1))
    facts = {
        "officers": tuple(officers),
        "place": place,
        "distance_m": None if distance is None else round(distance, 1),
        "device_at": device_at,
    }
    if place is None:
        response.record(ArrivalRecorded, act, arrived_at=None, on_time=None, band=None, **facts)
        return
    clocks, band = _judge(response, act.at, keeper)
    response.record(
        ArrivalRecorded, act, arrived_at=act.at, on_time=band is Band.ON_TIME, band=band, clocks=clocks, **facts
    )


def may_confirm(response: Response) -> None:
    """Refuse unless someone checked in and the street has not confirmed it."""
    response.must_be_called()
    if response.state is ResponseState.RELEASED or response.check_in is None:
        raise response.wrong("nobody has checked in")
    if response.check_in.confirmed:
        raise response.done_already("has a confirmed arrival")


def confirm(response: Response, at: datetime | None, act: Act, keeper: Timekeeper) -> None:
    """到场确认: the given time counts, else the device's, else the receipt; a miss is judged again."""
    may_confirm(response)
    assert response.check_in is not None
    arrived_at = at or response.check_in.device_at or response.check_in.received_at
    _within(response, arrived_at, act)
    clocks, band = _judge(response, arrived_at, keeper)
    response.record(
        ArrivalConfirmed, act, arrived_at=arrived_at, on_time=band is Band.ON_TIME, band=band, clocks=clocks
    )


def may_correct(response: Response) -> None:
    """Refuse unless there is an arrival to correct."""
    response.must_be_called()
    if response.state is ResponseState.RELEASED or response.arrived_at is None:
        raise response.wrong("there is no arrival to correct")


def correct(response: Response, at: datetime, reason: str, act: Act, keeper: Timekeeper) -> None:
    """到场更正: the arrival is judged again by the time given."""
    may_correct(response)
    _within(response, at, act)
    clocks, band = _judge(response, at, keeper)
    response.record(
        ArrivalCorrected, act, arrived_at=at, on_time=band is Band.ON_TIME, band=band, reason=reason, clocks=clocks
    )


def may_release(response: Response) -> None:
    """Refuse unless someone is at the scene and not yet released."""
    _must_have_arrived(response)
    if response.released_from_scene:
        raise response.done_already("is released from the scene")


def release(response: Response, act: Act) -> None:
    """放行."""
    may_release(response)
    response.record(SceneReleased, act)


def may_leave(response: Response) -> None:
    """Refuse unless someone is at the scene."""
    _must_have_arrived(response)
    if response.left_scene:
        raise response.done_already("has left the scene")


def leave(response: Response, act: Act) -> None:
    """离场: before the street's release it is on record as leaving early."""
    may_leave(response)
    response.record(SceneLeft if response.released_from_scene else LeftEarly, act)


def may_enforce(response: Response) -> None:
    """Refuse unless work goes on at the scene."""
    at_work = (ResponseState.ARRIVED, ResponseState.REWORK)
    if response.state not in at_work and not (response.is_direct and response.state is ResponseState.DISPATCHED):
        raise response.wrong("enforcement is recorded at the scene, before the work is reported done")


def enforce(
    response: Response,
    action: str,
    officers: Sequence[OfficerRef],
    shown: tuple[bool, bool],
    act: Act,
    keeper: Timekeeper,
    *,
    reviewed: bool,
    by_demolition: bool,
) -> None:
    """执法记录: at least two officers with certificates valid that day (Administrative Penalty Law, art. 42).

    `shown` says whether certificates were shown and whether it was filmed; `reviewed` whether a legal review passed;
    `by_demolition` whether the item is one that is disposed of by demolition.
    """
    may_enforce(response)
    words = (*FORCED, *DEMOLISHING) if by_demolition else FORCED
    if not reviewed and any(word in action.lower() for word in words):
        raise LegalReviewMissing("A forced demolition needs a legal review that has passed.", response=str(response.id))
    least = keeper.policy(act.at).officers_min
    if len({officer.person for officer in officers}) < least:
        raise TooFewOfficers(f"Enforcement on site needs at least {least} officers.", officers=len(officers))
    without = [officer.name for officer in officers if not officer.certified]
    if without:
        raise NotCertified(f"No certificate valid that day: {', '.join(without)}.", officers=without)
    response.record(
        EnforcementRecorded,
        act,
        action=action,
        officers=tuple(officers),
        certificates_shown=shown[0],
        recorded=shown[1],
    )


def _judge(response: Response, arrived_at: datetime, keeper: Timekeeper) -> tuple[tuple[Clock, ...], Band]:
    """ARRIVAL as met at a moment, and how it was kept. Without a clock (imported) an arrival is on time."""
    if (clock := response.clocks.get(Stage.ARRIVAL)) is None:
        return (), Band.ON_TIME
    met = clock.meet(arrived_at)
    return (met,), arrival_band(met, keeper.rules.calendar_of(met))


def _within(response: Response, at: datetime, act: Act) -> None:
    if not response.dispatched_at <= at <= act.at:
        raise Invalid("An arrival lies between the dispatch and now.", at=at.isoformat())


def _must_have_arrived(response: Response) -> None:
    response.must_be_called()
    if response.state is ResponseState.RELEASED or response.arrived_at is None:
        raise response.wrong("nobody has arrived")
