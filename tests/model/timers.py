"""What timers find overdue, thing by thing."""

from datetime import datetime

from tests.model import consequences
from tests.model.things import Case, Interview, Report, Response, Sheet, Thing


def fire(thing: Thing, at: datetime) -> None:
    """Record what is overdue on one thing at a moment, with all that follows."""
    if isinstance(thing, Report):
        thing.miss("triage", at)
    elif isinstance(thing, Case):
        _case(thing, at)
    elif isinstance(thing, Response):
        _response(thing, at)
    elif isinstance(thing, Sheet):
        _sheet(thing, at)
    elif isinstance(thing, Interview) and thing.miss("interview_limit", at) and thing.state == "held":
        thing.state = "expired"


def _case(case: Case, at: datetime) -> None:
    watch = case.watches.get("suspension")
    if watch is not None and watch.overdue(at):
        consequences.resume(case, at)
    for stage in ("dispatch", "rectification", "listing", "callback"):
        case.miss(stage, at)


def _response(response: Response, at: datetime) -> None:
    for stage in ("arbitration", "verification", "reminder_limit"):
        response.miss(stage, at)
    if response.miss("signature", at):
        response.missed.add("signature")
    if response.miss("arrival", at):
        response.missed.add("arrival")
        consequences.open_interview(response, "arrival", at)
    if response.miss("disposal", at):
        response.missed.add("disposal")
        response.pending = 0
        if response.arrived_at is not None and response.on_time:
            consequences.remind(response, at, anew=True)


def _sheet(sheet: Sheet, at: datetime) -> None:
    if sheet.miss("evaluation", at):
        sheet.street_in = True
        consequences.serve(sheet)
    if sheet.miss("callback", at):
        sheet.rating_in = True
        consequences.serve(sheet)
    if sheet.miss("reply", at):
        sheet.start("review_request")
        sheet.review_window = True
    sheet.miss("decision", at)
    if sheet.miss("objection", at) or sheet.miss("review_request", at):
        consequences.finalise(sheet, at)
