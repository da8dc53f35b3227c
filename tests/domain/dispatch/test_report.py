"""A report until it is settled or filed: triage, site checks, merging, and the reporter's identity."""

from collections.abc import Callable

import pytest

from domain.dispatch.facts.report import (
    HandledOnSpot,
    ReportAbsorbed,
    ReportDetached,
    ReporterErased,
    ReporterUnmasked,
    ReportFiled,
    ReportLocated,
    ReportMerged,
    ReportRejected,
    ReportSubmitted,
    ReportUnmerged,
    ReportWithdrawn,
    SiteChecked,
    SiteCheckRequested,
    TriageMissed,
)
from domain.dispatch.report import Report
from domain.errors import AlreadyDone, Invalid, NotPermitted, TooFar, Unknown, WrongState
from domain.policy.deadlines import Stage
from tests.domain.dispatch.steps import CASE, FAR, HERE, ReportStep, reported
from tests.kit import KEEPER, act, given, person


def check_asked(at: str = "09:40") -> ReportStep:
    return lambda report: report.request_check(act(at))


def checked(at: str = "10:00") -> ReportStep:
    return lambda report: report.confirm_check("属实", act(at), KEEPER)


def rejected(at: str = "09:30") -> ReportStep:
    return lambda report: report.reject("不属于受理范围", "请联系物业", act(at))


def withdrawn(at: str = "09:30", by: str = "grid worker") -> ReportStep:
    return lambda report: report.withdraw(act(at, by))


def handled(at: str = "09:30") -> ReportStep:
    return lambda report: report.handle_on_spot("before", "after", act(at))


def turned_into_case(at: str = "10:30") -> ReportStep:
    return lambda report: report.file(CASE, act(at))


def merged(opening: Callable[[], Report], *steps: ReportStep, item: str | None = None) -> ReportStep:
    """Merged into a master report, which its own opening and steps describe."""

    def merge(report: Report) -> None:
        report.merge(given(opening, *steps).aggregate, item, act("10:00"), KEEPER)

    return merge


def unmerged(at: str = "10:20") -> ReportStep:
    def unmerge(report: Report) -> None:
        master = given(reported(ordinal=1)).aggregate
        master.absorbed.append(report.id)
        report.unmerge(master, act(at), KEEPER)

    return unmerge


def fired(at: str) -> ReportStep:
    return lambda report: report.fire(act(at), KEEPER)


def located(street: str) -> ReportStep:
    return lambda report: report.locate(street, act("09:20"))


MASTER = reported(ordinal=1)
SETTLED = [rejected(), withdrawn(), handled(), turned_into_case(), merged(MASTER)]


def test_triage_starts_with_the_report() -> None:
    found = given(reported("09:10"))
    assert isinstance(found.history[0], ReportSubmitted)
    found.when(fired("11:09")).nothing_more()
    found.when(fired("11:10")).then(TriageMissed).nothing_more().clock(Stage.TRIAGE, missed_at="11:10", open=True)


def test_an_imported_report_has_no_clocks_and_nothing_falls_due() -> None:
    given(reported(imported=True)).when(fired("2022-12-20 11:10")).nothing_more().has(clocks={})


def test_a_site_check_pauses_triage_until_somebody_looked() -> None:
    paused = (
        given(
            reported(),
        )
        .when(check_asked("09:40"))
        .then(SiteCheckRequested)
        .nothing_more()
    )
    paused.clock(Stage.TRIAGE, paused=True).has(state="site_check")
    back = given(reported(), check_asked("09:40")).when(checked("10:00")).then(SiteChecked, finding="属实")
    back.clock(Stage.TRIAGE, running=True, due_at="11:30").has(state="reported")


def test_a_site_check_is_asked_for_and_confirmed_once() -> None:
    given(reported(), check_asked()).when(check_asked("09:50")).refuses(AlreadyDone)
    given(reported()).when(checked()).refuses(WrongState)
    given(reported(), check_asked(), checked()).when(checked("10:10")).refuses(AlreadyDone)
    given(reported(), rejected()).when(checked()).refuses(WrongState)


@pytest.mark.parametrize(
    ("step", "fact", "state"),
    [(rejected(), ReportRejected, "rejected"), (handled(), HandledOnSpot, "handled_on_spot")],
)
def test_a_report_that_is_settled_in_time_meets_triage(
    step: ReportStep, fact: type[ReportRejected | HandledOnSpot], state: str
) -> None:
    for opening in ((reported(),), (reported(), check_asked("09:20"))):
        found = given(*opening).when(step).then(fact).nothing_more().has(state=state)
        found.clock(Stage.TRIAGE, met_at="09:30", missed_at=None)


def test_who_reported_may_withdraw_and_nobody_else() -> None:
    found = given(reported()).when(withdrawn()).then(ReportWithdrawn).nothing_more().has(state="withdrawn")
    found.clock(Stage.TRIAGE, stopped_at="09:30", met_at=None)
    given(reported()).when(withdrawn(by="somebody else")).refuses(NotPermitted)
    given(reported(), turned_into_case()).when(withdrawn("10:40")).refuses(WrongState)


@pytest.mark.parametrize(("at", "on_time"), [("11:10", True), ("11:11", False)])
def test_a_report_is_filed_on_time_until_triage_is_due(at: str, *, on_time: bool) -> None:
    found = given(reported()).when(turned_into_case(at)).then(ReportFiled, case=CASE, on_time=on_time).nothing_more()
    found.clock(Stage.TRIAGE, met_at=at, missed_at=None if on_time else "11:10").has(state="filed")


def test_a_report_filed_during_its_site_check_is_on_time() -> None:
    given(reported(), check_asked()).when(turned_into_case("2022-12-16 10:00")).then(ReportFiled, on_time=True)


@pytest.mark.parametrize("step", SETTLED, ids=["reject", "withdraw", "handle", "file", "merge"])
def test_the_same_settlement_twice_is_already_done(step: ReportStep) -> None:
    given(reported(), step).when(step).refuses(AlreadyDone)


@pytest.mark.parametrize("step", SETTLED, ids=["reject", "withdraw", "handle", "file", "merge"])
def test_what_is_settled_otherwise_stays_as_it_is(step: ReportStep) -> None:
    other = handled() if step is SETTLED[0] else rejected()
    given(reported(), step).when(other).refuses(WrongState)
    given(reported(), step).when(check_asked()).refuses(WrongState)


def test_a_merged_report_and_its_master_both_record_it() -> None:
    master = given(MASTER, turned_into_case()).aggregate
    near = HERE.model_copy(update={"lat": HERE.lat + 0.0008})
    found = given(reported(place=near)).when(lambda report: report.merge(master, None, act("11:00"), KEEPER))
    found.then(ReportMerged, into=master.id, distance_m=89.0).nothing_more().has(state="merged", into=master.id)
    found.clock(Stage.TRIAGE, stopped_at="11:00")
    assert [type(fact).__name__ for fact in master.pending_events] == [ReportAbsorbed.__name__]
    assert master.absorbed == [found.aggregate.id]


def test_reports_merge_when_near_of_one_item_and_into_an_open_master() -> None:
    given(reported(place=FAR)).when(merged(MASTER)).refuses(TooFar)
    given(reported(item="a")).when(merged(MASTER, item="b")).refuses(Invalid)
    given(reported(item="a")).when(merged(MASTER, item="a")).then(ReportMerged)
    given(reported()).when(merged(reported())).refuses(Invalid)
    for step in (rejected(), handled(), withdrawn(), merged(reported(ordinal=2))):
        given(reported()).when(merged(MASTER, step)).refuses(WrongState)


def test_an_unmerged_report_stands_alone_with_a_fresh_triage() -> None:
    found = given(reported(), merged(MASTER)).when(unmerged("10:20")).then(ReportUnmerged).nothing_more()
    found.has(state="reported", into=None).clock(Stage.TRIAGE, started_at="10:20", due_at="13:20", running=True)


def test_the_master_forgets_a_report_that_left_it() -> None:
    master, part = given(MASTER).aggregate, given(reported()).aggregate
    part.merge(master, None, act("10:00"), KEEPER)
    part.unmerge(master, act("10:20"), KEEPER)
    assert [type(fact).__name__ for fact in master.pending_events] == [
        ReportAbsorbed.__name__, ReportDetached.__name__,
    ]  # fmt: skip
    assert master.absorbed == []


def test_only_a_merged_report_is_unmerged_and_once() -> None:
    given(reported()).when(unmerged()).refuses(WrongState)
    given(reported(), merged(MASTER), unmerged()).when(unmerged("10:30")).refuses(AlreadyDone)


def test_the_first_street_that_acts_takes_the_report_on() -> None:
    given(reported()).when(located("220204001")).then(ReportLocated, street="220204001").nothing_more()
    given(reported(), located("220204001")).when(located("220204002")).nothing_more().has(street="220204001")


def test_reading_and_erasing_an_identity_is_on_record() -> None:
    named = given(reported(reporter="citizen"))
    named.when(lambda report: report.unmask("回访", act("12:00"))).then(
        ReporterUnmasked, person=person("citizen"), reason="回访"
    ).nothing_more()
    erased = named.when(lambda report: report.erase(act("12:00"))).then(ReporterErased, person=person("citizen"))
    erased.nothing_more().has(erased=True)


def test_there_must_be_an_identity_to_read_or_erase() -> None:
    def unmask(report: Report) -> None:
        report.unmask("回访", act("12:30"))

    def erase(report: Report) -> None:
        report.erase(act("12:00"))

    for step in (unmask, erase):
        given(reported()).when(step).refuses(Unknown)
        given(reported(reporter="citizen"), erase).when(step).refuses(AlreadyDone)
