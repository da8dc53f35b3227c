"""Imported history: what another system recorded of a matter, told as facts of ours with their original times.

Nothing is decided here and nothing is refused, no clock starts and no sheet is drawn up: what was done elsewhere is
recorded as it was done. What the other system did not write down is told at the nearest time that it did: a matter
is filed and dispatched when it was created, and verified when it was closed.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.dispatch.case import Case
from domain.dispatch.facts.case import CaseClosed, CaseFiled, CaseWhistled
from domain.dispatch.facts.report import ReportFiled, ReportSubmitted
from domain.dispatch.facts.response import CompletionSubmitted, ResponseDispatched, VerificationPassed
from domain.dispatch.facts.whistle import CasePushed, WhistleResolved
from domain.dispatch.report import Report
from domain.dispatch.response import Response
from domain.dispatch.values import Dispatch, Part, Place, Source
from domain.dispatch.whistle import Whistle
from domain.kernel import Act, CaseAggregate, Frozen, Meta
from domain.policy.catalogue import Item
from domain.policy.deadlines import Urgency, WhistleKind
from domain.policy.rubric import Band


class Streams(NamedTuple):
    """The ids of the four streams that a matter is told on."""

    report: UUID
    case: UUID
    whistle: UUID
    response: UUID


class Matter(Frozen):
    """One matter of another system. Times are aware; `closed_at` is None while it is open there.

    `number` is what people there call it, `external` names it beyond doubt, `department` is the code of who had to
    act, `catalogue` says whose item it is. `due_at` counts for the closing; None where nobody set a time.
    """

    number: str
    external: str
    created_at: datetime
    closed_at: datetime | None
    due_at: datetime | None
    source: Source
    description: str
    place: Place
    area: str
    street: str | None
    division: str | None
    item: Item
    catalogue: str
    urgency: Urgency
    department: str
    result: str

    @property
    def on_time(self) -> bool:
        """Closed by its due time; also where none was set."""
        return self.closed_at is None or self.due_at is None or self.closed_at <= self.due_at


def tell(matter: Matter, streams: Streams, meta: Meta) -> Iterator[CaseAggregate.Event]:
    """The facts of a matter, in the order in which they happened; `meta` says that they are imported."""
    opened = Act(at=matter.created_at, meta=meta)
    report, case, whistle, response = _begin(matter, streams, opened)
    report.record(ReportFiled, opened, case=case.id, on_time=True)
    case.record(CaseWhistled, opened, whistle=whistle.id, responses=_called(matter, streams), on_time=True)
    yield from _drained(report, case, whistle, response)
    if matter.closed_at is None:
        return
    done = Act(at=matter.closed_at, meta=meta)
    on_time = matter.on_time
    response.record(CompletionSubmitted, done, result=matter.result, photos=(), on_time=on_time)
    band = Band.ON_TIME if on_time else Band.LATE
    response.record(VerificationPassed, done, disposed_at=done.at, on_time=on_time, band=band)
    whistle.record(WhistleResolved, done)
    case.record(CaseClosed, done, due_to_close=matter.due_at, on_time=on_time, reports=(report.id,))
    yield from _drained(response, whistle, case)


def _begin(matter: Matter, streams: Streams, act: Act) -> tuple[Report, Case, Whistle, Response]:
    """The four streams of a matter, each with its first fact."""
    where = {"area": matter.area, "street": matter.street, "division": matter.division}
    common = {"place": matter.place, "drill": False}
    report = Report.open(
        ReportSubmitted, streams.report, act, **where, **common, source=matter.source,
        description=matter.description, item=matter.item.code, photos=(), reporter=None, external=matter.external,
    )  # fmt: skip
    case = Case.open(
        CaseFiled, streams.case, act, **where, **common, number=matter.number, report=report.id,
        item=matter.item.code, item_name=matter.item.name, item_limit=matter.item.limit, catalogue=matter.catalogue,
        urgency=matter.urgency, source=matter.source, external=matter.external,
    )  # fmt: skip
    whistle = Whistle.open(
        CasePushed, streams.whistle, act, kind=WhistleKind.ENFORCEMENT, street=matter.street,
        responses=_called(matter, streams), appointed_at=None, reason=None, drill=False,
    )  # fmt: skip
    response = Response.open(
        ResponseDispatched, streams.response, act, **common, whistle=whistle.id, department=matter.department,
        part=Part.LEAD, kind=WhistleKind.ENFORCEMENT, urgency=matter.urgency, item=matter.item.code,
        street=matter.street,
    )  # fmt: skip
    return report, case, whistle, response


def _called(matter: Matter, streams: Streams) -> tuple[Dispatch, ...]:
    return (Dispatch(response=streams.response, department=matter.department, part=Part.LEAD),)


def _drained(*aggregates: CaseAggregate) -> Iterator[CaseAggregate.Event]:
    """What the aggregates recorded, taken from them."""
    for aggregate in aggregates:
        for event in aggregate.collect_events():
            assert isinstance(event, CaseAggregate.Event)
            yield event
