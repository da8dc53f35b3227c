"""The case board 案卷看板: every matter, from report to close, with what its light is reckoned from.

One row per matter, under the id that its case has or would have. Other views read these rows.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Float, Integer, String, Text

from domain.dispatch.facts import case as cases
from domain.dispatch.facts import report as reports
from domain.dispatch.facts import response as responses
from domain.policy.deadlines import Stage
from projections import topics
from projections.events import PREFIX, Event, report_of
from projections.rows import Rows
from projections.running import Running
from projections.tables import Entity, Indexed, Keyed, Row, never, without
from projections.view import Handler, View

MARKS = ("suspended", "listed", "drill")
"""What few matters are."""


def marked(asked: Mapping[str, Any]) -> bool:
    """Whether only matters with one of the marks are asked for."""
    return any(asked.get(mark) is True for mark in MARKS)


RUNNING = (
    "due_at", "id", "warn_at", "jurisdiction", "street", "state", "report_state", "urgency", "item", "lead",
    "suspended", "listed", "drill", "reported_at",
)  # fmt: skip
"""Every column that may be asked of what has a running clock; the index of these rows holds them all."""

BOARD = Entity(
    "board_2",
    Column("id", String(36), primary_key=True),
    Column("number", Text),
    Column("state", Text),
    Column("report", String(36)),
    Column("report_state", Text),
    Column("reported_at", BigInteger),
    Column("merged_into", String(36)),
    Column("source", Text),
    Column("item", Text),
    Column("item_name", Text),
    Column("urgency", Text),
    Column("area", Text),
    Column("street", Text),
    Column("division", Text),
    Column("jurisdiction", Text),
    Column("lat", Float),
    Column("lon", Float),
    Column("filed_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("due_at", BigInteger),
    Column("warn_at", BigInteger),
    Column("due_stage", Text),
    Column("due_stream", String(36)),
    Column("lead", Text),
    Column("merged", Integer),
    Column("reopened", Integer),
    Column("done", Integer),
    Column("of", Integer),
    Column("suspended", Boolean),
    Column("supervised", Boolean),
    Column("listed", Boolean),
    Column("drill", Boolean),
    Column("imported", Boolean),
    Column("satisfaction", Text),
    Column("departments", Text),
    Column("clocks", Text),
    indexes=(
        # What people work with: the matters with a running clock, soonest first. It holds every column that may be
        # asked for, so that the rarest of filters is answered from it alone.
        Indexed(
            RUNNING,
            where="due_at IS NOT NULL",
            name="due",
            whole=True,
        ),
        # What has turned yellow, and what is overdue, in entries as short as can be: the dashboard counts them.
        Indexed(("due_at", "jurisdiction", "drill"), where="due_at IS NOT NULL", when=never, name="overdue"),
        Indexed(("warn_at", "due_at", "jurisdiction", "drill"), where="due_at IS NOT NULL", name="warn"),
        # One matter, by the number that people say aloud.
        Indexed(("number",), where="number IS NOT NULL"),
        # What is not closed, or was never filed: few among many, in one street and in all, as reported and as filed.
        Indexed(
            ("jurisdiction", "state", "reported_at", "id"),
            where="state <> 'closed'",
            when=without("state", "closed"),
            name="open",
        ),
        Indexed(("state", "reported_at", "id"), where="state <> 'closed'", when=without("state", "closed")),
        Indexed(("state", "filed_at", "id"), where="state <> 'closed'", when=without("state", "closed")),
        Indexed(
            ("report_state", "reported_at", "id"),
            where="report_state <> 'filed'",
            when=without("report_state", "filed"),
        ),
        Indexed(("reported_at", "id"), where=" OR ".join(MARKS), when=marked, name="marked"),
        # What is urgent is rare in most items: without an index of its own, a page would look through many rows.
        Indexed(
            ("item", "reported_at", "id"),
            where="urgency <> 'general'",
            when=without("urgency", "general"),
            name="urgent",
        ),
        # All matters, and those of one item, one department or one place, latest first.
        Indexed(("item", "reported_at", "id"), where="item IS NOT NULL"),
        Indexed(("lead", "reported_at", "id"), where="lead IS NOT NULL"),
        ("jurisdiction", "reported_at", "id"),
        ("reported_at", "id"),
        Indexed(("filed_at", "id"), where="filed_at IS NOT NULL"),
    ),
    documents=("clocks", "departments"),
)
"""`due_at` and `warn_at` are the soonest of the clocks in `clocks`: {stream tail/stage: [due, warn]}.
`departments` is {response tail: [department, part]}; `lead` is the department that leads, or the street's team.
"""

BOARD_RUNNING = Running(BOARD, "due_at", ("jurisdiction",))
"""How many matters have a running clock, by jurisdiction."""

CONCERNS = Keyed(
    "board_2_concerns",
    Column("who", Text, primary_key=True),
    Column("case_id", String(36), primary_key=True),
)
"""Whom a matter concerns: departments that were called, and the persons who reported."""

LIGHTED = frozenset(map(str, (
    Stage.TRIAGE, Stage.DISPATCH, Stage.SIGNATURE, Stage.ARRIVAL, Stage.ARBITRATION, Stage.DISPOSAL,
    Stage.VERIFICATION, Stage.LISTING,
)))  # fmt: skip
"""The clocks that light a matter on the board; windows in which somebody may act, but need not, do not."""


def _clocks(event: Event, row: Row) -> None:
    """Keep the open clocks of the matter."""
    kept: dict[str, list[int | None]] = row["clocks"]
    tail = event.stream[PREFIX:]
    for stage, due, warn, met, _, still in event.ticks:
        if stage in LIGHTED:
            if met or still:
                kept.pop(f"{tail}/{stage}", None)
            else:
                kept[f"{tail}/{stage}"] = [due, warn]


def settled(row: Row, rows: Rows) -> None:
    """Find the clock that is due soonest, and count the matter among those with one."""
    _soonest(row)
    BOARD_RUNNING.count(row, rows)


def _soonest(row: Row) -> None:
    """Find the clock that is due soonest, and when the first of them turns yellow."""
    kept: dict[str, list[int | None]] = row["clocks"]
    if not kept:
        row["due_at"] = row["warn_at"] = row["due_stage"] = row["due_stream"] = None
        return
    place = min(kept, key=lambda each: (kept[each][0], each))
    row["due_at"] = kept[place][0]
    row["warn_at"] = min((warn for _, warn in kept.values() if warn), default=None)
    tail, row["due_stage"] = place.split("/")
    row["due_stream"] = row["id"][:PREFIX] + tail


def _matter(event: Event, rows: Rows) -> Row:
    """The matter's row, begun where this is the first that is heard of it, with the event's clocks kept."""
    row = BOARD_RUNNING.edit(rows, event.case)
    if row is None:
        zeros = {"merged": 0, "reopened": 0}
        flags = dict.fromkeys(("suspended", "supervised", "listed", "drill", "imported"), False)
        row = rows.new(BOARD, event.case, report=report_of(event.case), clocks={}, departments={}, **zeros, **flags)
    if event.ticks:
        _clocks(event, row)
    return row


def touched(event: Event, rows: Rows) -> None:
    """Nothing on the board changes but, perhaps, a clock."""
    if event.ticks:
        _matter(event, rows)


def _located(row: Row, area: str, street: str | None, division: str | None) -> None:
    row.update(area=area, street=street, division=division, jurisdiction=street or area)


def submitted(event: Event, rows: Rows) -> None:
    """A matter begins."""
    row = _matter(event, rows)
    _located(row, event["area"], event["street"], event["division"])
    place = event["place"]
    row.update(
        report_state="reported", reported_at=event.at, source=event["source"], item=event["item"],
        lat=place["lat"], lon=place["lon"], drill=event["drill"], imported=event.meta.imported,
    )  # fmt: skip
    rows.put(CONCERNS, event.meta.actor, event.case)


def located(event: Event, rows: Rows) -> None:
    """The first street that acted took the matter on."""
    row = _matter(event, rows)
    row["street"] = row["jurisdiction"] = event["street"]


def filed(event: Event, rows: Rows) -> None:
    """A case, with its number."""
    row = _matter(event, rows)
    _located(row, event["area"], event["street"], event["division"])
    place = event["place"]
    row.update(
        number=event["number"], state="filed", filed_at=event.at, item=event["item"], item_name=event["item_name"],
        urgency=event["urgency"], source=event["source"], report=event["report"], drill=event["drill"],
        lat=place["lat"], lon=place["lon"], imported=event.meta.imported,
    )  # fmt: skip


def corrected(event: Event, rows: Rows) -> None:
    """Item, urgency or place were put right."""
    row = _matter(event, rows)
    place = event["place"]
    row.update(item=event["item"], item_name=event["item_name"], urgency=event["urgency"])
    row.update(lat=place["lat"], lon=place["lon"])


def sets(**columns: Any) -> Handler:
    """A handler that sets columns of the matter to fixed values."""

    def handler(event: Event, rows: Rows) -> None:
        _matter(event, rows).update(columns)

    return handler


def merged(event: Event, rows: Rows) -> None:
    """The report belongs to another matter now."""
    _matter(event, rows).update(report_state="merged", merged_into=event["into"])


def unmerged(event: Event, rows: Rows) -> None:
    """The report stands for itself again."""
    _matter(event, rows).update(report_state="reported", merged_into=None)


def absorbed(event: Event, rows: Rows) -> None:
    """One more report belongs to this matter."""
    _matter(event, rows)["merged"] += 1


def detached(event: Event, rows: Rows) -> None:
    """One report fewer."""
    _matter(event, rows)["merged"] -= 1


def closed(event: Event, rows: Rows) -> None:
    """结案."""
    _matter(event, rows).update(state="closed", closed_at=event.at)


def reopened(event: Event, rows: Rows) -> None:
    """Back to how it was routed; no longer closed."""
    row = _matter(event, rows)
    row["reopened"] += 1
    row.update(state="direct" if row["of"] is not None else "whistled", closed_at=None)


def direct(event: Event, rows: Rows) -> None:
    """The street's own team handles it."""
    _matter(event, rows).update(state="direct", done=0, of=event["children"] or 1)


def progressed(event: Event, rows: Rows) -> None:
    """So many parts are done."""
    _matter(event, rows).update(done=event["done"], of=event["of"])


def rated(event: Event, rows: Rows) -> None:
    """What the reporter said."""
    _matter(event, rows)["satisfaction"] = event["satisfaction"]


def dispatched(event: Event, rows: Rows) -> None:
    """One more department is concerned."""
    row = _matter(event, rows)
    row["departments"][event.stream[PREFIX:]] = [event["department"], event["part"]]
    rows.put(CONCERNS, event["department"], event.case)
    _lead(row)


def part_changed(event: Event, rows: Rows) -> None:
    """The lead passes on."""
    row = _matter(event, rows)
    row["departments"][event.stream[PREFIX:]][1] = event["part"]
    _lead(row)


def released(event: Event, rows: Rows) -> None:
    """One department fewer; what it did stays in its response."""
    row = _matter(event, rows)
    row["departments"].pop(event.stream[PREFIX:], None)
    _lead(row)


def _lead(row: Row) -> None:
    row["lead"] = next((name for name, part in row["departments"].values() if part == "lead"), None)


HANDLES: dict[str, Handler] = dict.fromkeys(topics.of("report", "case", "whistle", "response"), touched) | {
    topics.topic(fact): handler
    for fact, handler in (
        (reports.ReportSubmitted, submitted),
        (reports.ReportLocated, located),
        (reports.SiteCheckRequested, sets(report_state="site_check")),
        (reports.SiteChecked, sets(report_state="reported")),
        (reports.ReportRejected, sets(report_state="rejected")),
        (reports.ReportMerged, merged),
        (reports.ReportUnmerged, unmerged),
        (reports.ReportAbsorbed, absorbed),
        (reports.ReportDetached, detached),
        (reports.ReportWithdrawn, sets(report_state="withdrawn")),
        (reports.HandledOnSpot, sets(report_state="handled_on_spot")),
        (reports.ReportFiled, sets(report_state="filed")),
        (cases.CaseFiled, filed),
        (cases.CaseLocated, located),
        (cases.CaseCorrected, corrected),
        (cases.CaseWhistled, sets(state="whistled", of=None, done=None)),
        (cases.CaseUnrouted, sets(state="filed")),
        (cases.DirectHandlingStarted, direct),
        (cases.ProgressReported, progressed),
        (cases.CaseSuspended, sets(suspended=True)),
        (cases.CaseResumed, sets(suspended=False)),
        (cases.SupervisionOrdered, sets(supervised=True)),
        (cases.SupervisionListed, sets(listed=True)),
        (cases.SupervisionDelisted, sets(listed=False)),
        (cases.CaseClosed, closed),
        (cases.ReporterRated, rated),
        (cases.CaseReopened, reopened),
        (cases.CaseCancelled, sets(state="cancelled")),
        (responses.ResponseDispatched, dispatched),
        (responses.PartChanged, part_changed),
        (responses.ResponseReleased, released),
    )
}
"""Every event of a matter's own streams may move a clock that lights it; these change more."""

VIEW = View(
    name="board_2",
    question="Which matters are there, in which state, and how urgent is each?",
    tables=(BOARD, BOARD_RUNNING.table, CONCERNS),
    handles=HANDLES,
    ignores=topics.of("evaluation", "interview", "standing", "person"),
    settles={BOARD: settled},
)
