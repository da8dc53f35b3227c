"""Responses: when their commands are refused, and what they bring about."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.model import consequences
from tests.model.deed import (
    ALREADY,
    EITHER,
    FINE,
    LATE,
    NOT_PERMITTED,
    SAME_PERSON,
    WRONG,
    Deed,
    Rule,
    Verdict,
    during,
    named,
    sound,
)  # fmt: skip
from tests.model.rules_cases import call
from tests.model.rules_reports import METRES_A_DEGREE
from tests.model.rules_whistles import unless_suspended
from tests.model.things import Response

CHECK_IN_M = 200
OFFICERS = {"执法人员甲", "执法人员乙"}
"""Officers that each department has, with a certificate; a third has none."""
UNCERTIFIED = "执法人员丙"


# Signing and coming.


def called(guard: Callable[[Response, Deed], Verdict]) -> Callable[[Any, Deed], Verdict]:
    """Direct handling is neither signed, arrived at nor returned."""
    return unless_suspended(lambda response, deed: WRONG if response.direct else guard(response, deed))


def signable(response: Response, deed: Deed) -> Verdict:
    if response.state == "released":
        return EITHER if response.signed_at else WRONG
    return ALREADY if response.signed_at else FINE if response.state == "dispatched" else WRONG


def sign(response: Response, deed: Deed) -> None:
    response.state, response.signed_at = "signed", deed.at
    response.meet("signature", deed.at)
    response.start("return")
    if not response.is_missed("signature"):
        response.signature = "on_time"
        response.missed.discard("signature")
    else:
        response.missed.add("signature")
        response.signature = "late" if response.is_past("arrival", deed.at) else "before_arrival"


def assignable(response: Response, deed: Deed) -> Verdict:
    return FINE if response.at_work else WRONG


def officers_wrong(response: Response, deed: Deed) -> set[str]:
    known = OFFICERS | {UNCERTIFIED}
    return set() if set(deed.given.get("officers", ())) <= known and not response.direct else {"UNKNOWN"}


def check_in_state(response: Response, deed: Deed) -> Verdict:
    if response.state == "released":
        return EITHER if response.arrived_at else WRONG
    return ALREADY if response.arrived_at else FINE if response.state == "signed" else WRONG


def check_in_wrong(response: Response, deed: Deed) -> set[str]:
    found = officers_wrong(response, deed) if deed.given.get("officers") else set()
    place, device_at = deed.given.get("place"), deed.given.get("device_at")
    if place is None and response.checked_in:
        found.add("ALREADY_DONE")
    if device_at is not None and not during(device_at, response, deed.at):
        found.add("INVALID")
    assert response.case is not None
    assert response.case.report is not None
    if place is not None and abs(place["lat"] - response.case.report.lat) * METRES_A_DEGREE > CHECK_IN_M:
        found.add("TOO_FAR")
    return found


def check_in(response: Response, deed: Deed) -> None:
    response.checked_in, response.confirmed = True, False
    response.received_at, response.device_at = deed.at, deed.given.get("device_at")
    if deed.given.get("place") is not None:
        response.state = "arrived"
        consequences.arrived(response, deed.at, deed.at)


def confirmable(response: Response, deed: Deed) -> Verdict:
    """As a correction, before the case is over: by then the sheet is drawn up."""
    if response.state == "released" or not response.checked_in:
        return WRONG
    assert response.case is not None
    if not response.case.under_way:
        return EITHER if response.confirmed else WRONG
    return ALREADY if response.confirmed else FINE


def _confirmed(response: Response, deed: Deed) -> Any:
    return deed.given.get("at") or response.device_at or response.received_at


def confirm_wrong(response: Response, deed: Deed) -> set[str]:
    return set() if during(_confirmed(response, deed), response, deed.at) else {"INVALID"}


def confirm(response: Response, deed: Deed) -> None:
    response.confirmed = True
    if response.state == "signed":
        response.state = "arrived"
    consequences.arrived(response, _confirmed(response, deed), deed.at)


def correctable(response: Response, deed: Deed) -> Verdict:
    assert response.case is not None
    there = response.arrived_at is not None and response.state != "released"
    return FINE if there and response.case.under_way else WRONG


def correct_wrong(response: Response, deed: Deed) -> set[str]:
    return set() if during(deed.given["at"], response, deed.at) else {"INVALID"}


def correct(response: Response, deed: Deed) -> None:
    consequences.arrived(response, deed.given["at"], deed.at)


def at_scene(flag: str) -> Callable[[Response, Deed], Verdict]:
    def state(response: Response, deed: Deed) -> Verdict:
        stands = getattr(response, flag)
        if response.arrived_at is None or response.state == "released":
            return EITHER if stands else WRONG
        return ALREADY if stands else FINE

    return state


def enforceable(response: Response, deed: Deed) -> Verdict:
    own = response.direct and response.state == "dispatched"
    return FINE if own or response.state in ("arrived", "rework") else WRONG


def enforce_wrong(response: Response, deed: Deed) -> set[str]:
    """Two certified officers; and a legal review, where something is demolished by force."""
    assert response.case is not None
    officers = set(deed.given["officers"])
    found = officers_wrong(response, deed) if officers else set()
    if "拆除" in deed.given["action"] and response.case.reviewer is None:
        found.add("LEGAL_REVIEW_MISSING")
    if len(officers) < 2:
        found.add("TOO_FEW_OFFICERS")
    return found | ({"NOT_CERTIFIED"} if UNCERTIFIED in officers else set())


# returns.


def returnable(response: Response, deed: Deed) -> Verdict:
    if response.return_asked:
        return ALREADY if response.open else EITHER
    if response.state not in ("signed", "arrived", "rework"):
        return WRONG
    if response.urgency == "emergency" and response.arrived_at is None:
        return WRONG
    return LATE if response.is_past("return", deed.at) else FINE


def ask_return(response: Response, deed: Deed) -> None:
    response.return_asked = response.return_pending = True
    response.meet("return", deed.at)
    response.start("arbitration")


def referable(response: Response, deed: Deed) -> Verdict:
    if not response.open or not response.return_pending:
        return EITHER if response.referred else WRONG
    return ALREADY if response.referred else FINE


def refer(response: Response, deed: Deed) -> None:
    response.referred = True
    response.start("arbitration")


def ruling(response: Response, deed: Deed) -> Verdict:
    """The command centre rules at first, supervision once the dispute was referred."""
    if not response.open or not response.return_pending:
        return EITHER if response.return_asked else WRONG
    return FINE if response.referred == (deed.role == "supervision") else NOT_PERMITTED


def uphold_wrong(response: Response, deed: Deed) -> set[str]:
    assert response.whistle is not None
    code = deed.given["replacement"]
    return named(code) or ({"INVALID"} if response.whistle.latest(code) else set())


def uphold(response: Response, deed: Deed) -> None:
    response.meet("arbitration", deed.at)
    response.rulers.add(deed.person)
    consequences.release(response)
    consequences.withdraw_opened(response)
    assert response.whistle is not None
    call(response.whistle, deed.given["replacement"], deed, lead=response.lead)


def deny_return(response: Response, deed: Deed) -> None:
    response.return_pending = False
    response.meet("arbitration", deed.at)
    response.rulers.add(deed.person)


# the work.


def completable(response: Response, deed: Deed) -> Verdict:
    if response.state in ("completed", "verified"):
        return ALREADY
    return enforceable(response, deed)


def complete(response: Response, deed: Deed) -> None:
    response.state, response.pending, response.worked = "completed", 0, True
    response.completed_at, response.completed_by = deed.at, deed.person
    response.pause("disposal", deed.at)
    response.start("verification")


def passable(response: Response, deed: Deed) -> Verdict:
    """Not by the submitter, and the lead last."""
    if response.state == "verified":
        return ALREADY
    if response.state != "completed":
        return WRONG
    others = response.whistle.responses if response.whistle else []
    waits = response.lead and any(each.open for each in others if each is not response)
    found = SAME_PERSON if response.completed_by == deed.person else frozenset()
    return found | ({"LEAD_NOT_LAST"} if waits else set()) or FINE


def pass_it(response: Response, deed: Deed) -> None:
    assert response.completed_at is not None
    response.state, response.return_pending = "verified", False
    response.meet("disposal", response.completed_at)
    response.rounds.append(not response.is_missed("disposal"))
    response.meet("verification", deed.at)
    response.stop("arbitration")
    response.meet("reminder_limit", deed.at)
    consequences.ended(response, deed.at)


def failable(response: Response, deed: Deed) -> Verdict:
    if response.state == "rework":
        return EITHER if response.sheet is not None else ALREADY
    if response.state != "completed":
        return WRONG
    return SAME_PERSON if response.completed_by == deed.person else FINE


def fail(response: Response, deed: Deed) -> None:
    response.state, response.failures = "rework", response.failures + 1
    response.resume("disposal")
    response.meet("verification", deed.at)


def extendable(response: Response, deed: Deed) -> Verdict:
    if not response.at_work:
        return WRONG
    if response.urgency == "emergency" or response.granted >= 2:
        return frozenset({"EXTENSION_LIMIT"})
    if response.pending:
        return ALREADY
    return LATE if response.is_missed("disposal") or response.is_past("disposal", deed.at) else FINE


def extension_wrong(response: Response, deed: Deed) -> set[str]:
    """How far one extension reaches takes a calendar; a minute is always near enough, and two months never are."""
    due, until = response.watches["disposal"].due, deed.given["until"]
    assert due is not None
    if until <= due:
        return {"INVALID"}
    if until > due + timedelta(days=60):
        return {"EXTENSION_TOO_LONG"}
    return set() if until <= due + timedelta(minutes=1) else {"OK", "EXTENSION_TOO_LONG"}


def ask_time(response: Response, deed: Deed) -> None:
    response.pending, response.asked_for_time = response.granted + 1, True


def ruling_on_time(response: Response, deed: Deed) -> Verdict:
    """The first by the command centre, the second by supervision; unruled when due, it has lapsed."""
    if not response.pending:
        return WRONG | ALREADY | LATE if response.asked_for_time else WRONG
    return FINE if (response.pending == 1) == (deed.role == "command_officer") else NOT_PERMITTED


def grant_wrong(response: Response, deed: Deed) -> set[str]:
    """The case may have been corrected since the request; how far one extension reaches takes a calendar."""
    if response.urgency == "emergency":
        return {"EXTENSION_LIMIT"}
    return {"OK", "EXTENSION_TOO_LONG"} if response.corrected else set()


def grant(response: Response, deed: Deed) -> None:
    response.granted, response.pending = response.granted + 1, 0
    response.rulers.add(deed.person)


def deny(response: Response, deed: Deed) -> None:
    response.pending = 0
    response.rulers.add(deed.person)


def defaultable(response: Response, deed: Deed) -> Verdict:
    """Disposal was missed and nothing came; whether a completion that failed is something, the rules leave open."""
    if response.state == "defaulted":
        return ALREADY
    if not response.at_work or not response.is_missed("disposal"):
        return WRONG
    return FINE | WRONG if response.worked else FINE


def default(response: Response, deed: Deed) -> None:
    response.state, response.pending, response.return_pending = "defaulted", 0, False
    response.rounds.append(False)
    response.stop(*consequences.PAUSABLE)
    if response.arrived_at is None:
        consequences.open_interview(response, "never", deed.at)
    consequences.ended(response, deed.at)


def urgeable(response: Response, deed: Deed) -> Verdict:
    """Whether the command centre may urge while a case is suspended, the rules leave open."""
    assert response.case is not None
    if not response.open:
        return WRONG
    return FINE | WRONG if response.case.suspended else FINE


def noted(_: Any, deed: Deed) -> None:
    """It is on record, and changes nothing else."""


def flag(name: str) -> Callable[[Any, Deed], None]:
    return lambda thing, deed: setattr(thing, name, True)


RESPONSE_RULES = {
    "sign": Rule(called(signable), sound, sign),
    "assign_officers": Rule(called(assignable), officers_wrong, noted),
    "check_in": Rule(called(check_in_state), check_in_wrong, check_in),
    "confirm_arrival": Rule(called(confirmable), confirm_wrong, confirm),
    "correct_arrival": Rule(called(correctable), correct_wrong, correct),
    "release_scene": Rule(called(at_scene("off_scene")), sound, flag("off_scene")),
    "leave_scene": Rule(called(at_scene("left")), sound, flag("left")),
    "record_enforcement": Rule(unless_suspended(enforceable), enforce_wrong, noted),
    "request_return": Rule(called(returnable), sound, ask_return),
    "refer_dispute": Rule(called(referable), sound, refer),
    "uphold_return": Rule(called(ruling), uphold_wrong, uphold),
    "deny_return": Rule(called(ruling), sound, deny_return),
    "complete": Rule(unless_suspended(completable), sound, complete),
    "pass_verification": Rule(unless_suspended(passable), sound, pass_it),
    "fail_verification": Rule(unless_suspended(failable), sound, fail),
    "request_extension": Rule(unless_suspended(extendable), extension_wrong, ask_time),
    "grant_extension": Rule(unless_suspended(ruling_on_time), grant_wrong, grant),
    "deny_extension": Rule(unless_suspended(ruling_on_time), sound, deny),
    "default_response": Rule(called(defaultable), sound, default),
    "urge": Rule(urgeable, sound, noted),
}
