"""Reports: when their commands are refused, and what they bring about."""

from collections.abc import Callable
from typing import Any

from domain.kernel import Kind, child
from tests.model.deed import ALREADY, FINE, WRONG, Deed, Rule, Verdict, sound
from tests.model.things import Case, Report

ITEMS = {"占道经营": "CG-001", "牌匾标识内容错误": "CG-003", "井盖缺失": "CG-010", "噪声扰民": "CG-011"}
"""The items that the model's city reports; the first is in every street's own list."""

PHOTO_ITEM = "暴露垃圾"
MERGE_M, METRES_A_DEGREE = 100, 111_195


def waiting(wanted: str) -> Callable[[Report, Deed], Verdict]:
    """Refused unless the report waits for triage; ALREADY_DONE where it is what is wanted."""

    def state(report: Report, deed: Deed) -> Verdict:
        if report.state == wanted:
            return ALREADY
        return FINE if report.open else WRONG

    return state


def becomes(wanted: str, *, counts: bool) -> Callable[[Report, Deed], None]:
    """The report is settled; TRIAGE is met where that was an answer, else it just stops."""

    def effect(report: Report, deed: Deed) -> None:
        report.state = wanted
        if counts:
            report.meet("triage", deed.at)
        else:
            report.stop("triage")

    return effect


def submit_wrong(_: Any, deed: Deed) -> set[str]:
    item = deed.given.get("item")
    if item == PHOTO_ITEM and not deed.given.get("photos"):
        return {"INVALID"}
    return {"UNKNOWN"} if item is not None and item not in (*ITEMS, PHOTO_ITEM) else set()


def ask_check(report: Report, deed: Deed) -> None:
    report.state = "site_check"
    report.pause("triage", deed.at)


def checkable(report: Report, deed: Deed) -> Verdict:
    if report.state == "reported" and report.checked:
        return ALREADY
    return FINE if report.state == "site_check" else WRONG


def check(report: Report, deed: Deed) -> None:
    report.state, report.checked = "reported", True
    report.resume("triage")


def merge_wrong(report: Report, deed: Deed) -> set[str]:
    """One item, near, and into a master that is still open."""
    master: Report | None = deed.given["_master"]
    if master is None:
        return {"UNKNOWN"}
    if master is report:
        return {"INVALID"}
    found = set() if master.open or master.state == "filed" else {"WRONG_STATE"}
    item = master.case.item if master.case else master.item
    if master.case is not None and not master.case.under_way:
        found.add("WRONG_STATE")
    if report.item is not None and item is not None and report.item != item:
        found.add("INVALID")
    if abs(report.lat - master.lat) * METRES_A_DEGREE > MERGE_M:
        found.add("TOO_FAR")
    return found


def merge(report: Report, deed: Deed) -> None:
    report.state, report.into = "merged", deed.given["_master"]
    report.stop("triage")


def unmergeable(report: Report, deed: Deed) -> Verdict:
    if report.state == "reported" and report.was_unmerged:
        return ALREADY
    return FINE if report.state == "merged" else WRONG


def unmerge_wrong(report: Report, deed: Deed) -> set[str]:
    master = report.into.case if report.into else None
    return {"WRONG_STATE"} if master is not None and not master.under_way else set()


def unmerge(report: Report, deed: Deed) -> None:
    report.state, report.into, report.was_unmerged = "reported", None, True
    report.start("triage")


def unmaskable(report: Report, deed: Deed) -> Verdict:
    if not report.named:
        return frozenset({"UNKNOWN"})
    return ALREADY if report.erased else FINE


def erase(report: Report, deed: Deed) -> None:
    report.erased = True


def item_wrong(_: Any, deed: Deed) -> set[str]:
    return set() if deed.given.get("item") in (*ITEMS, PHOTO_ITEM, None) else {"UNKNOWN"}


def file(report: Report, deed: Deed) -> None:
    becomes("filed", counts=True)(report, deed)
    assert report.id is not None
    case = Case(
        id=child(report.id, Kind.CASE), report=report, item=deed.given["item"], urgency=deed.given["urgency"],
        area=report.area, street=report.street,
    )  # fmt: skip
    case.start("dispatch")
    report.case = case


REPORT_RULES = {
    "request_site_check": Rule(waiting("site_check"), sound, ask_check),
    "confirm_site_check": Rule(checkable, sound, check),
    "reject_report": Rule(waiting("rejected"), sound, becomes("rejected", counts=True)),
    "merge_report": Rule(waiting("merged"), merge_wrong, merge),
    "unmerge_report": Rule(unmergeable, unmerge_wrong, unmerge),
    "withdraw_report": Rule(waiting("withdrawn"), sound, becomes("withdrawn", counts=False)),
    "handle_on_spot": Rule(waiting("handled_on_spot"), sound, becomes("handled_on_spot", counts=True)),
    "file_case": Rule(waiting("filed"), item_wrong, file),
    "unmask_reporter": Rule(unmaskable, sound, lambda report, deed: None),
    "erase_reporter": Rule(unmaskable, sound, erase),
}
