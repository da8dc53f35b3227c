"""Cases: when their commands are refused, and what they bring about."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.model import consequences
from tests.model.deed import ALREADY, EITHER, FINE, LATE, WRONG, Deed, Rule, Verdict, named, sound
from tests.model.rules_reports import item_wrong
from tests.model.things import Case, Response, Whistle

OWN_LIST = "占道经营"


# Routing.


def routable(way: str) -> Callable[[Case, Deed], Verdict]:
    """Only a filed case is routed; where it goes the wanted way, that stands already."""

    def state(case: Case, deed: Deed) -> Verdict:
        if case.way == way:
            return ALREADY
        return FINE if case.way == "filed" and not case.suspended else WRONG

    return state


def draftable(case: Case, deed: Deed) -> Verdict:
    return EITHER if case.way == "whistled" else routable("whistled")(case, deed)


def direct_wrong(case: Case, deed: Deed) -> set[str]:
    if case.street is None and deed.role != "street_leader":
        return {"INVALID"}
    return set() if case.item == OWN_LIST else {"ITEM_OUTSIDE_LIST"}


def route_direct(case: Case, deed: Deed) -> None:
    case.way, case.was_direct = "direct", True
    case.children = deed.given.get("children")
    case.meet("dispatch", deed.at)
    case.direct = Response(
        id=deed.ids["direct"], case=case, department=f"{case.street}-T", lead=True, urgency=case.urgency, at=deed.at
    )
    case.direct.start("disposal")


def _departments(given: dict[str, Any]) -> list[str]:
    return [given["lead"], *(given.get("support") or ())]


def asked(case: Case, deed: Deed) -> dict[str, Any]:
    """What a whistle asks for: what the leader leaves out is taken from the officer's draft."""
    if deed.name != "blow_whistle" or not case.draft:
        return deed.given
    whole = {**case.draft, **deed.given}
    if "lead" in deed.given and "support" not in deed.given:
        whole["support"] = []
    return whole


def keep_draft(case: Case, deed: Deed) -> None:
    case.draft = dict(deed.given)


def draft_wrong(_: Any, deed: Deed) -> set[str]:
    return departments_wrong(deed.given)


def departments_wrong(given: dict[str, Any]) -> set[str]:
    codes = _departments(given)
    found = set().union(*map(named, codes))
    return found | ({"INVALID"} if len(set(codes)) != len(codes) else set())


def whistle_wrong(case: Case, deed: Deed) -> set[str]:
    """Each department once; the kind fits the urgency; what the street may do itself is whistled jointly only."""
    given = asked(case, deed)
    if "lead" not in given:
        return {"INVALID"}
    found = departments_wrong(given)
    kind, appointed = given.get("kind", "enforcement"), given.get("appointed_at")
    emergency = case.urgency == "emergency"
    if kind == "emergency" and not emergency:
        found.add("INVALID")
    if appointed is not None and (emergency or kind != "enforcement" or appointed <= deed.at):
        found.add("INVALID")
    if case.item == OWN_LIST and (len(_departments(given)) < 2 or not given.get("reason")):
        found.add("ITEM_IN_LIST")
    return found


def whistle(case: Case, deed: Deed) -> None:
    case.way = "whistled"
    case.meet("dispatch", deed.at)
    given = asked(case, deed)
    blown = Whistle(id=deed.ids["whistle"], case=case, appointed_at=given.get("appointed_at"))
    case.whistles.append(blown)
    for n, code in enumerate(_departments(given)):
        call(blown, code, deed, lead=n == 0)


def call(blown: Whistle, code: str, deed: Deed, *, lead: bool) -> None:
    """A department is called: SIGN, ARRIVAL and DISPOSAL start."""
    assert blown.case is not None
    response = Response(
        id=deed.ids[f"response/{code}"], case=blown.case, whistle=blown, department=code, lead=lead,
        urgency=blown.case.urgency, at=deed.at,
    )  # fmt: skip
    for stage in ("signature", "arrival", "disposal"):
        response.start(stage)
    blown.responses.append(response)


# Along the way.


def before_arrival(case: Case) -> Verdict:
    """Refused after the first arrival; whether one that was released since still counts, the rules leave open."""
    if any(each.arrived_at and each.state != "released" for each in case.responses):
        return WRONG
    if any(each.arrived_at or (each.direct and each.worked) for each in case.responses):
        return FINE | WRONG if not _direct_done(case) else WRONG
    return FINE


def _direct_done(case: Case) -> bool:
    return case.direct is not None and case.direct.completed_at is not None


def correctable(case: Case, deed: Deed) -> Verdict:
    return before_arrival(case) if case.under_way else WRONG


def correct_wrong(case: Case, deed: Deed) -> set[str]:
    nothing = not any(deed.given.get(each) for each in ("item", "urgency", "place"))
    return item_wrong(case, deed) | ({"INVALID"} if nothing else set())


def correct(case: Case, deed: Deed) -> None:
    case.item = deed.given.get("item") or case.item
    case.urgency = deed.given.get("urgency") or case.urgency
    for response in case.responses:
        if response.open:
            response.urgency, response.corrected = case.urgency, True
            response.missed.discard("disposal")
            paused = response.watches["disposal"].paused
            response.start("disposal")
            response.watches["disposal"].paused = response.watches["disposal"].was_paused = paused


def progressing(case: Case, deed: Deed) -> Verdict:
    return FINE if case.way == "direct" and not case.suspended else WRONG


def progress_wrong(case: Case, deed: Deed) -> set[str]:
    done, of = deed.given["done"], deed.given["of"]
    fits = case.children in (None, of) and case.progress <= done <= of
    return set() if fits else {"INVALID"}


def progress(case: Case, deed: Deed) -> None:
    case.progress, case.children = deed.given["done"], deed.given["of"]


def once_under_way(flag: str) -> Callable[[Case, Deed], Verdict]:
    """A case under way, for which it was not done yet."""

    def state(case: Case, deed: Deed) -> Verdict:
        if not case.under_way:
            return EITHER if getattr(case, flag) else WRONG
        return ALREADY if getattr(case, flag) else FINE

    return state


def review(case: Case, deed: Deed) -> None:
    case.reviewer = deed.person
    if not case.suspended:
        case.resume("dispatch")


def orderable(case: Case, deed: Deed) -> Verdict:
    running = "rectification" in case.watches and case.watches["rectification"].running
    if not case.under_way:
        return EITHER if running else WRONG
    return ALREADY if running else FINE


def ahead(name: str) -> Callable[[Case, Deed], set[str]]:
    return lambda case, deed: set() if deed.given[name] > deed.at else {"INVALID"}


def order(case: Case, deed: Deed) -> None:
    case.start("rectification")
    if case.reviewer is None:
        case.pause("dispatch", deed.at)


def complying(case: Case, deed: Deed) -> Verdict:
    if case.is_open("rectification"):
        return FINE
    return EITHER if "rectification" in case.watches else WRONG


def comply(case: Case, deed: Deed) -> None:
    case.meet("rectification", deed.at)
    if not case.suspended:
        case.resume("dispatch")


def suspendable(case: Case, deed: Deed) -> Verdict:
    if not case.under_way:
        return EITHER if case.suspended else WRONG
    return ALREADY if case.suspended else WRONG if case.was_suspended else FINE


def suspend_wrong(case: Case, deed: Deed) -> set[str]:
    """Ahead, and at most a year away; the machine keeps clear of the year's last day."""
    fits = deed.at < deed.given["resume_at"] <= deed.at + timedelta(days=366)
    return set() if fits else {"INVALID"}


def suspend(case: Case, deed: Deed) -> None:
    case.suspended = case.was_suspended = True
    case.suspended_at = deed.at
    case.start("suspension")
    case.pause("dispatch", deed.at)
    consequences.suspend(case, deed.at)


def resumable(case: Case, deed: Deed) -> Verdict:
    if not case.under_way:
        return EITHER if case.was_suspended else WRONG
    return FINE if case.suspended else ALREADY if case.was_suspended else WRONG


def resume(case: Case, deed: Deed) -> None:
    consequences.resume(case, deed.at)


def supervise(case: Case, deed: Deed) -> None:
    case.supervised = True


def list_case(case: Case, deed: Deed) -> None:
    case.listed = case.was_listed = True
    case.start("listing")


def delistable(case: Case, deed: Deed) -> Verdict:
    return FINE if case.listed else ALREADY if case.was_listed else WRONG


def delist(case: Case, deed: Deed) -> None:
    case.listed = False
    case.stop("listing")


# The end, and after it.


def closable(case: Case, deed: Deed) -> Verdict:
    """Every response that was not released is verified or defaulted."""
    if case.way == "closed":
        return ALREADY
    routed = case.way in ("direct", "whistled") and not case.suspended
    ready = any(each.done for each in case.responses) and not any(each.open for each in case.responses)
    return FINE if routed and ready else WRONG


def close(case: Case, deed: Deed) -> None:
    case.way, case.closed_at, case.rated = "closed", deed.at, False
    case.start("callback")
    case.meet("listing", deed.at)
    for response in case.responses:
        if response.sheet is not None and response.done:
            response.sheet.windows_open = True
            response.sheet.start("evaluation")
            response.sheet.start("callback")


def ratable(case: Case, deed: Deed) -> Verdict:
    if case.way != "closed":
        return WRONG
    return ALREADY if case.rated else LATE if case.is_past("callback", deed.at) else FINE


def rate(case: Case, deed: Deed) -> None:
    case.rated = True
    case.meet("callback", deed.at)
    for response in case.responses:
        sheet = response.sheet
        if sheet is not None and sheet.windows_open and not sheet.rating_in:
            sheet.rating_in, sheet.rating = True, deed.given["satisfaction"]
            sheet.meet("callback", deed.at)
            consequences.serve(sheet)


def reopenable(case: Case, deed: Deed) -> Verdict:
    if case.way != "closed":
        return ALREADY if case.reopened and case.under_way else WRONG
    assert case.closed_at is not None
    return LATE if deed.at > case.closed_at + timedelta(days=30) else FINE


def reopen(case: Case, deed: Deed) -> None:
    case.way, case.reopened, case.closed_at = "direct" if case.was_direct else "whistled", True, None
    case.stop("callback")
    for response in case.responses:
        if response.state == "verified":
            response.state, response.completed_at, response.completed_by = "rework", None, None
            response.reminded_earlier = response.reminded
            response.start("disposal")
        if response.sheet is not None:
            _send_back(response)
    for blown in case.whistles:
        if blown.state == "resolved" and any(each.open for each in blown.responses):
            blown.state = "blown"


def _send_back(response: Response) -> None:
    """The sheet is drafted again; what was known of the street's part and the rating stands until replaced."""
    sheet = response.sheet
    assert sheet is not None
    sheet.state, sheet.outcome, sheet.windows_open = "drafted", None, False
    sheet.street_in = sheet.street_gave = sheet.rating_in = False
    sheet.objected = sheet.replied = sheet.reviewed = sheet.review_window = False
    sheet.reopened += 1
    for stage in consequences.WINDOWS:
        sheet.watches.pop(stage, None)


def cancellable(case: Case, deed: Deed) -> Verdict:
    if case.way == "cancelled":
        return ALREADY
    return before_arrival(case) if case.under_way else WRONG


def cancel(case: Case, deed: Deed) -> None:
    case.way = "cancelled"
    case.stop("dispatch", "rectification", "suspension", "listing")
    for response in case.responses:
        if response.open:
            consequences.release(response)
            consequences.withdraw_opened(response)
    for blown in case.whistles:
        if blown.state == "blown":
            blown.state = "withdrawn"


CASE_RULES = {
    "route_direct": Rule(routable("direct"), direct_wrong, route_direct),
    "draft_whistle": Rule(draftable, draft_wrong, keep_draft),
    "blow_whistle": Rule(routable("whistled"), whistle_wrong, whistle),
    "push_case": Rule(routable("whistled"), whistle_wrong, whistle),
    "correct_case": Rule(correctable, correct_wrong, correct),
    "report_progress": Rule(progressing, progress_wrong, progress),
    "pass_legal_review": Rule(once_under_way("reviewer"), sound, review),
    "order_rectification": Rule(orderable, ahead("comply_by"), order),
    "confirm_compliance": Rule(complying, sound, comply),
    "suspend_case": Rule(suspendable, suspend_wrong, suspend),
    "resume_case": Rule(resumable, sound, resume),
    "order_supervision": Rule(once_under_way("supervised"), sound, supervise),
    "list_case": Rule(once_under_way("listed"), ahead("limit_at"), list_case),
    "delist_case": Rule(delistable, sound, delist),
    "close_case": Rule(closable, sound, close),
    "rate": Rule(ratable, sound, rate),
    "reopen_case": Rule(reopenable, sound, reopen),
    "cancel_case": Rule(cancellable, sound, cancel),
}
