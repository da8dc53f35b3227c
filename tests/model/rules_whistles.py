"""Whistles: when their commands are refused, and what they bring about."""

from collections.abc import Callable
from typing import Any

from tests.model import consequences
from tests.model.deed import ALREADY, EITHER, FINE, LATE, NOT_PERMITTED, WRONG, Deed, Rule, Verdict, named, sound
from tests.model.rules_cases import call, draft_wrong
from tests.model.things import Whistle


def unless_suspended(guard: Callable[[Any, Deed], Verdict]) -> Callable[[Any, Deed], Verdict]:
    """While suspended, commands on whistles and responses are refused, with either code where the effect stands."""

    def state(thing: Any, deed: Deed) -> Verdict:
        found = guard(thing, deed)
        if not thing.case.suspended or not thing.case.under_way:
            return found
        return found if found == NOT_PERMITTED else EITHER if found == ALREADY else WRONG

    return state


def blown(whistle: Whistle, deed: Deed) -> Verdict:
    return FINE if whistle.state == "blown" else WRONG


def add_wrong(whistle: Whistle, deed: Deed) -> set[str]:
    code = deed.given["department"]
    called = whistle.latest(code)
    return named(code) or ({"ALREADY_DONE"} if called is not None and called.state != "released" else set())


def add(whistle: Whistle, deed: Deed) -> None:
    call(whistle, deed.given["department"], deed, lead=False)


def lead_wrong(whistle: Whistle, deed: Deed) -> set[str]:
    """The new lead is called by this whistle, and its response is still open."""
    code = deed.given["department"]
    heir = whistle.latest(code)
    if wrong := named(code):
        return wrong
    if heir is None:
        return {"INVALID"}
    if heir.lead and heir.state != "released":
        return {"ALREADY_DONE"}
    return set() if heir.open else {"INVALID"}


def change_lead(whistle: Whistle, deed: Deed) -> None:
    for response in whistle.responses:
        if response.state != "released":
            response.lead = response is whistle.latest(deed.given["department"])


def escalate(whistle: Whistle, deed: Deed) -> None:
    """Open responses go, what was opened on them stays; new ones come, with clocks of their own."""
    whistle.appointed_at = None
    for response in whistle.responses:
        if response.open:
            consequences.release(response)
    for n, code in enumerate([deed.given["lead"], *(deed.given.get("support") or ())]):
        call(whistle, code, deed, lead=n == 0)


def movable(whistle: Whistle, deed: Deed) -> Verdict:
    if whistle.state != "blown" or whistle.appointed_at is None:
        return WRONG
    return LATE if deed.at > whistle.appointed_at else FINE


def move(whistle: Whistle, deed: Deed) -> None:
    whistle.appointed_at = deed.given["to"]


def withdrawable(whistle: Whistle, deed: Deed) -> Verdict:
    if whistle.state == "withdrawn":
        return ALREADY
    if any(each.arrived_at and each.state != "released" for each in whistle.responses):
        return WRONG
    gone = any(each.arrived_at for each in whistle.responses)
    return WRONG if whistle.state != "blown" else FINE | WRONG if gone else FINE


def withdraw(whistle: Whistle, deed: Deed) -> None:
    """Taken back: the case is filed again, with a fresh DISPATCH."""
    whistle.state = "withdrawn"
    for response in whistle.responses:
        if response.open:
            consequences.release(response)
            consequences.withdraw_opened(response)
    assert whistle.case is not None
    whistle.case.way = "filed"
    whistle.case.start("dispatch")


WHISTLE_RULES = {
    "add_department": Rule(unless_suspended(blown), add_wrong, add),
    "change_lead": Rule(unless_suspended(blown), lead_wrong, change_lead),
    "escalate_whistle": Rule(unless_suspended(blown), draft_wrong, escalate),
    "move_appointment": Rule(
        unless_suspended(movable), lambda _, deed: set() if deed.given["to"] > deed.at else {"INVALID"}, move
    ),
    "withdraw_whistle": Rule(unless_suspended(withdrawable), sound, withdraw),
}
