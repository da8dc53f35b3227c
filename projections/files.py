"""Asking for one case: its file, its timeline as of any moment, and what was told to whom about it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, Row, Select, or_, select

from domain.kernel import Kind, case_of
from projections.case_file import CASE_FILE
from projections.events import PREFIX
from projections.history import HISTORY, Stored, told
from projections.notices import NOTICES
from projections.tables import ViewTable

LONGEST = 10_000
"""A timeline is not read beyond so many events at once."""


@dataclass(frozen=True)
class Part:
    """One stream of a case as it stands: `kind` is report, case, whistle, response, evaluation or interview."""

    id: UUID
    kind: str
    version: int
    opened_at: int
    changed_at: int
    document: dict[str, Any]


def part(db: Connection, stream: UUID) -> Part | None:
    """One stream as it stands, or None."""
    found = db.execute(select(CASE_FILE.table).where(CASE_FILE.table.c.id == str(stream))).one_or_none()
    return None if found is None else _part(found)


def case_file(db: Connection, member: UUID) -> list[Part]:
    """All streams of the case that `member` belongs to, and the reports that were merged into it, in order of id."""
    low = str(case_of(member))[:PREFIX]
    key = CASE_FILE.table.c.id
    parts = [_part(row) for row in db.execute(select(CASE_FILE.table).where(key >= low, key < low + "~").order_by(key))]
    merged = [report for each in parts if each.kind == "report" for report in absorbed(each.document)]
    if merged:
        query = select(CASE_FILE.table).where(key.in_(merged)).order_by(key)
        parts.extend(_part(row) for row in db.execute(query))
    return parts


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


def timeline(
    db: Connection, log: Stored, member: UUID, as_of: int | None = None, limit: int = LONGEST
) -> list[dict[str, Any]]:
    """What happened in the case, in order, up to a moment (microseconds) where given: rows of the history.

    Each has the event's `facts` and `rules` besides, [stage, rule, policy, calendar, due] for each clock that it moved,
    from the log itself. Times are microseconds since the epoch.
    """
    column = HISTORY.table.c
    query = select(HISTORY.table).where(column.case_id == str(case_of(member)))
    if as_of is not None:
        query = query.where(column.at <= as_of)
    rows = _rows(db, query.order_by(column.position).limit(limit), HISTORY)
    events = told(log, [row["position"] for row in rows])
    for row in rows:
        event = events.get(row["position"])
        row["rules"], row["facts"] = ([], {}) if event is None else (event.rules, event.facts)
    return rows


def notices(db: Connection, member: UUID | None = None, limit: int = LONGEST) -> list[dict[str, Any]]:
    """What was told to whom, in the order in which it happened; about one case, or about all."""
    column = NOTICES.table.c
    query = select(NOTICES.table)
    if member is not None:
        query = query.where(or_(column.case_id == str(case_of(member)), column.about == str(member)))
    return _rows(db, query.order_by(column.position, column.ordinal).limit(limit), NOTICES)


def _rows(db: Connection, query: Select[Any], view: ViewTable) -> list[dict[str, Any]]:
    return [dict(zip(view.columns, row, strict=True)) for row in db.execute(query)]


def _part(row: Row[Any]) -> Part:
    values: tuple[Any, ...] = tuple(row)
    stream, kind, version, opened_at, changed_at, document = values
    return Part(UUID(stream), kind, version, opened_at, changed_at, orjson.loads(document))
