"""Lists: one function makes the endpoint of every list from one row of a table; pages go by key, never by offset.

Rows are the views' own. Times become moments, internal columns are left out, and what lies outside the caller's
scope never leaves the database.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from pydantic import BaseModel, Field, create_model
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Float,
    Integer,
    and_,
    false,
    func,
    or_,
    select,
    true,
)

from api.problems import ApiProblem
from api.searching import Search
from api.walking import FEW, STEPS, Leg, Place, Question, legs, narrowed, place_of, walk
from projections.board import BOARD, CONCERNS
from projections.events import PREFIX
from projections.inbox import INBOX
from projections.tables import ViewTable
from projections.times import micros, moment

__all__ = ["Listing", "Page", "in_scope", "model_of", "page", "shown"]

Scope = Mapping[str, Any]
Columns = Any

STREET_DIGITS = 9
LARGER_DIVISIONS = (4, 6)
"""Digits of a city and a district: matters that no street has taken on yet lie in one of these."""


class Listing(NamedTuple):
    """A list: its table, the columns that may be filtered by, those it may be sorted by (the first by default).

    `tails` names, for a column that may be empty, the order of the rows where it is. `timed` is the column that
    `since` and `until` are about.
    """

    table: ViewTable
    filters: tuple[str, ...]
    sorts: tuple[str, ...]
    hides: tuple[str, ...] = ()
    tails: Mapping[str, str] = {}
    timed: str | None = None


class Page(NamedTuple):
    """Rows as they are shown, and the cursor of the next page; None on the last. A page may be short, see `walking`."""

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
    search: Search | None = None,
) -> Page:
    """One page. `sort` is a column, with "-" before it for the latest first.

    Raises ApiProblem 400 for a cursor of another list or order.
    """
    parts = legs(sort, listing.tails)
    at, place = (0, None) if cursor is None else _decoded(cursor, listing, sort, parts)
    if _nowhere(filters) or (search is not None and search.finds_nothing):
        return Page([], None)
    question = _question(db, listing, scope, filters, search)
    found: list[tuple[int, dict[str, Any]]] = []
    steps = list(STEPS)
    after = None
    while after is None and at < len(parts):
        walked = walk(db, question, parts[at], place, limit + 1 - len(found), steps.pop(0))
        found += [(at, row) for row in walked.rows]
        if len(found) > limit:
            leg, last = found[limit - 1]
            after = _encoded(listing, sort, leg, _values(listing, parts[leg], last))
        elif walked.onward is None:
            at, place, steps = at + 1, None, steps or [STEPS[-1]]
        elif steps:
            place = walked.onward
            if question.small is None:
                question = narrowed(db, question)
        else:
            after = _encoded(listing, sort, at, walked.onward)
    return Page([shown(listing.table, row, listing.hides) for _, row in found[:limit]], after)


def _nowhere(filters: Mapping[str, Any]) -> bool:
    """Whether a filter names what no store can hold: a text with a zero byte."""
    return any(isinstance(value, str) and "\0" in value for value in filters.values())


def _question(
    db: Connection, listing: Listing, scope: Scope, filters: Mapping[str, Any], search: Search | None
) -> Question:
    """What is asked, in a form that can be walked."""
    equal = {name: value for name, value in filters.items() if name not in ("since", "until")}

    def within(columns: Columns) -> list[ColumnElement[bool]]:
        ends = [] if listing.timed is None else [columns[listing.timed]]
        since = [end >= micros(filters["since"]) for end in ends if "since" in filters]
        return since + [end <= micros(filters["until"]) for end in ends if "until" in filters]

    few = _few(db, listing.table, scope)

    def holds(columns: Columns) -> ColumnElement[bool]:
        said = [columns[name] == value for name, value in equal.items()]
        found = [] if search is None else [search.holds(columns)]
        return and_(in_scope(listing.table, scope, columns, few=few), *said, *within(columns), *found)

    fixed = {**_fixed(listing.table, scope), **({} if search is None else search.fixed())}
    fixed |= {name: (value,) for name, value in equal.items()}
    if "street" in equal and "jurisdiction" in listing.table.columns:
        # A matter that a street has taken on lies in that street.
        fixed["jurisdiction"] = (equal["street"],)
    small = few or "number" in equal or (search is not None and search.is_number) or None
    return Question(listing.table, holds, fixed, equal, listing.timed, within, small)


def _fixed(view: ViewTable, scope: Scope) -> dict[str, tuple[Any, ...]]:
    """The columns that the reader's scope fixes."""
    prefix = scope.get("street_prefix")
    if "jurisdiction" in view.columns and prefix is not None and len(prefix) >= STREET_DIGITS:
        return {"jurisdiction": (prefix, *(prefix[:digits] for digits in LARGER_DIVISIONS))}
    department = scope.get("department")
    if department is not None:
        return {name: (department,) for name in ("recipient", "department") if name in view.columns}
    return {}


def _few(db: Connection, view: ViewTable, scope: Scope) -> bool:
    """Whether the scope is a person's or department's own matters, and these are few."""
    who = scope.get("person") or scope.get("department")
    if who is None or view is not BOARD:
        return False
    some = select(CONCERNS.table.c.case_id).where(CONCERNS.table.c.who == str(who)).limit(FEW + 1).subquery()
    counted: int = db.execute(select(func.count()).select_from(some)).scalar_one()
    return counted <= FEW


def in_scope(view: ViewTable, scope: Scope, columns: Columns = None, *, few: bool = True) -> ColumnElement[bool]:
    """The filter that keeps a reader to what it may see, on the view's own columns where no others are given.

    `few` says that the reader's own matters are few enough to begin with.
    """
    columns = view.table.c if columns is None else columns
    if scope.get("all"):
        return true()
    if code := scope.get("department"):
        return _of_department(columns, code, few=few)
    if (prefix := scope.get("street_prefix")) is not None:
        return _in_jurisdiction(columns, prefix)
    if person := scope.get("person"):
        return _concerning(columns, str(person), few=few)
    return false()


def _of_department(columns: Columns, code: str, *, few: bool) -> ColumnElement[bool]:
    """What is addressed to the department; of matters, those it was called to."""
    for column in ("recipient", "department"):
        if column in columns:
            equal: ColumnElement[bool] = columns[column] == code
            return equal
    if "stream" in columns:
        inbox = INBOX.table.c
        return select(inbox.id).where(inbox.id == columns["stream"], inbox.department == code).exists()
    return _concerning(columns, code, few=few)


def _concerning(columns: Columns, who: str, *, few: bool) -> ColumnElement[bool]:
    own = CONCERNS.table.c
    if "case_id" not in columns and few:
        mine: ColumnElement[bool] = columns["id"].in_(select(own.case_id).where(own.who == who))
        return mine
    case = columns["case_id"] if "case_id" in columns else columns["id"]
    return select(own.case_id).where(own.who == who, own.case_id == case).exists()


def _in_jurisdiction(columns: Columns, prefix: str) -> ColumnElement[bool]:
    """What lies in the division; a street also sees what no street has taken on yet, as it may be the first to act."""
    if "jurisdiction" in columns:
        area = columns["jurisdiction"]
        inside: ColumnElement[bool] = area.startswith(prefix, autoescape=True)
        if len(prefix) < STREET_DIGITS:
            return inside
        return or_(inside, area.in_([prefix[:digits] for digits in LARGER_DIVISIONS]))
    board = BOARD.table.alias()
    return select(board.c.id).where(board.c.id == columns["case_id"], _in_jurisdiction(board.c, prefix)).exists()


class Called(BaseModel):
    """A department that was called to a matter, or the street's own team."""

    response: UUID
    department: str
    part: str = Field(description="lead or support")


def _called(matter: str, departments: Mapping[str, tuple[str, str]]) -> list[dict[str, str]]:
    """The board's departments, written out: it keeps of each response no more than what the matter's id lacks."""
    return [
        {"response": matter[:PREFIX] + tail, "department": department, "part": part}
        for tail, (department, part) in departments.items()
    ]


def shown(view: ViewTable, row: Mapping[str, Any], hides: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row as it is shown: microseconds as moments, documents as values, hidden columns left out."""
    found = {}
    for name, told in _told(view, hides):
        value = row[name]
        found[name] = value if told is None or value is None else told(value)
    if view is BOARD:
        found["departments"] = _called(found["id"], found["departments"])
    return found


@cache
def _told(view: ViewTable, hides: tuple[str, ...]) -> tuple[tuple[str, Callable[[Any], Any] | None], ...]:
    """The columns that are shown, and how."""
    ways: dict[str, Callable[[Any], Any]] = dict.fromkeys(view.documents, orjson.loads)
    moments = {column.name: moment for column in view.table.columns if _is_moment(column)}
    return tuple((name, (ways | moments).get(name)) for name in view.columns if name not in hides)


def _is_moment(column: Any) -> bool:
    """In views every big integer is a moment, but for positions, which are keys."""
    return isinstance(column.type, BigInteger) and not column.primary_key


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
    if _is_moment(column):
        return datetime
    kinds: tuple[tuple[Any, Callable[..., Any]], ...] = ((Boolean, bool), (Integer, int), (Float, float))
    return next((python for kind, python in kinds if isinstance(column.type, kind)), str)


def _values(listing: Listing, leg: Leg, row: Mapping[str, Any]) -> Place:
    return (row[leg.column], *(row[key] for key in listing.table.key if key != leg.column))


def _encoded(listing: Listing, sort: str, leg: int, place: Place) -> str:
    return base64.urlsafe_b64encode(json.dumps([listing.table.name, sort, leg, *place]).encode()).decode()


def _decoded(cursor: str, listing: Listing, sort: str, parts: Sequence[Leg]) -> tuple[int, Place]:
    """A cursor's leg and place. It belongs to one list in one order, and is checked like all that comes in."""
    try:
        name, order, leg, *values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        name, order, leg, values = None, None, None, []
    place = None
    if (name, order) == (listing.table.name, sort) and type(leg) is int and 0 <= leg < len(parts):
        place = place_of(listing.table, parts[leg], values)
    if place is None:
        detail = "The cursor is not one of this list in this order; begin again without it."
        raise ApiProblem(400, detail)
    return leg, place
