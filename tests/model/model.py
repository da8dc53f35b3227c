"""The model: everything there is, what it says to a command, and what a command or the passing of time changes.

It is written from the rules of the trade and shares no code with the engine, but for the ids of streams. Deadlines it
takes over from the system as given facts; who misses them, and what follows, it says by itself.
"""

import copy
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.model import timers
from tests.model.deed import FINE, INVALID, LATE, NOT_PERMITTED, Deed, Rule, Verdict
from tests.model.permits import STREET_ROLES, reaches
from tests.model.rules_cases import CASE_RULES, whistle, whistle_wrong
from tests.model.rules_reports import REPORT_RULES, file, submit_wrong
from tests.model.rules_responses import RESPONSE_RULES
from tests.model.rules_sheets import SHEET_RULES
from tests.model.rules_whistles import WHISTLE_RULES
from tests.model.things import Case, Report, Response, Thing, Whistle

RULES: dict[str, Rule] = {**REPORT_RULES, **CASE_RULES, **WHISTLE_RULES, **RESPONSE_RULES, **SHEET_RULES}
TARGETS: dict[str, type[Thing]] = {
    **dict.fromkeys(REPORT_RULES, Report),
    **dict.fromkeys(CASE_RULES, Case),
    **dict.fromkeys(WHISTLE_RULES, Whistle),
    **dict.fromkeys((*RESPONSE_RULES, *SHEET_RULES), Response),
}
BEGINNERS = ("submit_report", "phone_whistle")
ON_SHEETS = frozenset(SHEET_RULES)
"""Commands that act on what became of a response; the sheet's own windows are settled before them."""

TICK = timedelta(microseconds=1)
BACKFILL = timedelta(hours=2)


class Model:
    """All reports, and all that has grown from them."""

    def __init__(self, divisions: dict[str, tuple[str, str]]) -> None:
        """`divisions` gives each organisation's kind and the division that it is responsible for."""
        self.divisions = divisions
        self.reports: list[Report] = []

    # What there is.

    def things(self) -> Iterator[Thing]:
        for report in self.reports:
            yield report
            if report.case is not None:
                yield report.case
                yield from report.case.whistles
                for response in report.case.responses:
                    yield response
                    if response.sheet is not None:
                        yield response.sheet
                    yield from response.interviews

    def cases(self) -> list[Case]:
        return [report.case for report in self.reports if report.case is not None]

    def find(self, stream: UUID) -> Thing | None:
        return next((each for each in self.things() if each.id == stream), None)

    # What it says.

    def permits(self, deed: Deed) -> bool:
        kind, division = self.divisions[deed.actor.organisation]
        if deed.name == "withdraw_report" and isinstance(deed.on, Report) and deed.person != deed.on.submitter:
            return False
        return reaches(deed.role, kind, division, deed.actor.organisation, deed.name, deed.on)

    def verdict(self, deed: Deed) -> Verdict:
        """How the command is answered. The checks come in the documented order; the first that fails, speaks."""
        if deed.on is None and deed.name not in BEGINNERS:
            return INVALID
        if deed.on is not None and not isinstance(deed.on, TARGETS.get(deed.name, Thing)):
            return frozenset({"UNKNOWN"})
        if not self.permits(deed):
            return NOT_PERMITTED
        if deed.stale:
            return frozenset({"STALE_VERSION"})
        if deed.name in BEGINNERS:
            return self._beginning(deed)
        rule = RULES[deed.name]
        state = rule.state(deed.on, deed)
        if state != FINE and "OK" not in state:
            return state
        wrong = INVALID if deed.malformed else frozenset(rule.arguments(deed.on, deed))
        return (state - FINE) | wrong if wrong else state

    def _beginning(self, deed: Deed) -> Verdict:
        if deed.malformed:
            return INVALID
        wrong = submit_wrong(None, deed)
        if deed.name == "phone_whistle":
            phoned = deed.given.get("phoned_at")
            wrong |= {"INVALID"} if phoned is not None and phoned > deed.at else set()
            wrong |= LATE if phoned is not None and deed.at > phoned + BACKFILL else set()
            wrong |= whistle_wrong(Case(item=deed.given["item"], urgency="emergency"), deed)
        return frozenset(wrong) or FINE

    # What changes.

    def must_settle(self, deed: Deed) -> bool:
        """Whether anything is overdue on the command's target when it comes."""
        return any(watch.overdue(deed.at - TICK) for thing in self._settled(deed) for watch in thing.watches.values())

    def settle(self, deed: Deed) -> None:
        """Record what is overdue there; people come before what is due at the same moment."""
        for thing in self._settled(deed):
            timers.fire(thing, deed.at - TICK)

    def _settled(self, deed: Deed) -> list[Thing]:
        sheet = deed.on.sheet if isinstance(deed.on, Response) and deed.name in ON_SHEETS else None
        return [each for each in (deed.on, sheet) if each is not None]

    def apply(self, deed: Deed) -> None:
        """The command took effect, and `ids` name what came of it."""
        if deed.name in BEGINNERS:
            self._begin(deed)
            return
        self._take_on(deed)
        RULES[deed.name].effect(deed.on, deed)

    def _begin(self, deed: Deed) -> None:
        division = self.divisions[deed.actor.organisation][1]
        street = division if len(division) == 9 else None
        report = Report(
            id=deed.ids["report"], submitter=deed.person, area=division, street=street, item=deed.given.get("item"),
            lat=deed.given["place"]["lat"], named="reporter" in deed.given,
        )  # fmt: skip
        report.start("triage")
        self.reports.append(report)
        if deed.name == "phone_whistle":
            deed.given.setdefault("urgency", "emergency")
            file(report, deed)
            whistle(report.case, deed)  # type: ignore[arg-type]

    def _take_on(self, deed: Deed) -> None:
        """A case belongs to its reporter's street, else to the first street that acts on it."""
        if deed.role not in STREET_ROLES:
            return
        report = deed.on if isinstance(deed.on, Report) else None
        case = report.case if report is not None else getattr(deed.on, "case", deed.on)
        taken: Any = case if case is not None else report
        if taken is not None and taken.street is None:
            taken.street = self.divisions[deed.actor.organisation][1]

    def pass_time(self, at: datetime) -> None:
        """Everything that is due by now is recorded: the oldest first, one thing after another."""
        due = [(self._first_due(each, at), str(each.id), each) for each in self.things()]
        for _, _, thing in sorted(((when, key, each) for when, key, each in due if when is not None), key=_order):
            timers.fire(thing, at)

    def _first_due(self, thing: Thing, at: datetime) -> datetime | None:
        return min((watch.due for watch in thing.watches.values() if watch.due and watch.overdue(at)), default=None)

    def copy(self) -> "Model":
        """As it stands now, to come back to where a refused command leaves no trace."""
        return copy.deepcopy(self)


def _order(entry: tuple[datetime, str, Thing]) -> tuple[datetime, str]:
    return entry[:2]
