"""A case from filing to closing: routing, orders to a party, suspension, supervision, rating, reopening."""

from collections.abc import Callable

import pytest

from domain.dispatch import oversight
from domain.dispatch.case import Case
from domain.dispatch.facts.case import (
    CallbackMissed,
    CaseCancelled,
    CaseClosed,
    CaseCorrected,
    CaseFiled,
    CaseLocated,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseUnrouted,
    CaseWhistled,
    DirectHandlingStarted,
    DispatchMissed,
    LegalReviewPassed,
    ListingMissed,
    ProgressReported,
    RectificationComplied,
    RectificationExpired,
    RectificationOrdered,
    ReporterRated,
    SupervisionDelisted,
    SupervisionListed,
    SupervisionOrdered,
    WhistleDrafted,
)
from domain.dispatch.values import Satisfaction
from domain.errors import AlreadyDone, Invalid, TooLate, WrongState
from domain.policy.deadlines import Stage, Urgency
from tests.domain.dispatch.steps import BUREAU, FAR, FIVE_DAYS, RESPONSE, SIGN_ITEM, WHISTLE, CaseStep, filed
from tests.kit import KEEPER, RULES, act, given, local, person

CLOSED_AT, CALLBACK_DUE = "16:10", "2022-12-19 17:30"


def whistled(at: str = "13:00") -> CaseStep:
    return lambda case: case.whistle(WHISTLE, (), act(at))


def unrouted(at: str = "13:30") -> CaseStep:
    return lambda case: case.unroute(WHISTLE, act(at), KEEPER)


def direct(at: str = "13:00", children: int | None = None) -> CaseStep:
    return lambda case: case.start_direct(RESPONSE, "220204001-T", "220204001", children, act(at))


def progressed(done: int, of: int) -> CaseStep:
    return lambda case: case.report_progress(done, of, act("15:00"))


def drafted(case: Case) -> None:
    case.draft_whistle(act("11:00"), kind="enforcement", lead=BUREAU, support=(), appointed_at=None, reason=None)


def ordered_right(at: str = "11:00", by: str = "2022-12-16 11:00") -> CaseStep:
    return lambda case: oversight.order_rectification(case, person("party"), local(by), act(at), KEEPER)


def complied(at: str = "2022-12-15 11:00") -> CaseStep:
    return lambda case: oversight.comply(case, act(at), KEEPER)


def reviewed(at: str = "2022-12-15 11:00") -> CaseStep:
    return lambda case: oversight.pass_legal_review(case, act(at, "reviewer"), KEEPER)


def suspended(at: str = "11:00", until: str = "2023-05-01 09:00") -> CaseStep:
    return lambda case: oversight.suspend(case, "季节原因", local(until), act(at), KEEPER)


def resumed(at: str = "2022-12-16 11:00") -> CaseStep:
    return lambda case: oversight.resume(case, act(at), KEEPER)


def supervised(case: Case) -> None:
    oversight.order_supervision(case, (BUREAU,), act("14:00"))


def listed(at: str = "14:00", until: str = "2022-12-20 17:30") -> CaseStep:
    return lambda case: oversight.list_publicly(case, local(until), (BUREAU,), act(at), KEEPER)


def delisted(case: Case) -> None:
    oversight.delist(case, (BUREAU,), act("2022-12-15 09:00"))


def closed(at: str = CLOSED_AT, due: str | None = "2022-12-22 13:30") -> CaseStep:
    return lambda case: case.close(local(due) if due else None, (), act(at), KEEPER)


def rated(at: str = "17:00") -> CaseStep:
    return lambda case: case.rate(Satisfaction.SATISFIED, None, act(at))


def reopened(at: str = "2022-12-20 09:00") -> CaseStep:
    return lambda case: case.reopen("原址复发", act(at), KEEPER)


def cancelled(at: str = "14:00") -> CaseStep:
    return lambda case: case.cancel("误报", act(at))


def fired(at: str) -> CaseStep:
    return lambda case: case.fire(act(at), KEEPER)


def corrected(case: Case) -> None:
    item = RULES.catalogue_version("2026-1").item("井盖缺失")
    case.correct(item, Urgency.URGENT, FAR, "2026-1", "现场核实", act("11:00"))


OVER = [(whistled(), closed()), (cancelled(),)]


@pytest.mark.parametrize(
    ("urgency", "due"), [(Urgency.GENERAL, "13:30"), (Urgency.URGENT, "10:45"), (Urgency.EMERGENCY, "10:30")]
)
def test_filing_freezes_the_item_and_starts_dispatch(urgency: Urgency, due: str) -> None:
    found = given(filed(urgency=urgency))
    fact = found.history[0]
    assert isinstance(fact, CaseFiled)
    assert (fact.item, fact.item_limit, fact.catalogue) == (SIGN_ITEM.code, FIVE_DAYS, "2026-1")
    found.when(fired(due)).then(DispatchMissed).nothing_more().clock(Stage.DISPATCH, missed_at=due)


def test_an_imported_case_starts_no_clocks() -> None:
    given(filed(imported=True)).when(fired("2022-12-20 09:00")).nothing_more().has(clocks={})


@pytest.mark.parametrize(("at", "on_time"), [("13:30", True), ("13:31", False)])
def test_routing_stops_dispatch(at: str, *, on_time: bool) -> None:
    found = given(filed()).when(whistled(at)).then(CaseWhistled, on_time=on_time).nothing_more()
    found.clock(Stage.DISPATCH, met_at=at).has(state="whistled", whistles=[WHISTLE])
    own = given(filed()).when(direct(at, children=68)).then(DirectHandlingStarted, on_time=on_time, children=68)
    own.clock(Stage.DISPATCH, met_at=at).has(state="direct", street="220204001", direct=RESPONSE)


def test_a_case_is_routed_once_and_while_it_runs() -> None:
    given(filed(), whistled()).when(whistled("13:10")).refuses(AlreadyDone)
    given(filed(), direct()).when(direct("13:10")).refuses(AlreadyDone)
    given(filed(), direct()).when(whistled("13:10")).refuses(WrongState)
    given(filed(), whistled()).when(direct("13:10")).refuses(WrongState)
    for history in ((suspended(),), *OVER):
        given(filed(), *history).when(direct("17:00")).refuses(WrongState)
    given(filed(), suspended()).when(whistled()).refuses(WrongState)


def test_a_draft_waits_for_the_leader() -> None:
    found = given(filed()).when(drafted).then(WhistleDrafted, lead=BUREAU).nothing_more().has(state="filed")
    assert found.aggregate.draft is not None
    given(filed(), whistled()).when(drafted).refuses(AlreadyDone)


def test_a_withdrawn_whistle_returns_the_case_to_filed_with_a_fresh_dispatch() -> None:
    found = given(filed(), whistled()).when(unrouted("13:30")).then(CaseUnrouted, whistle=WHISTLE).nothing_more()
    found.has(state="filed").clock(Stage.DISPATCH, started_at="13:30", due_at="15:30", running=True)
    given(filed(), whistled(), unrouted()).when(whistled("14:00")).then(CaseWhistled, on_time=True)


def test_progress_counts_up_to_its_parts_on_direct_handling() -> None:
    own = given(filed(), direct(children=68), progressed(20, 68))
    own.when(progressed(55, 68)).then(ProgressReported, done=55, of=68).nothing_more().has(done=55)
    own.when(progressed(19, 68)).refuses(Invalid)
    own.when(progressed(69, 68)).refuses(Invalid)
    own.when(progressed(21, 70)).refuses(Invalid)
    given(filed(), whistled()).when(progressed(1, 2)).refuses(WrongState)


def test_an_order_to_the_party_pauses_dispatch_until_it_complies() -> None:
    found = given(filed()).when(ordered_right()).then(RectificationOrdered, comply_by="2022-12-16 11:00").nothing_more()
    found.clock(Stage.DISPATCH, paused=True).clock(Stage.RECTIFICATION, due_at="2022-12-16 11:00", running=True)
    back = given(filed(), ordered_right()).when(complied()).then(RectificationComplied).nothing_more()
    back.clock(Stage.DISPATCH, running=True, due_at="2022-12-15 13:30").clock(Stage.RECTIFICATION, open=False)


def test_the_partys_miss_leaves_dispatch_paused_until_the_legal_review() -> None:
    late = given(filed(), ordered_right()).when(fired("2022-12-16 11:00")).then(RectificationExpired).nothing_more()
    late.clock(Stage.RECTIFICATION, missed_at="2022-12-16 11:00").clock(Stage.DISPATCH, paused=True, missed_at=None)
    review = given(filed(), ordered_right(), fired("2022-12-16 11:00")).when(reviewed("2022-12-19 11:00"))
    review.then(LegalReviewPassed).nothing_more().has(reviewed_by=person("reviewer"))
    review.clock(Stage.DISPATCH, running=True, due_at="2022-12-19 13:30")


def test_once_reviewed_an_order_no_longer_pauses_dispatch() -> None:
    given(filed(), reviewed("10:40")).when(ordered_right()).clock(Stage.DISPATCH, running=True)


def test_routing_while_the_party_is_under_an_order_is_on_time() -> None:
    given(filed(), ordered_right()).when(whistled("2022-12-20 09:00")).then(CaseWhistled, on_time=True)


def test_orders_and_reviews_come_once_and_ahead_of_time() -> None:
    given(filed()).when(ordered_right(by="11:00")).refuses(Invalid)
    given(filed(), ordered_right()).when(ordered_right("12:00")).refuses(AlreadyDone)
    given(filed()).when(complied()).refuses(WrongState)
    given(filed(), ordered_right(), complied()).when(complied()).refuses(AlreadyDone)
    given(filed(), reviewed()).when(reviewed()).refuses(AlreadyDone)
    for history in OVER:
        given(filed(), *history).when(ordered_right("17:00")).refuses(WrongState)
        given(filed(), *history).when(reviewed()).refuses(WrongState)


def test_a_suspension_pauses_dispatch_until_the_resumption() -> None:
    found = given(filed()).when(suspended()).then(CaseSuspended, resume_at="2023-05-01 09:00").nothing_more()
    found.has(state="suspended").clock(Stage.DISPATCH, paused=True).clock(Stage.SUSPENSION, due_at="2023-05-01 09:00")
    back = given(filed(), suspended()).when(resumed()).then(CaseResumed, automatic=False).nothing_more()
    back.has(state="filed").clock(Stage.DISPATCH, running=True, due_at="2022-12-16 13:30")


def test_a_resumption_by_itself_is_left_to_whoever_has_the_responses() -> None:
    waiting = given(filed(), suspended())
    waiting.when(fired("2023-05-01 09:00")).nothing_more()
    assert oversight.resumption_is_due(waiting.aggregate, local("2023-05-01 09:00"))
    assert not oversight.resumption_is_due(waiting.aggregate, local("2023-05-01 08:59"))


@pytest.mark.parametrize("end", [complied(), reviewed()], ids=["compliance", "legal review"])
def test_dispatch_waits_for_both_the_order_and_the_suspension_to_end(end: CaseStep) -> None:
    both = given(filed(), ordered_right(), suspended("12:00"))
    both.when(resumed("2022-12-15 09:00")).clock(Stage.DISPATCH, paused=True)
    both.when(end).clock(Stage.DISPATCH, paused=True)
    back = given(filed(), ordered_right(), suspended("12:00"), end).when(resumed("2022-12-16 11:00"))
    back.clock(Stage.DISPATCH, running=True, due_at="2022-12-16 13:30")


@pytest.mark.parametrize("until", ["11:00", "10:59", "2023-12-14 11:01"])
def test_a_suspension_ends_ahead_and_within_a_year(until: str) -> None:
    given(filed()).when(suspended("11:00", until)).refuses(Invalid)
    given(filed()).when(suspended("11:00", "2023-12-14 11:00")).then(CaseSuspended)


def test_a_case_is_suspended_once_and_resumed_once() -> None:
    given(filed(), suspended()).when(suspended("12:00")).refuses(AlreadyDone)
    given(filed(), suspended(), resumed()).when(suspended("2022-12-19 12:00")).refuses(WrongState)
    given(filed(), suspended(), resumed()).when(resumed("2022-12-19 12:00")).refuses(AlreadyDone)
    given(filed()).when(resumed()).refuses(WrongState)
    given(filed(), suspended(), cancelled()).when(resumed()).refuses(WrongState)
    for history in OVER:
        given(filed(), *history).when(suspended("17:00")).refuses(WrongState)


def test_supervision_is_ordered_once() -> None:
    given(filed()).when(supervised).then(SupervisionOrdered, departments=(BUREAU,)).nothing_more()
    given(filed(), supervised).when(supervised).refuses(AlreadyDone)
    given(filed(), cancelled()).when(supervised).refuses(WrongState)


def test_a_listing_sets_a_limit_of_its_own_until_it_is_lifted() -> None:
    found = given(filed(), whistled()).when(listed()).then(SupervisionListed, limit_at="2022-12-20 17:30")
    found.nothing_more().clock(Stage.LISTING, due_at="2022-12-20 17:30", running=True)
    late = given(filed(), whistled(), listed()).when(fired("2022-12-20 17:30")).then(ListingMissed).nothing_more()
    late.clock(Stage.LISTING, missed_at="2022-12-20 17:30")
    lifted = given(filed(), whistled(), listed()).when(delisted).then(SupervisionDelisted).nothing_more()
    lifted.clock(Stage.LISTING, stopped_at="2022-12-15 09:00").has(listed=False)


def test_a_case_is_listed_and_delisted_once_at_a_time() -> None:
    given(filed(), listed()).when(listed("15:00")).refuses(AlreadyDone)
    given(filed()).when(listed("14:00", "14:00")).refuses(Invalid)
    given(filed()).when(delisted).refuses(WrongState)
    given(filed(), listed(), delisted).when(delisted).refuses(AlreadyDone)
    given(filed(), cancelled()).when(listed()).refuses(WrongState)


@pytest.mark.parametrize(
    ("due", "on_time"), [(CLOSED_AT, True), ("16:09", False), (None, True)], ids=["at the due", "late", "no due"]
)
def test_closing_starts_the_callback_and_says_whether_it_was_on_time(due: str | None, *, on_time: bool) -> None:
    found = given(filed(), whistled(), listed()).when(closed(due=due)).then(CaseClosed, on_time=on_time).nothing_more()
    found.has(state="closed", closed_at=CLOSED_AT, closings=1)
    found.clock(Stage.CALLBACK, due_at=CALLBACK_DUE, running=True).clock(Stage.LISTING, met_at=CLOSED_AT)


def test_a_case_is_closed_once_when_routed_and_running() -> None:
    given(filed()).when(closed()).refuses(WrongState)
    given(filed(), whistled(), suspended("14:00")).when(closed()).refuses(WrongState)
    given(filed(), whistled(), closed()).when(closed("17:00")).refuses(AlreadyDone)
    given(filed(), cancelled()).when(closed()).refuses(WrongState)


def test_the_reporter_is_called_back_once_within_the_window() -> None:
    ready = given(filed(), whistled(), closed())
    found = ready.when(rated(CALLBACK_DUE)).then(ReporterRated, satisfaction=Satisfaction.SATISFIED, on_time=True)
    found.nothing_more().clock(Stage.CALLBACK, met_at=CALLBACK_DUE, missed_at=None)
    ready.when(rated("2022-12-19 17:31")).refuses(TooLate)
    ready.when(fired(CALLBACK_DUE)).then(CallbackMissed).nothing_more()
    given(filed(), whistled(), closed(), rated()).when(rated("17:10")).refuses(AlreadyDone)
    given(filed(), whistled()).when(rated()).refuses(WrongState)


@pytest.mark.parametrize(
    ("routing", "way"), [(whistled(), "whistled"), (direct(), "direct")], ids=["whistled", "direct"]
)
def test_a_reopened_case_goes_its_old_way_and_is_closed_and_rated_anew(routing: CaseStep, way: str) -> None:
    found = given(filed(), routing, closed(), rated()).when(reopened()).then(CaseReopened, reason="原址复发")
    found.nothing_more().has(state="reopened", way=way, closed_at=None)
    again = given(filed(), routing, closed(), rated(), reopened(), closed("2022-12-21 09:00"))
    again.when(rated("2022-12-21 10:00")).then(ReporterRated).has(closings=2)


def test_a_reopening_stops_the_callback() -> None:
    given(filed(), whistled(), closed()).when(reopened("17:00")).clock(Stage.CALLBACK, stopped_at="17:00")


def test_a_case_is_reopened_within_thirty_days_of_its_closing() -> None:
    ready = given(filed(), whistled(), closed())
    ready.when(reopened("2023-01-13 16:10")).then(CaseReopened)
    ready.when(reopened("2023-01-13 16:11")).refuses(TooLate)
    given(filed(), whistled()).when(reopened()).refuses(WrongState)
    given(filed(), whistled(), closed(), reopened()).when(reopened("2022-12-20 10:00")).refuses(AlreadyDone)


def test_a_case_is_cancelled_once_while_under_way_and_nothing_falls_due_after() -> None:
    found = given(filed(), listed()).when(cancelled()).then(CaseCancelled, reason="误报").nothing_more()
    found.has(state="cancelled").clock(Stage.DISPATCH, stopped_at="14:00").clock(Stage.LISTING, stopped_at="14:00")
    given(filed(), listed(), ordered_right(), cancelled()).when(fired("2023-06-01 09:00")).nothing_more()
    given(filed(), cancelled()).when(cancelled("15:00")).refuses(AlreadyDone)
    given(filed(), whistled(), closed()).when(cancelled("17:00")).refuses(WrongState)


def test_a_correction_changes_what_it_names_and_keeps_the_rest() -> None:
    found = given(filed()).when(corrected).then(CaseCorrected, item_name="井盖缺失", urgency="urgent", place=FAR)
    found.nothing_more().has(urgency="urgent", item_name="井盖缺失")
    kept = given(filed()).when(lambda case: case.correct(None, None, FAR, "2026-1", "定位有误", act("11:00")))
    kept.then(CaseCorrected, item=SIGN_ITEM.code, item_limit=FIVE_DAYS, urgency="general", place=FAR)


def test_a_correction_names_something_and_the_case_is_not_over() -> None:
    given(filed()).when(lambda case: case.correct(None, None, None, "2026-1", "无", act("11:00"))).refuses(Invalid)
    for history in OVER:
        given(filed(), *history).when(corrected).refuses(WrongState)
    given(filed(), suspended()).when(corrected).then(CaseCorrected)


def test_the_first_street_that_acts_takes_the_case_on() -> None:
    def located(street: str) -> Callable[[Case], object]:
        return lambda case: case.locate(street, act("11:00"))

    given(filed()).when(located("220204001")).then(CaseLocated, street="220204001").nothing_more()
    given(filed(), located("220204001")).when(located("220204002")).nothing_more().has(street="220204001")
