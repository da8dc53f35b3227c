"""What counts towards which indicator: pure functions from what is known of one subject. No table, no clock.

Volumes count on the day of the event, rates on the day something was due, evaluations on the day they became final.
Cancelled, withdrawn, merged and released subjects and drills count nowhere, save that accurate dispatch and returns
count what they are about; a response released by an escalation keeps the clocks that it had missed by then. What an
upheld review exempts counts as done on time.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Document = dict[str, Any]
Dimensions = tuple[str, str, str, str, str, str]
Contribution = tuple[str, int, int, int]
"""Indicator, the moment whose day it counts on (microseconds), numerator, denominator."""

DIMENSIONS = ("department", "street", "community", "grid", "item", "kind")
"""By what statistics can be told apart; empty where a subject has no such thing."""

OUTCOMES = ("commend", "remind", "interview", "record")

INDICATORS = (
    "valid_report_rate", "filing_rate", "filing_on_time_rate", "accurate_dispatch_rate", "signature_on_time_rate",
    "arrival_on_time_rate", "never_arrived_rate", "disposal_rate", "disposal_on_time_rate", "rework_rate",
    "closing_rate", "closing_on_time_rate", "extension_rate", "suspension_rate", "return_rate", "reopening_rate",
    "contact_rate", "resolution_rate", "satisfaction_rate", "average_score", *OUTCOMES, "whistle_rate",
)  # fmt: skip
"""Every indicator, in the order of a bulletin."""

CLOSED_CASES = "closed_cases"
"""How many cases were closed, on the day that they were: no rate, and in no bulletin, but on the dashboard."""

TENTHS = 10
"""Scores have one decimal and are summed in tenths, so that sums are exact in whatever order they are made."""


class Mark(NamedTuple):
    """How a clock ended: due when, met, missed."""

    due: int
    met: bool
    missed: bool

    @property
    def counts(self) -> bool:
        """A clock counts once it was met or missed, not before."""
        return self.met or self.missed

    @property
    def on_time(self) -> bool:
        """Met, and not missed before."""
        return self.met and not self.missed


def of_report(report: Document) -> Iterator[Contribution]:
    """A report: valid, filed, and filed on time."""
    at, filed = report["at"], report["filed"]
    yield "valid_report_rate", at, int(filed or report["on_spot"]), 1
    yield "filing_rate", at, int(filed), 1
    if filed and report["triage_due"] is not None:
        yield "filing_on_time_rate", report["triage_due"], int(report["on_time"]), 1


def of_case(case: Document) -> Iterator[Contribution]:
    """A case: whistles over filed, closing, and what the reporter said."""
    yield "whistle_rate", case["filed_at"], 0, 1
    for blown_at in case["whistles"].values():
        yield "whistle_rate", blown_at, 1, 0
    if case["close_due"] is not None:
        yield "closing_rate", case["close_due"], int(case["closed"]), 1
        yield "closing_on_time_rate", case["close_due"], int(case["closed"] and case["on_time"]), 1
    if case.get("closed_at") is not None:
        yield CLOSED_CASES, case["closed_at"], 1, 1
    if case["callback"] is not None:
        callback = Mark(*case["callback"])
        if callback.counts:
            yield "contact_rate", callback.due, int(callback.on_time), 1
    if case["rating"] is not None:
        at, satisfied, resolved = case["rating"]
        yield "resolution_rate", at, int(resolved), 1
        yield "satisfaction_rate", at, int(satisfied), 1


def of_response(response: Document) -> Iterator[Contribution]:
    """A response: dispatched to the right one, signed, arrived, disposed of, and what it took."""
    released, at = response["released"], response["at"]
    if released in (None, "return"):
        returned = int(response["upheld"])
        yield "accurate_dispatch_rate", at, 1 - returned, 1
        yield "return_rate", at, returned, 1
    if released is None or (released == "return" and response["suspended"]):
        yield "suspension_rate", at, int(response["suspended"]), 1
    if released is None:
        yield "extension_rate", at, int(response["extended"]), 1
        yield "reopening_rate", at, int(response["reopened"]), 1
        if response["verified_at"] is not None:
            yield "rework_rate", response["verified_at"], int(response["reworks"] > 0), 1
    if released in (None, "escalation"):
        yield from _of_clocks(response, missed_only=released is not None)


def _of_clocks(response: Document, *, missed_only: bool) -> Iterator[Contribution]:
    marks, exempt = response["marks"], response["exempt"]

    def counting(stage: str) -> Mark | None:
        mark = Mark(*marks[stage]) if stage in marks else None
        if mark is None or not mark.counts or (missed_only and not mark.missed):
            return None
        return mark

    if signature := counting("signature"):
        yield "signature_on_time_rate", signature.due, int(signature.on_time or "signature" in exempt), 1
    if arrival := counting("arrival"):
        excused = "arrival" in exempt
        yield "arrival_on_time_rate", arrival.due, int(arrival.on_time or excused), 1
        yield "never_arrived_rate", arrival.due, int(not arrival.met and not excused), 1
    yield from _of_disposal(response, counting("disposal"))


def _of_disposal(response: Document, disposal: Mark | None) -> Iterator[Contribution]:
    """The round before a reopening counts until the fresh clock does; a miss in it stands."""
    before = Mark(*response["before"]) if response["before"] else None
    disposal = disposal or before
    if disposal is None:
        return
    excused = "disposal" in response["exempt"]
    on_time = disposal.on_time and not (before and before.missed)
    yield "disposal_rate", disposal.due, int(disposal.met or excused), 1
    yield "disposal_on_time_rate", disposal.due, int(on_time or excused), 1


def of_evaluation(evaluation: Document) -> Iterator[Contribution]:
    """A final evaluation: its score, and which outcome it had."""
    at = evaluation["final_at"]
    if at is None:
        return
    if evaluation["tenths"] is not None:
        yield "average_score", at, evaluation["tenths"], 1
    for outcome in OUTCOMES:
        yield outcome, at, int(evaluation["outcome"] == outcome), 1


_OF: dict[str, Callable[[Document], Iterator[Contribution]]] = {
    "report": of_report,
    "case": of_case,
    "response": of_response,
    "evaluation": of_evaluation,
}


def contributions(subject: Document) -> Iterator[Contribution]:
    """All that one subject counts for now; nothing while it is void."""
    return iter(()) if subject["void"] else _OF[subject["is"]](subject)
