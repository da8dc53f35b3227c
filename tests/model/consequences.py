"""What follows by itself: interviews, reminders, sheets, and what a case's suspension does to everything in it."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from tests.model.things import Case, Interview, Response, Sheet

PAUSABLE = ("signature", "arrival", "return", "arbitration", "disposal", "verification", "reminder_limit")
WINDOWS = ("evaluation", "callback", "objection", "reply", "review_request", "decision")
CONDUCT = {"few_officers": 10, "certificate_not_shown": 5, "not_recorded": 3, "document_error": 2}
COOPERATION = {"late_feedback": 2, "support_refused": 5, "missing_evidence": 1}
EACH_TIME = ("document_error", "missing_evidence")
VETOES = ("falsified", "refused", "grave_consequence", "unlawful")
SATISFIED = {"satisfied": 5, "fairly": 4, "not": 0}


def open_interview(response: Response, because: str, at: datetime) -> None:
    if response.direct or response.standing is not None:
        return
    interview = Interview(because=because, response=response)
    interview.start("interview_limit")
    if response.done:
        interview.meet("interview_limit", at)
    response.interviews.append(interview)


def withdraw_interview(response: Response) -> None:
    if (interview := response.standing) is not None:
        interview.state = "withdrawn"
        interview.stop("interview_limit")


def remind(response: Response, at: datetime, *, anew: bool = False) -> None:
    if response.direct or (response.reminded and not (anew and response.reminded_earlier)):
        return
    response.reminded, response.reminded_earlier = True, False
    response.start("reminder_limit")
    if not response.open:
        response.meet("reminder_limit", at)


def withdraw_reminder(response: Response) -> None:
    if response.reminded:
        response.reminded = False
        response.stop("reminder_limit")


def withdraw_opened(response: Response) -> None:
    withdraw_interview(response)
    withdraw_reminder(response)


def arrived(response: Response, moment: datetime, at: datetime) -> None:
    """An arrival counts, from a moment that is judged, perhaps again."""
    watch = response.watches["arrival"]
    watch.missed, watch.ended, watch.paused = watch.passed(moment), True, False
    response.arrived_at, response.on_time = moment, not watch.missed
    if watch.missed:
        response.missed.add("arrival")
        open_interview(response, "arrival", at)
        return
    response.missed.discard("arrival")
    if response.standing is not None and response.standing.because == "arrival":
        withdraw_interview(response)
    if "disposal" in response.missed:
        remind(response, at)


def release(response: Response) -> None:
    response.stop(*PAUSABLE)
    response.state, response.pending, response.return_pending = "released", 0, False


def ended(response: Response, at: datetime) -> None:
    """Verified or defaulted: the sheet is drafted, the interview's limit is met, the whistle perhaps resolved."""
    if response.whistle is None:
        return
    if response.state == "verified" and response.standing is not None:
        response.standing.meet("interview_limit", at)
    if response.sheet is None:
        response.sheet = Sheet(response=response)
    if not any(each.open for each in response.whistle.responses):
        response.whistle.state = "resolved"


def suspend(case: Case, at: datetime) -> None:
    for response in case.responses:
        for stage in PAUSABLE if response.open else ():
            response.pause(stage, at)
        for interview in response.interviews:
            interview.pause("interview_limit", at)


def resume(case: Case, at: datetime) -> None:
    """By command or by itself. DISPATCH waits while a party is under an order that no legal review overtook."""
    case.suspended = False
    if not case.is_open("rectification") or case.reviewer is not None:
        case.resume("dispatch")
    case.meet("suspension", at)
    for response in case.responses:
        for stage in PAUSABLE if response.open else ():
            if stage != "disposal" or response.state != "completed":
                response.resume(stage)
        for interview in response.interviews:
            interview.resume("interview_limit")
    for whistle in case.whistles:
        assert case.suspended_at is not None
        ahead = whistle.appointed_at is not None and case.suspended_at <= whistle.appointed_at
        whistle.deferred = ahead and whistle.state == "blown"


def serve(sheet: Sheet) -> None:
    """At the later of the street's part and the rating, or when their windows have passed."""
    if sheet.street_in and sheet.rating_in and sheet.state == "drafted":
        sheet.state = "served"
        sheet.start("objection")


def finalise(sheet: Sheet, at: datetime) -> None:
    """Final: what was opened early is confirmed or withdrawn, what was not is opened now."""
    response = sheet.response
    assert response is not None
    sheet.state, sheet.outcome = "final", outcome(sheet, response)
    if sheet.outcome != "interview":
        withdraw_interview(response)
    if sheet.outcome != "remind":
        withdraw_reminder(response)
    if sheet.outcome == "interview":
        open_interview(response, "final", at)
    elif sheet.outcome == "remind":
        remind(response, at)


def outcome(sheet: Sheet, response: Response) -> str:
    """Facts first, never the score alone."""
    vetoes = set(sheet.part.get("vetoes", [])) - sheet.exempt
    late = response.arrived_at is None or not response.on_time
    if (late and "arrival" not in sheet.exempt) or vetoes - {"unlawful"}:
        return "interview"
    if not all(response.rounds) and "disposal" not in sheet.exempt:
        return "remind"
    return "commend" if raw_score(sheet, response) >= 80 and not vetoes else "record"


def raw_score(sheet: Sheet, response: Response) -> Decimal:
    """Out of a hundred, where arrival and disposal count as on time: only then does the score decide anything."""
    exempt = sheet.exempt
    signing = 10 if "signature" in exempt else {"on_time": 10, "before_arrival": 5}.get(response.signature, 0)
    disposal = 25 - (3 if response.granted >= 2 and "second_extension" not in exempt else 0)
    failed = 0 if "failed_verification" in exempt else 8 * response.failures
    reopened = 0 if "reopened" in exempt else 10 * sheet.reopened
    known = signing + 25 + disposal + max(0, 20 - failed - reopened)
    known += max(0, 10 - _lost(CONDUCT, sheet.part.get("conduct", []), exempt))
    known += max(0, 5 - _lost(COOPERATION, sheet.part.get("cooperation", []), exempt))
    if sheet.rating in SATISFIED:
        return Decimal(known + SATISFIED[sheet.rating])
    return (Decimal(known) * 100 / 95).quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def _lost(points: dict[str, int], entries: list[str], exempt: set[str]) -> int:
    """Entries count once, but for those that count each time."""
    once = {each for each in entries if each not in EACH_TIME}
    counted = [*once, *(each for each in entries if each in EACH_TIME)]
    return sum(points[each] for each in counted if each not in exempt)
