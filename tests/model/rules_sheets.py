"""Sheets and interviews: when their commands, given on a response, are refused, and what they bring about."""

from collections.abc import Callable
from typing import Any

from tests.model import consequences
from tests.model.deed import ALREADY, EITHER, FINE, LATE, SAME_PERSON, WRONG, Deed, Rule, Verdict, sound
from tests.model.rules_responses import flag
from tests.model.things import Interview, Response, Sheet

# Sheets.


def on_sheet(guard: Callable[[Sheet, Deed], Verdict]) -> Callable[[Any, Deed], Verdict]:
    return lambda response, deed: WRONG if response.sheet is None else guard(response.sheet, deed)


def changes(effect: Callable[[Sheet, Deed], None]) -> Callable[[Any, Deed], None]:
    return lambda response, deed: effect(response.sheet, deed)


def evaluable(sheet: Sheet, deed: Deed) -> Verdict:
    if not sheet.windows_open:
        return WRONG
    return ALREADY if sheet.street_gave else LATE if sheet.street_in or sheet.is_past("evaluation", deed.at) else FINE


def evaluate_wrong(_: Any, deed: Deed) -> set[str]:
    known = {"conduct": consequences.CONDUCT, "cooperation": consequences.COOPERATION, "vetoes": consequences.VETOES}
    fits = all(set(deed.given.get(part, ())) <= set(entries) for part, entries in known.items())
    return set() if fits else {"INVALID"}


def evaluate(sheet: Sheet, deed: Deed) -> None:
    sheet.street_in = sheet.street_gave = True
    sheet.part = {part: list(deed.given.get(part, ())) for part in ("conduct", "cooperation", "vetoes")}
    sheet.evaluators.add(deed.person)
    sheet.meet("evaluation", deed.at)
    consequences.serve(sheet)


def objectionable(sheet: Sheet, deed: Deed) -> Verdict:
    if sheet.objected:
        return ALREADY
    if sheet.state == "drafted":
        return WRONG
    return FINE if sheet.state == "served" and not sheet.is_past("objection", deed.at) else LATE


def object_to(sheet: Sheet, deed: Deed) -> None:
    sheet.state, sheet.objected = "objected", True
    sheet.meet("objection", deed.at)
    sheet.start("reply")


def answerable(sheet: Sheet, deed: Deed) -> Verdict:
    if sheet.replied:
        return ALREADY
    if not sheet.objected:
        return WRONG
    if sheet.is_past("reply", deed.at):
        return LATE if sheet.state == "objected" else LATE | WRONG
    return FINE if sheet.state == "objected" else WRONG


def reply(sheet: Sheet, deed: Deed) -> None:
    sheet.replied = sheet.review_window = True
    sheet.evaluators.add(deed.person)
    sheet.meet("reply", deed.at)
    sheet.start("review_request")


def reviewable(sheet: Sheet, deed: Deed) -> Verdict:
    if sheet.state == "under_review" or sheet.reviewed:
        return ALREADY
    if not sheet.review_window:
        return WRONG
    return LATE if sheet.state == "final" or sheet.is_past("review_request", deed.at) else FINE


def ask_review(sheet: Sheet, deed: Deed) -> None:
    sheet.state = "under_review"
    sheet.meet("review_request", deed.at)
    sheet.start("decision")


def decidable(sheet: Sheet, deed: Deed) -> Verdict:
    """Once; whoever evaluated, ruled on the response or passed the legal review is recused."""
    if sheet.reviewed:
        return ALREADY
    if sheet.state != "under_review":
        return WRONG
    assert sheet.response is not None
    assert sheet.response.case is not None
    acted = sheet.evaluators | sheet.response.rulers | {sheet.response.case.reviewer}
    return SAME_PERSON if deed.person in acted else FINE


def decide_wrong(_: Any, deed: Deed) -> set[str]:
    known = {"signature", "arrival", "disposal", "failed_verification", "reopened", "second_extension"}
    known |= {*consequences.CONDUCT, *consequences.COOPERATION, *consequences.VETOES}
    exempt = set(deed.given.get("exempt", ()))
    return set() if exempt <= known and (deed.given["upheld"] or not exempt) else {"INVALID"}


def decide(sheet: Sheet, deed: Deed) -> None:
    sheet.reviewed = True
    sheet.exempt |= set(deed.given.get("exempt", ()))
    sheet.meet("decision", deed.at)
    consequences.finalise(sheet, deed.at)


def proposed(outcome: str, flag: str) -> Callable[[Sheet, Deed], Verdict]:
    """A person confirms what was proposed when the sheet became final."""

    def state(sheet: Sheet, deed: Deed) -> Verdict:
        if getattr(sheet, flag):
            return ALREADY if sheet.outcome == outcome else EITHER
        return FINE if sheet.outcome == outcome else WRONG

    return state


# Interviews.

REACHED = {"opened": 0, "confirmed": 1, "held": 2, "expired": 2, "rectified": 3}


def interviewing(step: str) -> Callable[[Response, Deed], Verdict]:
    """One step after another; a step that lies behind stands already."""

    def state(response: Response, deed: Deed) -> Verdict:
        if not response.interviews or response.interviews[-1].state == "withdrawn":
            return WRONG
        interview, wanted = response.interviews[-1], REACHED[step]
        if REACHED[interview.state] >= wanted:
            return ALREADY
        if interview.state == "expired":
            return LATE
        return FINE if REACHED[interview.state] == wanted - 1 else WRONG

    return state


def goes(step: str) -> Callable[[Response, Deed], None]:
    def effect(response: Response, deed: Deed) -> None:
        interview: Interview = response.interviews[-1]
        interview.state = step
        if step == "rectified":
            interview.meet("interview_limit", deed.at)

    return effect


SHEET_RULES = {
    "evaluate": Rule(on_sheet(evaluable), evaluate_wrong, changes(evaluate)),
    "object": Rule(on_sheet(objectionable), sound, changes(object_to)),
    "reply_objection": Rule(on_sheet(answerable), sound, changes(reply)),
    "request_review": Rule(on_sheet(reviewable), sound, changes(ask_review)),
    "decide_review": Rule(on_sheet(decidable), decide_wrong, changes(decide)),
    "confirm_commendation": Rule(on_sheet(proposed("commend", "commended")), sound, changes(flag("commended"))),
    "confirm_criticism": Rule(on_sheet(proposed("interview", "criticised")), sound, changes(flag("criticised"))),
    "confirm_interview": Rule(interviewing("confirmed"), sound, goes("confirmed")),
    "hold_interview": Rule(interviewing("held"), sound, goes("held")),
    "rectify": Rule(interviewing("rectified"), sound, goes("rectified")),
}
