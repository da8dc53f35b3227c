"""A whistle: whom it calls, who leads, and how it ends."""

from collections.abc import Callable

import pytest

from domain.dispatch.facts.whistle import (
    AppointmentMoved,
    CasePushed,
    DepartmentAdded,
    DepartmentReplaced,
    LeadChanged,
    WhistleBlown,
    WhistleCancelled,
    WhistleEscalated,
    WhistleReopened,
    WhistleResolved,
    WhistleWithdrawn,
)
from domain.dispatch.values import Dispatch, Part
from domain.dispatch.whistle import Whistle
from domain.errors import AlreadyDone, Invalid, TooLate, WrongState
from domain.kernel import Kind, child
from domain.policy.deadlines import Urgency, WhistleKind
from tests.domain.dispatch.steps import BUREAU, FAMILY, POLICE, WHISTLE
from tests.kit import act, given, local

Step = Callable[[Whistle], object]


def call(department: str, ordinal: int, part: Part = Part.SUPPORT) -> Dispatch:
    return Dispatch(response=child(FAMILY, Kind.RESPONSE, ordinal), department=department, part=part)


LEAD, SUPPORT, THIRD = call(BUREAU, 0, Part.LEAD), call(POLICE, 1), call("2202-sthj", 2)


def blown(appointed: str | None = None, *, pushed: bool = False) -> Callable[[], Whistle]:
    return lambda: Whistle.blow(
        WHISTLE, act("13:00"), pushed=pushed, kind=WhistleKind.ENFORCEMENT, street="220204001",
        responses=(LEAD, SUPPORT), appointed_at=local(appointed) if appointed else None, reason=None, drill=False,
    )  # fmt: skip


def withdrawn(at: str = "13:30") -> Step:
    return lambda whistle: whistle.withdraw("已自行解决", act(at))


def resolved(whistle: Whistle) -> None:
    whistle.resolve(act("16:00"))


def cancelled(whistle: Whistle) -> None:
    whistle.cancel(act("14:00"))


def reopened(whistle: Whistle) -> None:
    whistle.reopen(act("2022-12-20 09:00"))


def added(whistle: Whistle) -> None:
    whistle.add(THIRD, act("13:30"))


def lead_changed(whistle: Whistle) -> None:
    whistle.change_lead(LEAD.response, SUPPORT.response, act("13:30"))


def escalated(urgency: Urgency = Urgency.GENERAL) -> Step:
    return lambda whistle: whistle.escalate((LEAD.response,), (THIRD,), urgency, act("13:30"))


def moved(at: str, to: str) -> Step:
    return lambda whistle: whistle.move_appointment(local(to), act(at))


@pytest.mark.parametrize(("pushed", "fact"), [(False, WhistleBlown), (True, CasePushed)])
def test_a_street_blows_and_the_command_centre_pushes(*, pushed: bool, fact: type[WhistleBlown | CasePushed]) -> None:
    found = given(blown(pushed=pushed))
    assert isinstance(found.history[0], fact)
    assert found.aggregate.dispatches == [LEAD, SUPPORT]
    assert found.aggregate.next_response == 2


def test_a_department_may_be_added() -> None:
    found = given(blown()).when(added).then(DepartmentAdded, dispatch=THIRD).nothing_more()
    assert found.aggregate.dispatch_of("2202-sthj") == THIRD


def test_the_lead_passes_on_and_exactly_one_department_leads() -> None:
    found = given(blown()).when(lead_changed).then(LeadChanged, former=LEAD.response, lead=SUPPORT.response)
    parts = {each.department: each.part for each in found.nothing_more().aggregate.dispatches}
    assert parts == {BUREAU: Part.SUPPORT, POLICE: Part.LEAD}


def test_a_replacement_is_new_to_the_whistle() -> None:
    found = given(blown()).when(lambda whistle: whistle.replace(LEAD.response, THIRD, act("13:30")))
    found.then(DepartmentReplaced, released=LEAD.response, dispatch=THIRD).nothing_more()
    again = call(POLICE, 3, Part.LEAD)
    given(blown()).when(lambda whistle: whistle.replace(LEAD.response, again, act("13:30"))).refuses(Invalid)


@pytest.mark.parametrize(
    ("urgency", "kind"),
    [(Urgency.GENERAL, "escalated"), (Urgency.URGENT, "escalated"), (Urgency.EMERGENCY, "emergency")],
)
def test_an_escalation_calls_anew_and_drops_the_appointment(urgency: Urgency, kind: str) -> None:
    found = given(blown("2022-12-16 09:00")).when(escalated(urgency))
    found.then(WhistleEscalated, kind=kind, released=(LEAD.response,), responses=(THIRD,)).nothing_more()
    found.has(kind=kind, appointed_at=None, next_response=3)


def test_an_appointment_moves_ahead_before_it_is_due() -> None:
    appointed = given(blown("2022-12-16 09:00"))
    appointed.when(moved("2022-12-16 09:00", "2022-12-17 09:00")).then(AppointmentMoved, to="2022-12-17 09:00")
    appointed.when(moved("2022-12-16 09:01", "2022-12-17 09:00")).refuses(TooLate)
    appointed.when(moved("2022-12-15 10:00", "2022-12-15 10:00")).refuses(Invalid)
    given(blown()).when(moved("13:30", "2022-12-17 09:00")).refuses(WrongState)


def test_a_whistle_is_withdrawn_once_and_only_while_it_calls() -> None:
    given(blown()).when(withdrawn()).then(WhistleWithdrawn, reason="已自行解决").nothing_more().has(state="withdrawn")
    given(blown(), withdrawn()).when(withdrawn("13:40")).refuses(AlreadyDone)
    given(blown(), resolved).when(withdrawn("16:10")).refuses(WrongState)


@pytest.mark.parametrize("over", [resolved, withdrawn(), cancelled], ids=["resolved", "withdrawn", "cancelled"])
def test_a_whistle_that_is_over_calls_nobody_more(over: Step) -> None:
    for step in (added, lead_changed, escalated(), moved("15:00", "2022-12-17 09:00")):
        given(blown("2022-12-16 09:00"), over).when(step).refuses(WrongState)


def test_a_whistle_is_resolved_reopened_and_cancelled_only_where_that_changes_something() -> None:
    given(blown()).when(resolved).then(WhistleResolved).nothing_more().has(state="resolved")
    given(blown(), resolved).when(resolved).nothing_more()
    given(blown(), resolved).when(reopened).then(WhistleReopened).nothing_more().has(state="blown")
    given(blown()).when(reopened).nothing_more()
    given(blown()).when(cancelled).then(WhistleCancelled).nothing_more().has(state="withdrawn")
    given(blown(), withdrawn()).when(cancelled).nothing_more()
