"""Doing the work: completion, verification, extensions, default, suspension, correction and reopening."""

import pytest

from domain.dispatch import disposal
from domain.dispatch.facts.response import (
    ClocksPaused,
    ClocksResumed,
    CompletionSubmitted,
    DeadlineRecomputed,
    DisposalMissed,
    ExtensionDenied,
    ExtensionGranted,
    ExtensionRequested,
    LimitsMet,
    PartChanged,
    ResponseDefaulted,
    ResponseReleased,
    ResponseReopened,
    VerificationFailed,
    VerificationPassed,
)
from domain.dispatch.response import Response
from domain.dispatch.values import Part, Release
from domain.errors import (
    AlreadyDone,
    ExtensionLimit,
    ExtensionTooLong,
    Invalid,
    NotPermitted,
    SamePerson,
    TooLate,
    WrongState,
)
from domain.policy.deadlines import Limit, Stage, Unit, Urgency
from tests.domain.dispatch.steps import (
    ARRIVED,
    COMPLETED,
    FIVE_DAYS,
    HERE,
    VERIFIED,
    ResponseStep,
    called,
    checked_in,
    completed,
    extension_asked,
    extension_granted,
    failed,
    fired,
    passed,
    paused,
    reopened,
    resumed,
    set_to_work,
    signed,
)
from tests.kit import KEEPER, act, given, shown

DUE = "2022-12-21 17:30"
ASKED = extension_asked("2022-12-20 10:00", "2022-12-23 17:30")


def defaulted(at: str = "2022-12-22 09:00") -> ResponseStep:
    return lambda response: disposal.default(response, act(at))


def released(at: str = "13:30") -> ResponseStep:
    return lambda response: disposal.release(response, Release.ESCALATION, act(at))


def ruling(at: str, *, supervision: bool) -> ResponseStep:
    def step(response: Response) -> None:
        disposal.extension_is_for(response, act(at), KEEPER, supervision=supervision)
        disposal.may_rule_on_extension(response, act(at))

    return step


def denied(at: str) -> ResponseStep:
    return lambda response: disposal.deny_extension(response, act(at, "ruler"))


def test_a_completion_pauses_disposal_and_starts_verification() -> None:
    found = given(called(), *ARRIVED).when(completed("15:40"))
    found.then(CompletionSubmitted, on_time=True, result="已更换", photos=("photo",)).nothing_more()
    found.clock(Stage.DISPOSAL, paused=True, due_at=DUE).clock(Stage.VERIFICATION, due_at="2022-12-15 10:40")


def test_a_completion_wants_an_arrival_and_is_given_once() -> None:
    given(called(), signed()).when(completed()).refuses(WrongState)
    given(called(), *COMPLETED).when(completed("15:50")).refuses(AlreadyDone)
    given(called(), *VERIFIED).when(completed("16:50")).refuses(AlreadyDone)
    given(set_to_work()).when(completed()).then(CompletionSubmitted)


@pytest.mark.parametrize(
    ("at", "band"),
    [(DUE, "on_time"), ("2022-12-21 17:31", "one_day"), ("2022-12-22 17:30", "one_day"),
     ("2022-12-22 17:31", "three_days"), ("2022-12-26 17:30", "three_days"), ("2022-12-26 17:31", "late")],
)  # fmt: skip
def test_the_disposal_time_is_that_of_the_submission_which_passed(at: str, band: str) -> None:
    found = given(called(), *ARRIVED, fired(DUE if at != DUE else "2022-12-21 09:00"), completed(at))
    verified = found.when(passed("2022-12-28 10:00"))
    verified.then(VerificationPassed, disposed_at=at, band=band, on_time=band == "on_time").nothing_more()
    verified.clock(Stage.DISPOSAL, met_at=at, missed_at=None if band == "on_time" else DUE)
    verified.clock(Stage.VERIFICATION, met_at="2022-12-28 10:00")


def test_who_submitted_does_not_verify() -> None:
    given(called(), *COMPLETED).when(passed(by="liaison")).refuses(SamePerson)
    given(called(), *COMPLETED).when(failed(by="liaison")).refuses(SamePerson)


def test_a_verification_wants_a_completion_and_its_effect_comes_once() -> None:
    given(called(), *ARRIVED).when(passed()).refuses(WrongState)
    given(called(), *ARRIVED).when(failed()).refuses(WrongState)
    given(called(), *VERIFIED).when(passed("16:10")).refuses(AlreadyDone)
    given(called(), *COMPLETED, failed()).when(failed("16:10")).refuses(AlreadyDone)


def test_a_failed_verification_moves_the_deadline_by_its_wait_only() -> None:
    found = given(called(limit=Limit(amount=8, unit=Unit.WORKING_HOURS)), *COMPLETED).when(failed("16:00"))
    found.then(VerificationFailed, reason="未整改到位").nothing_more().has(state="rework")
    found.clock(Stage.DISPOSAL, running=True, due_at="2022-12-15 13:20").clock(Stage.VERIFICATION, met_at="16:00")


def test_a_failed_verification_of_working_days_moves_nothing_within_a_day_and_a_day_overnight() -> None:
    given(called(), *COMPLETED).when(failed("16:00")).clock(Stage.DISPOSAL, due_at=DUE)
    given(called(), *COMPLETED).when(failed("2022-12-15 09:00")).clock(Stage.DISPOSAL, due_at="2022-12-22 17:30")


def test_rework_is_completed_and_verified_again_and_every_failure_is_on_record() -> None:
    again = given(called(), *COMPLETED, failed(), completed("16:30"), failed("16:40"), completed("16:50"))
    assert len(again.aggregate.failures) == 2
    again.when(passed("17:00")).then(VerificationPassed, disposed_at="16:50").has(state="verified")


def test_a_late_completion_leaves_the_miss_and_the_due_time_alone() -> None:
    late = given(called(), *ARRIVED, fired(DUE)).when(completed("2022-12-22 10:00"))
    late.then(CompletionSubmitted, on_time=False).clock(Stage.DISPOSAL, missed_at=DUE, due_at=DUE, paused=False)


def test_a_passed_verification_meets_the_reminders_limit() -> None:
    from domain.dispatch.dunning import issue_reminder

    reminded = given(
        called(), *ARRIVED, fired(DUE), lambda one: issue_reminder(one, "disposal", act(DUE), KEEPER),
        completed("2022-12-22 10:00"),
    )  # fmt: skip
    found = reminded.when(passed("2022-12-22 10:30")).then(VerificationPassed).then(LimitsMet).nothing_more()
    found.clock(Stage.REMINDER_LIMIT, met_at="2022-12-22 10:30")


def test_an_extension_replaces_the_due_time() -> None:
    asked = given(called(), *ARRIVED).when(ASKED)
    asked.then(ExtensionRequested, until="2022-12-23 17:30", level=1).nothing_more().clock(Stage.DISPOSAL, due_at=DUE)
    granted = given(called(), *ARRIVED, ASKED).when(extension_granted("2022-12-20 11:00"))
    granted.then(ExtensionGranted, level=1).nothing_more().has(pending=None)
    granted.clock(Stage.DISPOSAL, due_at="2022-12-23 17:30", limit=FIVE_DAYS)


@pytest.mark.parametrize(
    ("at", "until", "refusal"),
    [
        ("2022-12-21 17:31", "2022-12-23 17:30", TooLate),
        ("2022-12-21 17:30", DUE, Invalid),
        ("2022-12-21 17:30", "2022-12-28 17:31", ExtensionTooLong),
    ],
)
def test_an_extension_is_asked_for_in_time_and_within_the_original_limit(
    at: str, until: str, refusal: type[TooLate | Invalid | ExtensionTooLong]
) -> None:
    given(called(), *ARRIVED).when(extension_asked(at, until)).refuses(refusal)


def test_an_extension_may_reach_the_whole_original_limit_at_the_last_moment() -> None:
    given(called(), *ARRIVED).when(extension_asked(DUE, "2022-12-28 17:30")).then(ExtensionRequested, level=1)


def test_extensions_are_asked_for_one_at_a_time_twice_at_most_and_only_while_there_is_work() -> None:
    given(called(), *ARRIVED, ASKED).when(ASKED).refuses(AlreadyDone)
    given(called(), *COMPLETED).when(ASKED).refuses(WrongState)
    twice = (
        *ARRIVED, ASKED, extension_granted("2022-12-20 11:00"), extension_asked("2022-12-21 09:00", "2022-12-27 17:30"),
        extension_granted("2022-12-21 10:00"),
    )  # fmt: skip
    given(called(), *twice).when(extension_asked("2022-12-21 11:00", "2022-12-28 17:30")).refuses(ExtensionLimit)


def test_a_denied_extension_does_not_count() -> None:
    found = given(called(), *ARRIVED, ASKED).when(denied("2022-12-20 11:00"))
    found.then(ExtensionDenied).nothing_more().has(pending=None, granted=[]).clock(Stage.DISPOSAL, due_at=DUE)
    given(called(), *ARRIVED, ASKED, denied("2022-12-20 11:00")).when(ASKED).then(ExtensionRequested, level=1)


def test_an_emergency_is_never_extended() -> None:
    given(called(urgency=Urgency.EMERGENCY)).when(extension_asked("13:10", "16:00")).refuses(ExtensionLimit)


def test_the_first_extension_is_the_command_centres_to_rule_on_and_the_second_supervisions() -> None:
    first = given(called(), *ARRIVED, ASKED)
    first.when(ruling("2022-12-20 11:00", supervision=True)).refuses(NotPermitted)
    first.when(ruling("2022-12-20 11:00", supervision=False)).nothing_more()
    more = extension_asked("2022-12-21 09:00", "2022-12-27 17:30")
    second = given(called(), *ARRIVED, ASKED, extension_granted("2022-12-20 11:00"), more)
    second.when(ruling("2022-12-21 10:00", supervision=False)).refuses(NotPermitted)
    second.when(ruling("2022-12-21 10:00", supervision=True)).nothing_more()


def test_a_request_lapses_at_the_due_time() -> None:
    asked = given(called(), *ARRIVED, ASKED)
    asked.when(ruling(DUE, supervision=False)).nothing_more()
    asked.when(ruling("2022-12-21 17:31", supervision=False)).refuses(TooLate)
    asked.when(fired(DUE)).then(DisposalMissed, lapsed_extension=True).has(pending=None)
    given(called(), *ARRIVED).when(ruling("2022-12-20 11:00", supervision=False)).refuses(WrongState)


def test_a_completion_withdraws_a_pending_extension() -> None:
    given(called(), *ARRIVED, ASKED).when(completed("2022-12-20 12:00")).has(pending=None)


def test_an_extension_that_a_suspension_has_overtaken_moves_nothing_back() -> None:
    overtaken = given(called(), *ARRIVED, ASKED, paused("2022-12-20 11:00"), resumed("2022-12-27 11:00"))
    due = shown(overtaken.aggregate.due(Stage.DISPOSAL))
    overtaken.when(extension_granted("2022-12-27 12:00")).then(ExtensionGranted, until=due)


def test_what_was_missed_and_never_came_is_defaulted_once() -> None:
    given(called(), *ARRIVED).when(defaulted("2022-12-20 09:00")).refuses(WrongState)
    given(called(), *ARRIVED, fired(DUE), completed("2022-12-22 08:40")).when(defaulted()).refuses(WrongState)
    given(called(), *ARRIVED, fired(DUE), defaulted()).when(defaulted()).refuses(AlreadyDone)


@pytest.mark.parametrize(("steps", "arrived"), [((), False), (ARRIVED, True)])
def test_a_default_says_whether_anybody_came_and_stops_the_clocks(
    steps: tuple[ResponseStep, ...], *, arrived: bool
) -> None:
    found = given(called(), *steps, fired(DUE)).when(defaulted())
    found.then(ResponseDefaulted, arrived=arrived).nothing_more().has(state="defaulted")
    found.clock(Stage.DISPOSAL, open=False, missed_at=DUE, met_at=None)


def test_a_release_keeps_what_was_missed_and_stops_the_rest() -> None:
    found = given(called(), fired("14:00")).when(released("14:30")).then(ResponseReleased, because="escalation")
    found.has(state="released", missed_clocks=["signature"]).clock(Stage.ARRIVAL, stopped_at="14:30", missed_at=None)
    given(called(), *VERIFIED).when(released("16:30")).nothing_more()


def test_a_suspension_pauses_every_running_clock_but_not_a_missed_one() -> None:
    found = given(called(), fired("14:00")).when(paused("14:30")).then(ClocksPaused).nothing_more()
    found.clock(Stage.ARRIVAL, paused=True).clock(Stage.DISPOSAL, paused=True).clock(Stage.SIGNATURE, paused=False)
    back = given(called(), fired("14:00"), paused("14:30")).when(resumed("2022-12-16 14:30")).then(ClocksResumed)
    back.clock(Stage.ARRIVAL, due_at="2022-12-16 15:00").clock(Stage.DISPOSAL, due_at="2022-12-23 17:30")
    back.clock(Stage.SIGNATURE, due_at="14:00", missed_at="14:00")


def test_disposal_stays_paused_after_a_resumption_while_a_completion_waits() -> None:
    back = given(called(), *COMPLETED, paused("16:00")).when(resumed("2022-12-16 16:00"))
    back.clock(Stage.DISPOSAL, paused=True).clock(Stage.VERIFICATION, running=True, due_at="2022-12-19 10:40")


def test_what_is_over_is_neither_paused_nor_resumed() -> None:
    given(called(), *VERIFIED).when(paused("16:30")).nothing_more()
    given(called(), *VERIFIED).when(resumed("16:30")).nothing_more()


def recomputed(at: str, limit: Limit | None, urgency: Urgency = Urgency.GENERAL) -> ResponseStep:
    return lambda response: disposal.recompute(response, "item", limit, urgency, HERE, act(at), KEEPER)


def test_a_correction_computes_disposal_anew_from_its_start() -> None:
    found = given(called()).when(recomputed("14:00", Limit(amount=2, unit=Unit.WORKING_DAYS)))
    found.then(DeadlineRecomputed, item="item").nothing_more()
    found.clock(Stage.DISPOSAL, started_at="13:00", due_at="2022-12-16 17:30").clock(Stage.ARRIVAL, due_at="15:00")
    urgent = given(called()).when(recomputed("14:00", FIVE_DAYS, Urgency.URGENT))
    urgent.clock(Stage.DISPOSAL, due_at="2022-12-15 13:00", rule="disposal.cap.urgent").has(urgency="urgent")


def test_a_correction_judges_a_missed_disposal_again() -> None:
    short = called(limit=Limit(amount=1, unit=Unit.WORKING_HOURS))
    found = given(short, fired("14:00")).when(recomputed("14:30", FIVE_DAYS))
    found.clock(Stage.DISPOSAL, missed_at=None, running=True).has(missed_clocks=["signature"])


def test_a_correction_that_takes_a_miss_back_takes_the_criticism_back_with_it() -> None:
    short = called(limit=Limit(amount=1, unit=Unit.WORKING_DAYS))
    late = (fired("2022-12-15 17:00"), fired("2022-12-15 17:30"), recomputed("2022-12-16 09:00", None))
    given(short, *late).when(fired("2022-12-22 17:30")).then(DisposalMissed, criticise_at="2022-12-28 17:30")
    given(short, *late[:2]).when(late[2]).has(criticise_at=None, missed_clocks=["signature", "arrival"])


def test_the_lead_changes_hands_only_where_it_is_new() -> None:
    def lead(part: Part) -> ResponseStep:
        return lambda response: disposal.change_part(response, part, act("13:30"))

    given(called()).when(lead(Part.SUPPORT)).then(PartChanged, part=Part.SUPPORT).nothing_more()
    given(called()).when(lead(Part.LEAD)).nothing_more()


def test_a_reopening_sends_verified_work_to_rework_with_a_fresh_disposal() -> None:
    found = given(called(), *VERIFIED).when(reopened("2022-12-20 09:00")).then(ResponseReopened).nothing_more()
    found.has(state="rework", completed_at=None, verified_at=None)
    found.clock(Stage.DISPOSAL, started_at="2022-12-20 09:00", due_at="2022-12-27 17:30", running=True)
    given(called(), fired(DUE), defaulted()).when(reopened("2022-12-23 09:00")).nothing_more()


def facts(response: Response) -> tuple[str, str, str]:
    found = disposal.facts_of(response, ())
    return found.signature.band.value, found.arrival.band.value, found.disposal.band.value


def test_the_facts_for_the_sheet_are_bands_that_cite_events() -> None:
    assert facts(given(called(), *VERIFIED).aggregate) == ("on_time", "on_time", "on_time")
    never = given(called(), fired(DUE), defaulted()).aggregate
    assert facts(never) == ("never", "never", "never")
    assert disposal.facts_of(never, ()).arrival.event == never.missed_stages[Stage.ARRIVAL]


def test_the_disposal_of_the_sheet_is_the_worst_of_the_rounds() -> None:
    late = given(
        called(), *ARRIVED, fired(DUE), completed("2022-12-22 10:00"), passed("2022-12-22 11:00"),
        reopened("2022-12-23 09:00"), completed("2022-12-23 10:00"), passed("2022-12-23 11:00"),
    )  # fmt: skip
    assert facts(late.aggregate)[2] == "one_day"


def test_a_completion_at_the_due_time_would_be_verified_by_the_closing_due() -> None:
    assert shown(disposal.verify_due(given(called(), signed(), checked_in()).aggregate, KEEPER)) == "2022-12-22 13:30"
