"""Lists: one function makes the endpoint of every list from one row of a table; pages go by key, never by offset.

Rows are the views' own. Times become moments, internal columns are left out, and what lies outside the caller's
scope never leaves the database.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from pydantic import BaseModel, Field, create_model
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Float,
    Integer,
    Table,
    false,
    func,
    or_,
    select,
    true,
    tuple_,
)

from api.problems import ApiProblem
from projections.board import BOARD, CONCERNS
from projections.events import PREFIX
from projections.inbox import INBOX
from projections.tables import ViewTable
from projections.times import micros, moment

__all__ = ["Listing", "Page", "in_scope", "model_of", "page", "shown"]

Scope = Mapping[str, Any]

LAST = 2**62
"""Sorts behind every moment: what has no time comes last, whichever way the list runs."""

STREET_DIGITS = 9
LARGER_DIVISIONS = (4, 6)
"""Digits of a city and a district: matters that no street has taken on yet lie in one of these."""


class Listing(NamedTuple):
    """A list: its table, the columns that may be filtered by, those it may be sorted by (the first by default)."""

    table: ViewTable
    filters: tuple[str, ...]
    sorts: tuple[str, ...]
    hides: tuple[str, ...] = ()


class Page(NamedTuple):
    """Rows as they are shown, and the cursor of the next page; None on the last."""

    rows: list[dict[str, Any]]
    after: str | None


def page(
    db: Connection,
    listing: Listing,
    scope: Scope,
    filters: Mapping[str, Any],
    sort: str,
    cursor: str | None,
    limit: int,
    timed: str | None = None,
) -> Page:
    """One page. `sort` is a column, with "-" before it for the latest first; `timed` is what since and until are about.

    Raises ApiProblem 400 for a cursor of another list or order.
    """
    table = listing.table.table
    name, falling = sort.removeprefix("-"), sort.startswith("-")
    last = -LAST if falling else LAST
    # The key makes the order total, so that no row is skipped or shown twice.
    order = [func.coalesce(table.c[name], last), *(table.c[key] for key in listing.table.key)]
    query = select(table).where(in_scope(listing.table, scope))
    query = query.where(*(_condition(table, column, value, timed) for column, value in filters.items()))
    if cursor is not None:
        here = tuple_(*order)
        there = _decoded(cursor, listing, sort)
        query = query.where(here < there if falling else here > there)
    query = query.order_by(*(column.desc() if falling else column for column in order)).limit(limit + 1)
    found = [dict(row) for row in db.execute(query).mappings()]
    after = None
    if len(found) > limit:
        final = found[limit - 1]
        value = last if final[name] is None else final[name]
        after = _encoded(listing, sort, [value, *(final[key] for key in listing.table.key)])
    return Page([shown(listing.table, row, listing.hides) for row in found[:limit]], after)


def _condition(table: Table, column: str, value: Any, timed: str | None) -> ColumnElement[bool]:
    if timed is not None and column == "since":
        return table.c[timed] >= micros(value)
    if timed is not None and column == "until":
        return table.c[timed] <= micros(value)
    equal: ColumnElement[bool] = table.c[column] == value
    return equal


def in_scope(view: ViewTable, scope: Scope) -> ColumnElement[bool]:
    """The filter that keeps a reader to what it may see."""
    if scope.get("all"):
        return true()
    if code := scope.get("department"):
        return _of_department(view, code)
    if (prefix := scope.get("street_prefix")) is not None:
        return _in_jurisdiction(view, prefix)
    if person := scope.get("person"):
        return _concerning(view, str(person))
    return false()


def _of_department(view: ViewTable, code: str) -> ColumnElement[bool]:
    """What is addressed to the department; of matters, those it was called to."""
    columns = view.table.c
    for column in ("recipient", "department"):
        if column in columns:
            return columns[column] == code
    if "stream" in columns:
        own = select(INBOX.table.c.id).where(INBOX.table.c.department == code)
        return columns["stream"].in_(own)
    return _concerning(view, code)


def _concerning(view: ViewTable, who: str) -> ColumnElement[bool]:
    columns = view.table.c
    case = columns["case_id"] if "case_id" in columns else columns["id"]
    return case.in_(select(CONCERNS.table.c.case_id).where(CONCERNS.table.c.who == who))


def _in_jurisdiction(view: ViewTable, prefix: str) -> ColumnElement[bool]:
    """What lies in the division; a street also sees what no street has taken on yet, as it may be the first to act."""
    columns = view.table.c
    if "jurisdiction" in columns:
        area = columns["jurisdiction"]
        inside: ColumnElement[bool] = area.startswith(prefix, autoescape=True)
        if len(prefix) < STREET_DIGITS:
            return inside
        return or_(inside, area.in_([prefix[:digits] for digits in LARGER_DIVISIONS]))
    board = select(BOARD.table.c.id).where(_in_jurisdiction(BOARD, prefix))
    return columns["case_id"].in_(board)


def shown(view: ViewTable, row: Mapping[str, Any], hides: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row as it is shown: microseconds as moments, documents as values, hidden columns left out."""
    documents = view.documents
    found = {
        column.name: _shown(column, row[column.name], documents)
        for column in view.table.columns
        if column.name not in hides
    }
    if view is BOARD:
        found["departments"] = _called(found["id"], found["departments"])
    return found


class Called(BaseModel):
    """A department that was called to a matter, or the street's own team."""

    response: UUID
    department: str
    part: str = Field(description="lead or support")


def _called(matter: str, departments: Mapping[str, tuple[str, str]]) -> list[Called]:
    """The board's departments, written out: it keeps of each response no more than what the matter's id lacks."""
    return [
        Called(response=UUID(matter[:PREFIX] + tail), department=department, part=part)
        for tail, (department, part) in departments.items()
    ]


def _shown(column: Any, value: Any, documents: tuple[str, ...]) -> Any:
    """A value as it is shown. In views every big integer is a moment."""
    if value is None:
        return None
    if isinstance(column.type, BigInteger):
        return moment(value)
    return json.loads(value) if column.name in documents else value


WRITTEN_OUT: Mapping[tuple[str, str], Any] = {(BOARD.name, "departments"): list[Called]}
"""Documents with a declared shape of their own."""


def model_of(name: str, view: ViewTable, hides: tuple[str, ...] = ()) -> type[BaseModel]:
    """The declared shape of a shown row."""
    documents = view.documents
    fields: dict[str, Any] = {}
    for column in view.table.columns:
        if column.name in hides:
            continue
        kind = WRITTEN_OUT.get((view.name, column.name), Any) if column.name in documents else _type(column)
        fields[column.name] = (kind if column.primary_key else kind | None, ... if column.primary_key else None)
    return create_model(name, **fields)


def _type(column: Any) -> Any:
    kinds: tuple[tuple[Any, Callable[..., Any]], ...] = (
        (BigInteger, datetime), (Boolean, bool), (Integer, int), (Float, float),
    )  # fmt: skip
    return next((python for kind, python in kinds if isinstance(column.type, kind)), str)


def _encoded(listing: Listing, sort: str, values: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps([listing.table.name, sort, *values]).encode()).decode()


def _decoded(cursor: str, listing: Listing, sort: str) -> tuple[Any, ...]:
    """A cursor's values. It belongs to one list in one order, and is checked like anything else that comes in."""
    try:
        name, order, *values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        name, order, values = None, None, []
    scalar = all(isinstance(value, str) or (type(value) is int and abs(value) <= LAST) for value in values)
    if (name, order) != (listing.table.name, sort) or len(values) != listing.table.width + 1 or not scalar:
        detail = "The cursor is not one of this list in this order; begin again without it."
        raise ApiProblem(400, detail)
    return tuple(values)
