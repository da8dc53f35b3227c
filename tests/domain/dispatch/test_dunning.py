"""What happens to a response by itself: misses, yellow urges, reminders that keep quiet hours, written criticism."""

import pytest

from domain.dispatch import dunning
from domain.dispatch.facts.response import (
    ArrivalMissed,
    ArrivalReminded,
    DisposalMissed,
    ReminderExpired,
    ReminderIssued,
    ReminderWithdrawn,
    SignatureMissed,
    UrgeIssued,
    VerificationMissed,
    WrittenCriticismIssued,
)
from domain.dispatch.response import Response
from domain.errors import WrongState
from domain.policy.deadlines import Limit, Stage, Unit, Urgency
from tests.domain.dispatch.steps import (
    ARRIVED,
    COMPLETED,
    EVERY_CLOCK,
    VERIFIED,
    ResponseStep,
    called,
    checked_in,
    extension_asked,
    fired,
    paused,
    set_to_work,
    signed,
)
from tests.kit import KEEPER, act, given, local, shown

DUE = "2022-12-21 17:30"
YELLOW = "2022-12-20 16:36"


def urged(at: str = "13:30") -> ResponseStep:
    return lambda response: dunning.urge(response, act(at))


def reminded(at: str) -> ResponseStep:
    return lambda response: dunning.issue_reminder(response, "disposal", act(at), KEEPER)


def next_try(response: Response, at: str) -> object:
    return shown(dunning.next_try(response, local(at), KEEPER))


def test_nothing_happens_before_anything_is_due() -> None:
    given(called()).when(fired("13:47")).nothing_more()


def test_a_clock_is_missed_at_its_due_moment_and_only_once() -> None:
    unsigned = given(called(), fired("13:48"))
    unsigned.when(fired("13:59")).nothing_more()
    missed = unsigned.when(fired("14:00")).then(SignatureMissed).nothing_more()
    missed.clock(Stage.SIGNATURE, missed_at="14:00", open=True).has(missed_clocks=["signature"])
    given(called(), fired("13:48"), fired("14:00")).when(fired("14:01")).nothing_more()


def test_a_timer_that_comes_late_records_the_due_moment() -> None:
    given(called(), signed()).when(fired("15:30")).then(ArrivalMissed).clock(Stage.ARRIVAL, missed_at="15:00")


def test_after_a_long_pause_of_the_timer_every_miss_is_recorded() -> None:
    late = given(called()).when(fired("2022-12-22 09:00"))
    late.then(SignatureMissed).then(ArrivalMissed).then(DisposalMissed, lapsed_extension=False).nothing_more()
    late.has(missed_clocks=["signature", "arrival", "disposal"])


@pytest.mark.parametrize(
    ("steps", "at", "stage"),
    [
        ((), "13:48", Stage.SIGNATURE),
        ((fired("13:48"), signed("13:50")), "14:36", Stage.ARRIVAL),
        (ARRIVED, YELLOW, Stage.DISPOSAL),
    ],
)
def test_each_clock_urges_once_when_it_turns_yellow(steps: tuple[ResponseStep, ...], at: str, stage: Stage) -> None:
    given(called(), *steps).when(fired(at)).then(UrgeIssued, cause="yellow", stage=stage).nothing_more()
    given(called(), *steps, fired(at)).when(fired(at)).nothing_more()


def test_a_clock_that_is_met_paused_or_due_does_not_urge() -> None:
    given(called(), *COMPLETED).when(fired("15:50")).nothing_more()
    given(called(), paused("13:30")).when(fired(YELLOW)).nothing_more()
    given(called()).when(fired("14:00")).then(SignatureMissed).nothing_more()


def test_an_urge_keeps_quiet_hours_but_for_an_emergency() -> None:
    evening = "2022-12-14 19:00"
    # Urgent: one hour and 30 minutes run around the clock, and turn yellow outside the working slots.
    urgent = given(called(evening, Urgency.URGENT))
    urgent.when(fired("2022-12-14 19:24")).nothing_more()
    assert next_try(urgent.aggregate, "2022-12-14 19:24") == "2022-12-15 08:30"
    emergency = given(called(evening, Urgency.EMERGENCY)).when(fired("2022-12-14 19:08"))
    emergency.then(UrgeIssued, cause="yellow", stage=Stage.SIGNATURE).nothing_more()


def test_an_urge_that_was_held_back_is_sent_when_work_begins_if_it_still_helps() -> None:
    # 24 hours from 11:00 turn yellow at 06:12 and are due at 11:00.
    quiet = given(called("2022-12-14 11:00", Urgency.URGENT), signed("11:05"), checked_in("11:20"))
    quiet.when(fired("2022-12-15 06:12")).nothing_more()
    quiet.when(fired("2022-12-15 08:30")).then(UrgeIssued, cause="yellow", stage=Stage.DISPOSAL).nothing_more()


def test_the_command_centre_urges_by_hand_while_something_is_owed() -> None:
    given(called()).when(urged()).then(UrgeIssued, cause="command", stage=None).nothing_more()
    given(called(), urged()).when(urged("13:40")).then(UrgeIssued)
    given(called(), *VERIFIED).when(urged("16:30")).refuses(WrongState)


def test_an_urge_by_hand_does_not_stand_in_for_the_yellow_one() -> None:
    given(called(), urged()).when(fired("13:48")).then(UrgeIssued, cause="yellow", stage=Stage.SIGNATURE)


def test_who_signed_and_is_still_absent_one_allowance_later_is_reminded_once() -> None:
    absent = (called(), signed(), fired("14:36"), fired("15:00"))
    given(*absent[:3]).when(fired("15:00")).then(ArrivalMissed, again_at="17:00").nothing_more()
    given(*absent).when(fired("16:59")).nothing_more()
    given(*absent).when(fired("17:00")).then(ArrivalReminded).nothing_more()
    given(*absent, fired("17:00")).when(fired("17:10")).nothing_more()
    given(*absent, checked_in("16:30")).when(fired("17:00")).nothing_more()


def test_a_reminder_of_an_absent_department_keeps_quiet_hours_too() -> None:
    # Called at 18:00 as urgent: due at 19:00, one allowance later it is night.
    absent = given(called("18:00", Urgency.URGENT), signed("18:05"), fired("19:00"))
    absent.when(fired("20:00")).nothing_more()
    absent.when(fired("2022-12-15 08:30")).then(ArrivalReminded).nothing_more()
    assert next_try(absent.aggregate, "20:00") == "2022-12-15 08:30"


def test_without_a_signature_nobody_is_reminded_again() -> None:
    given(called(), fired("15:00")).when(fired("17:00")).nothing_more()


def test_a_miss_of_disposal_says_when_criticism_may_follow() -> None:
    missed = given(called(), *ARRIVED, fired(YELLOW)).when(fired(DUE))
    missed.then(DisposalMissed, criticise_at="2022-12-28 17:30").nothing_more()
    own = given(set_to_work(), fired(YELLOW)).when(fired(DUE))
    own.then(DisposalMissed, criticise_at=None).nothing_more()


def test_more_than_five_working_days_late_after_an_urge_and_without_reasons_is_criticised_once() -> None:
    late = (called(), *ARRIVED, fired(YELLOW), fired(DUE))
    given(*late).when(fired("2022-12-28 17:29")).nothing_more()
    given(*late).when(fired("2022-12-28 17:30")).then(WrittenCriticismIssued).nothing_more()
    given(*late, fired("2022-12-28 17:30")).when(fired("2022-12-29 09:00")).nothing_more()


@pytest.mark.parametrize(
    "steps",
    [
        (*ARRIVED, fired(DUE)),
        (*ARRIVED, fired(YELLOW), extension_asked(YELLOW, "2022-12-23 17:30"), fired(DUE)),
        (*ARRIVED, fired(YELLOW), *COMPLETED[2:]),
    ],
    ids=["never urged", "a reason was given", "completed"],
)
def test_otherwise_nobody_is_criticised(steps: tuple[ResponseStep, ...]) -> None:
    found = given(called(), *steps, fired("2022-12-28 17:00")).when(fired("2022-12-28 17:30"))
    assert not any(isinstance(fact, WrittenCriticismIssued) for fact in found.recorded)


def test_a_verification_that_takes_too_long_is_on_record() -> None:
    late = given(called(), *COMPLETED).when(fired("2022-12-15 10:40")).then(VerificationMissed).nothing_more()
    late.has(missed_clocks=[])


def test_a_reminder_sets_a_new_limit_that_never_moves_disposal() -> None:
    found = given(called(), *ARRIVED, fired(DUE)).when(reminded(DUE))
    found.then(ReminderIssued, because="disposal", notify_at=DUE).nothing_more()
    found.clock(Stage.REMINDER_LIMIT, due_at="2022-12-22 17:30", running=True)
    found.clock(Stage.DISPOSAL, due_at=DUE, missed_at=DUE)


def test_a_reminder_is_sent_in_working_hours() -> None:
    night = called(limit=Limit(amount=7, unit=Unit.URGENT_HOURS))
    late = given(night, *ARRIVED, fired("20:00")).when(reminded("20:00"))
    late.then(ReminderIssued, notify_at="2022-12-15 08:30")


def test_a_reminder_on_finished_work_is_met_at_once_and_one_that_is_ignored_expires() -> None:
    given(called(), *VERIFIED).when(reminded("16:30")).clock(Stage.REMINDER_LIMIT, met_at="16:30", missed_at=None)
    ignored = given(called(), *ARRIVED, fired(DUE), reminded(DUE)).when(fired("2022-12-22 17:30"))
    ignored.then(ReminderExpired).nothing_more().clock(Stage.REMINDER_LIMIT, missed_at="2022-12-22 17:30")


def test_a_reminder_is_withdrawn_once() -> None:
    def withdrawn(response: Response) -> None:
        dunning.withdraw_reminder(response, "review", act("2022-12-22 09:00"))

    standing = (called(), *ARRIVED, fired(DUE), reminded(DUE))
    found = given(*standing).when(withdrawn).then(ReminderWithdrawn, because="review").nothing_more()
    found.clock(Stage.REMINDER_LIMIT, stopped_at="2022-12-22 09:00").has(reminder=None)
    given(*standing, withdrawn).when(withdrawn).nothing_more()


def test_what_nobody_waits_for_is_never_tried_again() -> None:
    assert dunning.next_try(given(called()).aggregate, local("13:10"), KEEPER) is None
    assert all(given(called(), *VERIFIED).aggregate.clocks[stage].running is False for stage in EVERY_CLOCK)
