"""Counting for the timeliness view: its tables, and the handlers that post what each event changes.

Each report, case, response and evaluation keeps a small document of what counts about it. `indicators.py` says,
purely, what a document contributes to which indicator on which day; whenever an event changes a document, the
difference is posted to a counter. A correction, an exemption or a reopening therefore takes back what it must.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, String, Text

from domain.kernel import Kind
from domain.policy.deadlines import Stage
from projections.board import BOARD
from projections.events import Event, report_of, sibling
from projections.inbox import INBOX
from projections.indicators import TENTHS, contributions
from projections.rows import Rows
from projections.tables import Counter, Entity, Row
from projections.times import local_day, micros_of
from projections.timing import Timing

SUBJECTS = Entity(
    "timeliness_1_subjects",
    Column("id", String(36), primary_key=True),
    Column("document", Text),
    documents=("document",),
)

INDICATOR_COUNTS = Counter(
    "timeliness_1",
    Column("indicator", Text, primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("department", Text, primary_key=True),
    Column("street", Text, primary_key=True),
    Column("community", Text, primary_key=True),
    Column("grid", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("adjustment", Boolean, primary_key=True),
    Column("numerator", BigInteger),
    Column("denominator", BigInteger),
    indexes=(("day",),),
)
"""`day` is the local day as YYYY-MM-DD; `adjustment` tells apart what came after the day's month was frozen."""

COMMUNITY, GRID = 12, 15
"""How many digits the division codes of a community and of a grid have."""

MARKED = (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)

Posted = dict[tuple[str, ...], tuple[int, int]]


def _place(matter: Row) -> dict[str, str]:
    """The dimensions that say where."""
    division = matter["division"] or ""
    return {
        "street": matter["street"] or matter["area"] or "",
        "community": division[:COMMUNITY] if len(division) >= COMMUNITY else "",
        "grid": division if len(division) >= GRID else "",
    }


class Counting:
    """The handlers of the view, with the timing they need."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing

    # Posting.

    def _posted(self, document: dict[str, Any]) -> Posted:
        dims = document["dims"]
        key = (dims["department"], dims["street"], dims["community"], dims["grid"], dims["item"], dims["kind"])
        posted: Posted = {}
        for indicator, at, numerator, denominator in contributions(document):
            place = (indicator, local_day(at, self.timing.zone), *key)
            there = posted.get(place, (0, 0))
            posted[place] = (there[0] + numerator, there[1] + denominator)
        return posted

    def _post(self, event: Event, rows: Rows, before: Posted, after: Posted) -> None:
        for place in {**before, **after}:
            old, new = before.get(place, (0, 0)), after.get(place, (0, 0))
            if old != new:
                day = place[1]
                late = event.at > self.timing.freezes_at(int(day[:4]), int(day[5:7]))
                rows.add(INDICATOR_COUNTS, (*place, late), new[0] - old[0], new[1] - old[1])

    def begin(self, event: Event, rows: Rows, key: str, **document: Any) -> None:
        """A new subject, and what it counts for at once."""
        row = rows.new(SUBJECTS, key, document=document)
        after = row["posted"] = self._posted(document)
        self._post(event, rows, {}, after)

    def change(self, event: Event, rows: Rows, key: str, **changes: Any) -> None:
        """Change a subject, and post the difference. A subject that is not known counts nowhere."""
        row = rows.edit(SUBJECTS, key)
        if row is None:
            return
        document = row["document"]
        # What was posted is kept beside the row while it stays in memory; otherwise it follows from the document.
        before = row.get("posted") or self._posted(document)
        dims = changes.pop("dims", None)
        document.update(changes)
        if dims:
            document["dims"] = document["dims"] | dims
        after = row["posted"] = self._posted(document)
        self._post(event, rows, before, after)

    def known(self, rows: Rows, key: str) -> dict[str, Any]:
        """The document of a subject, empty where it is not known."""
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
        triage = [clock for clock in event.clocks if clock["stage"] == Stage.TRIAGE]
        due = micros_of(triage[0]["due_at"]) if triage else None
        self.change(event, rows, event.stream, filed=True, on_time=event["on_time"], triage_due=due)

    # Cases.

    def case_filed(self, event: Event, rows: Rows) -> None:
        """A case was filed."""
        matter = rows.get(BOARD, event.case)
        assert matter is not None
        dims = {"department": "", "item": event["item"], "kind": "", **_place(matter)}
        self.change(event, rows, report_of(event.case), dims={"item": event["item"], **_place(matter)})
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
            self.change(event, rows, key, dims={"street": event["street"]})

    def corrected(self, event: Event, rows: Rows) -> None:
        """The item was put right."""
        for key in (report_of(event.case), event.case):
            self.change(event, rows, key, dims={"item": event["item"]})

    def cancelled(self, event: Event, rows: Rows) -> None:
        """Counts nowhere any more."""
        for key in (report_of(event.case), event.case):
            self.change(event, rows, key, void=True)

    def closed(self, event: Event, rows: Rows) -> None:
        """Closed, and by when it should have been; an imported case may have had no time to be closed by."""
        due = micros_of(event["due_to_close"]) if event["due_to_close"] else None
        callback = self._mark(event, Stage.CALLBACK)
        changes = {"closed": True, "on_time": event["on_time"], "close_due": due}
        self.change(event, rows, event.case, callback=callback, **changes)

    def reopened(self, event: Event, rows: Rows) -> None:
        """Not closed any more; whether it will be in time is open."""
        self.change(event, rows, event.case, closed=False, on_time=False, close_due=None)

    def rated(self, event: Event, rows: Rows) -> None:
        """The reporter was called back. One who could not be reached said nothing about the matter."""
        callback = self._mark(event, Stage.CALLBACK)
        due = callback[0] if callback else event.at
        reached = event["satisfaction"] != "unreachable"
        rating = [due, event["satisfaction"] == "satisfied", event["resolved"] is True] if reached else None
        self.change(event, rows, event.case, callback=callback, rating=rating)

    def callback_missed(self, event: Event, rows: Rows) -> None:
        """Nobody called back in time."""
        self.change(event, rows, event.case, callback=self._mark(event, Stage.CALLBACK))

    def whistled(self, event: Event, rows: Rows) -> None:
        """One more whistle."""
        blown = {**self.known(rows, event.case).get("whistles", {}), event.stream: event.at}
        self.change(event, rows, event.case, whistles=blown, dims={"kind": event["kind"]})

    def unwhistled(self, event: Event, rows: Rows) -> None:
        """A whistle that was withdrawn or cancelled counts nowhere."""
        blown = dict(self.known(rows, event.case).get("whistles", {}))
        blown.pop(event.stream, None)
        self.change(event, rows, event.case, whistles=blown)

    # Responses.

    def _mark(self, event: Event, stage: str) -> list[Any] | None:
        for clock in event.clocks:
            if clock["stage"] == stage:
                return [micros_of(clock["due_at"]), clock["met_at"] is not None, clock["missed_at"] is not None]
        return None

    def response(self, event: Event, rows: Rows, **changes: Any) -> None:
        """Change the response of the event's stream, its clocks as they stand now."""
        moved = {stage.value: mark for stage in MARKED if (mark := self._mark(event, stage))}
        if moved:
            changes["marks"] = {**self.known(rows, event.stream).get("marks", {}), **moved}
        if changes:
            self.change(event, rows, event.stream, **changes)

    def dispatched(self, event: Event, rows: Rows) -> None:
        """A response; the department that leads answers for the case."""
        matter = rows.get(BOARD, event.case)
        assert matter is not None
        where = _place(matter)
        kind = event["kind"] or "direct"
        dims = {"department": event["department"], "item": event["item"], "kind": kind, **where}
        marks = {stage.value: mark for stage in MARKED if (mark := self._mark(event, stage))}
        flags = dict.fromkeys(("upheld", "suspended", "extended", "reopened"), False)
        self.begin(
            event, rows, event.stream, **{"is": "response"}, void=event["drill"], at=event.at, released=None,
            marks=marks, before=None, exempt=[], reworks=0, verified_at=None, dims=dims, **flags,
        )  # fmt: skip
        called = [*self.known(rows, event.case).get("responses", []), event.stream]
        lead = {"department": matter["lead"] or "", "kind": kind}
        self.change(event, rows, event.case, responses=called, dims=lead)

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
            due = self.timing.should_close_by(max(dues), matter["urgency"])
            self.change(event, rows, event.case, close_due=due)

    def recomputed(self, event: Event, rows: Rows) -> None:
        """The item was put right, and DISPOSAL computed anew."""
        self.response(event, rows, dims={"item": event["item"]})

    def lead_changed(self, event: Event, rows: Rows) -> None:
        """Another department answers for the case."""
        matter = rows.get(BOARD, event.case)
        if matter is not None:
            self.change(event, rows, event.case, dims={"department": matter["lead"] or ""})

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
