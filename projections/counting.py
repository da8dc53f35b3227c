"""Counting for the timeliness view: the handlers that keep, of each subject, what counts about it.

Each report, case, response and evaluation keeps a small document. `indicators.py` says, purely, what a document
contributes to which indicator on which day, and `posting.py` posts the difference that a change makes. A correction, an
exemption or a reopening therefore takes back what it must.
"""

from collections.abc import Callable
from typing import Any

from domain.kernel import Kind
from domain.policy.deadlines import Stage
from projections.board import BOARD
from projections.events import Event, report_of, sibling
from projections.inbox import INBOX
from projections.indicators import TENTHS
from projections.posting import SUBJECTS, Posting
from projections.rows import Rows
from projections.tables import Row
from projections.times import micros_of

COMMUNITY, GRID = 12, 15
"""How many digits the division codes of a community and of a grid have."""

MARKED = frozenset(map(str, (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)))
"""The clocks of a response that count."""

CLOSES_AFTER = "closes_after!"
"""Under this stand, until the document is settled, the last disposal's due time and the urgency by which the case's own
due time is reckoned: it takes a calendar, and most cases are closed a moment later, which tells it."""


def _place(matter: Row) -> dict[str, str]:
    """The dimensions that say where."""
    division = matter["division"] or ""
    return {
        "street": matter["street"] or matter["area"] or "",
        "community": division[:COMMUNITY] if len(division) >= COMMUNITY else "",
        "grid": division if len(division) >= GRID else "",
    }


def _mark(event: Event, stage: str) -> list[Any] | None:
    """The clock of a stage as it counts: due when, met, missed; None where the event did not move it."""
    for moved, due, _, met, missed, _ in event.ticks:
        if moved == stage:
            return [due, met, missed]
    return None


class Counting(Posting):
    """The handlers of the view."""

    def change(self, event: Event, rows: Rows, key: str, dims: dict[str, str] | None = None, /, **changes: Any) -> None:
        """Change a subject; `dims` are the dimensions that change. One that is not known counts nowhere."""
        document = self.document(event, rows, key)
        if document is not None:
            document.update(changes)
            if dims:
                document["dims"] = document["dims"] | dims

    def known(self, rows: Rows, key: str) -> dict[str, Any]:
        """The document of a subject, to be looked at; empty where it is not known."""
        row = rows.get(SUBJECTS, key)
        return row["document"] if row is not None else {}

    # Reports.

    def reported(self, event: Event, rows: Rows) -> None:
        """A report was made."""
        matter = rows.get(BOARD, event.case)
        assert matter is not None
        dims = {"department": "", "item": event["item"] or "", "kind": "", **_place(matter)}
        self.begin(
            event, rows, event.stream, **{"is": "report"}, void=event["drill"], at=event.at, filed=False,
            on_spot=False, on_time=None, triage_due=None, dims=dims, drill=event["drill"],
        )  # fmt: skip

    def voided(self, event: Event, rows: Rows) -> None:
        """It counts nowhere: withdrawn or merged."""
        self.change(event, rows, event.stream, void=True)

    def unmerged(self, event: Event, rows: Rows) -> None:
        """It counts again."""
        self.change(event, rows, event.stream, void=self.known(rows, event.stream).get("drill", False))

    def on_spot(self, event: Event, rows: Rows) -> None:
        """Settled without a case."""
        self.change(event, rows, event.stream, on_spot=True)

    def report_filed(self, event: Event, rows: Rows) -> None:
        """A case was filed from it."""
        triage = _mark(event, Stage.TRIAGE)
        due = triage[0] if triage else None
        self.change(event, rows, event.stream, filed=True, on_time=event["on_time"], triage_due=due)

    # Cases.

    def case_filed(self, event: Event, rows: Rows) -> None:
        """A case was filed."""
        matter = rows.get(BOARD, event.case)
        assert matter is not None
        dims = {"department": "", "item": event["item"], "kind": "", **_place(matter)}
        self.change(event, rows, report_of(event.case), {"item": event["item"], **_place(matter)})
        self.begin(
            event, rows, event.stream, **{"is": "case"}, void=event["drill"], filed_at=event.at, whistles={},
            closed=False, on_time=False, close_due=None, callback=None, rating=None, responses=[], dims=dims,
        )  # fmt: skip

    def located(self, event: Event, rows: Rows) -> None:
        """Everything about the case happened in this street."""
        responses_of_case = self.known(rows, event.case).get("responses", [])
        keys = [report_of(event.case), event.case, *responses_of_case]
        keys += [sibling(key, Kind.EVALUATION) for key in responses_of_case]
        for key in keys:
            self.change(event, rows, key, {"street": event["street"]})

    def corrected(self, event: Event, rows: Rows) -> None:
        """The item was put right."""
        for key in (report_of(event.case), event.case):
            self.change(event, rows, key, {"item": event["item"]})

    def cancelled(self, event: Event, rows: Rows) -> None:
        """Counts nowhere any more."""
        for key in (report_of(event.case), event.case):
            self.change(event, rows, key, void=True)

    def closed(self, event: Event, rows: Rows) -> None:
        """Closed, and by when it should have been; an imported case may have had no time to be closed by."""
        due = micros_of(event["due_to_close"]) if event["due_to_close"] else None
        callback = _mark(event, Stage.CALLBACK)
        changes = {"closed": True, "closed_at": event.at, "on_time": event["on_time"]}
        changes |= {"close_due": due, CLOSES_AFTER: None}
        self.change(event, rows, event.case, callback=callback, **changes)

    def reopened(self, event: Event, rows: Rows) -> None:
        """Not closed any more; whether it will be in time is open."""
        changes = {"closed_at": None, "close_due": None, CLOSES_AFTER: None}
        self.change(event, rows, event.case, closed=False, on_time=False, **changes)

    def rated(self, event: Event, rows: Rows) -> None:
        """The reporter was called back. One who could not be reached said nothing about the matter."""
        callback = _mark(event, Stage.CALLBACK)
        due = callback[0] if callback else event.at
        reached = event["satisfaction"] != "unreachable"
        rating = [due, event["satisfaction"] == "satisfied", event["resolved"] is True] if reached else None
        self.change(event, rows, event.case, callback=callback, rating=rating)

    def callback_missed(self, event: Event, rows: Rows) -> None:
        """Nobody called back in time."""
        self.change(event, rows, event.case, callback=_mark(event, Stage.CALLBACK))

    def whistled(self, event: Event, rows: Rows) -> None:
        """One more whistle."""
        blown = {**self.known(rows, event.case).get("whistles", {}), event.stream: event.at}
        self.change(event, rows, event.case, {"kind": event["kind"]}, whistles=blown)

    def unwhistled(self, event: Event, rows: Rows) -> None:
        """A whistle that was withdrawn or cancelled counts nowhere."""
        blown = dict(self.known(rows, event.case).get("whistles", {}))
        blown.pop(event.stream, None)
        self.change(event, rows, event.case, whistles=blown)

    # Responses.

    def response(self, event: Event, rows: Rows, **changes: Any) -> None:
        """Change the response of the event's stream, its clocks as they stand now."""
        moved = {stage: [due, met, missed] for stage, due, _, met, missed, _ in event.ticks if stage in MARKED}
        if moved or changes:
            document = self.document(event, rows, event.stream)
            if document is not None:
                document["marks"].update(moved)
                document.update(changes)

    def dispatched(self, event: Event, rows: Rows) -> None:
        """A response; the department that leads answers for the case."""
        matter = rows.get(BOARD, event.case)
        assert matter is not None
        where = _place(matter)
        kind = event["kind"] or "direct"
        dims = {"department": event["department"], "item": event["item"], "kind": kind, **where}
        marks = {stage: [due, met, missed] for stage, due, _, met, missed, _ in event.ticks if stage in MARKED}
        flags = dict.fromkeys(("upheld", "suspended", "extended", "reopened"), False)
        self.begin(
            event, rows, event.stream, **{"is": "response"}, void=event["drill"], at=event.at, released=None,
            marks=marks, before=None, exempt=[], reworks=0, verified_at=None, dims=dims, **flags,
        )  # fmt: skip
        called = [*self.known(rows, event.case).get("responses", []), event.stream]
        lead = {"department": matter["lead"] or "", "kind": kind}
        self.change(event, rows, event.case, lead, responses=called)

    def touched(self, event: Event, rows: Rows) -> None:
        """A clock of the response may have been met, missed or moved."""
        self.response(event, rows)

    def lapsed(self, event: Event, rows: Rows) -> None:
        """Where the last of the case's disposals is overdue, the case should have been closed and was not."""
        self.response(event, rows)
        self._should_close(event, rows, lambda _, dues: event.at >= max(dues))

    def _should_close(self, event: Event, rows: Rows, ripe: Callable[[list[Row], list[int]], bool]) -> None:
        """The case counts as one that should be closed, by its last disposal due plus VERIFY, once that is `ripe`."""
        known = [rows.get(INBOX, key) for key in self.known(rows, event.case).get("responses", [])]
        called = [row for row in known if row and row["state"] != "released"]
        dues = [row["disposal_due"] for row in called if row["disposal_due"]]
        matter = rows.get(BOARD, event.case)
        if matter is not None and dues and ripe(called, dues):
            self.change(event, rows, event.case, **{CLOSES_AFTER: (max(dues), matter["urgency"])})

    def settle(self, row: Row, rows: Rows) -> None:
        """Reckon by when the case should be closed, where that was left open, and post what waits."""
        document = row["document"]
        after = document.pop(CLOSES_AFTER, None)
        if after is not None:
            document["close_due"] = self.timing.should_close_by(*after)
        super().settle(row, rows)

    def recomputed(self, event: Event, rows: Rows) -> None:
        """The item was put right, and DISPOSAL computed anew."""
        self.response(event, rows)
        self.change(event, rows, event.stream, {"item": event["item"]})

    def lead_changed(self, event: Event, rows: Rows) -> None:
        """Another department answers for the case."""
        matter = rows.get(BOARD, event.case)
        if matter is not None:
            self.change(event, rows, event.case, {"department": matter["lead"] or ""})

    def verified(self, event: Event, rows: Rows) -> None:
        """Done. Once every response is, nothing but its closing is missing from the case."""
        self.response(event, rows, verified_at=event.at)
        done = ("verified", "defaulted")
        self._should_close(event, rows, lambda called, _: all(row["state"] in done for row in called))

    def reworked(self, event: Event, rows: Rows) -> None:
        """Not done after all."""
        self.response(event, rows, reworks=self.known(rows, event.stream).get("reworks", 0) + 1)

    def response_reopened(self, event: Event, rows: Rows) -> None:
        """The next round; how the round before ended is kept, and a miss in any of them stands."""
        document = self.known(rows, event.stream)
        before, last = document.get("before"), document.get("marks", {}).get("disposal")
        if before and last:
            last = [last[0], last[1], last[2] or before[2]]
        self.response(event, rows, reopened=True, verified_at=None, before=last or before)

    def released(self, event: Event, rows: Rows) -> None:
        """Ended without being done; an evaluation, if there was one, falls with it."""
        self.response(event, rows, released=event["because"])
        self.change(event, rows, sibling(event.stream, Kind.EVALUATION), void=True)
        self.lead_changed(event, rows)

    # Evaluations.

    def evaluated(self, event: Event, rows: Rows) -> None:
        """A sheet was drafted; it counts when it is final."""
        response = self.known(rows, sibling(event.stream, Kind.RESPONSE))
        if response:
            self.begin(
                event, rows, event.stream, **{"is": "evaluation"}, void=event["drill"], final_at=None, tenths=None,
                outcome=None, dims=response["dims"],
            )  # fmt: skip

    def final(self, event: Event, rows: Rows) -> None:
        """Score and outcome stand."""
        score, outcome = event["sheet"]["score"], event["sheet"]["outcome"]
        tenths = None if score is None else round(float(score) * TENTHS)
        self.change(event, rows, event.stream, final_at=event.at, tenths=tenths, outcome=outcome)

    def returned(self, event: Event, rows: Rows) -> None:
        """Back to drafted: not final any more."""
        self.change(event, rows, event.stream, final_at=None, tenths=None, outcome=None)

    def decided(self, event: Event, rows: Rows) -> None:
        """What the review exempts counts as met."""
        if event["upheld"]:
            key = sibling(event.stream, Kind.RESPONSE)
            exempt = [*self.known(rows, key).get("exempt", []), *event["exempt"]]
            self.change(event, rows, key, exempt=exempt)
