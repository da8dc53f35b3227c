"""Asking for one case: its file, and what was told to whom about it."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, Select, or_, select

from domain.kernel import Kind, case_of
from projections.case_file import Part, folded
from projections.notices import NOTICES
from projections.tables import ViewTable
from store.recorder import RawEvent

__all__ = ["LONGEST", "Log", "Part", "absorbed", "case_file", "evaluation_of", "notices", "part"]

LONGEST = 10_000
"""Notices are not read beyond so many at once."""


class Log(Protocol):
    """What asking for a case needs of the event log."""

    def raw_case(self, member: UUID) -> Sequence[RawEvent]:
        """The stored events of all streams of the case that `member` belongs to, in order."""

    def raw_streams(self, streams: Sequence[UUID]) -> Sequence[RawEvent]:
        """The stored events of these streams, each stream's in order."""


def part(log: Log, stream: UUID) -> Part | None:
    """One stream as it stands, or None."""
    return next(iter(folded(log.raw_streams([stream]))), None)


def case_file(log: Log, member: UUID) -> list[Part]:
    """All streams of the case that `member` belongs to, and the reports that were merged into it, in order of id."""
    parts = folded(log.raw_case(member))
    merged = [UUID(report) for each in parts if each.kind == "report" for report in absorbed(each.document)]
    return [*parts, *folded(log.raw_streams(merged))] if merged else parts


def absorbed(report: dict[str, Any]) -> list[str]:
    """The reports that are merged into this one now: those that came, less those that left again, in order."""
    left = list(report.get("detached", ()))
    remaining: list[str] = []
    for each in reversed(report.get("absorbed", ())):
        if each in left:
            left.remove(each)
        elif each not in remaining:
            remaining.append(each)
    return remaining[::-1]


def evaluation_of(parts: list[Part], response: UUID) -> Part | None:
    """The evaluation of a response among the parts of its case; both have the same ordinal."""
    ordinal = response.int & 0xFFFFFF
    sheets = (each for each in parts if each.id.int >> 24 & 0xFF == Kind.EVALUATION)
    return next((each for each in sheets if each.id.int & 0xFFFFFF == ordinal), None)


def notices(db: Connection, member: UUID | None = None, limit: int = LONGEST) -> list[dict[str, Any]]:
    """What was told to whom, in the order in which it happened; about one case, or about all."""
    column = NOTICES.table.c
    query = select(NOTICES.table)
    if member is not None:
        query = query.where(or_(column.case_id == str(case_of(member)), column.about == str(member)))
    return _rows(db, query.order_by(column.position, column.ordinal).limit(limit), NOTICES)


def _rows(db: Connection, query: Select[Any], view: ViewTable) -> list[dict[str, Any]]:
    return [dict(zip(view.columns, row, strict=True)) for row in db.execute(query)]
