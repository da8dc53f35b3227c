"""Lists: one function makes the endpoint of every list from one row of a table; pages go by key, never by offset.

Rows are the views' own. Times become moments, internal columns are left out, and what lies outside the caller's
scope never leaves the database.
"""

import base64
import binascii
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from fastapi import Request, Response
from pydantic import BaseModel, Field, create_model
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Connection,
    Float,
    Integer,
    and_,
)

from api.problems import ApiProblem
from api.scopes import Columns, Scope, by_name, fixed_by, has_few, in_scope, shape_of, values_of
from api.searching import Search
from api.walking import STEPS, Leg, Place, Question, Row, legs, narrowed, place_in, place_of, walk
from projections.board import BOARD
from projections.events import PREFIX
from projections.tables import ViewTable
from projections.times import micros, moment

__all__ = ["Listing", "Page", "cursor_of", "linked", "model_of", "not_a_cursor", "page", "shown", "values_in"]


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
    found: list[tuple[int, Row]] = []
    steps = list(STEPS)
    after = None
    while after is None and at < len(parts):
        walked = walk(db, question, parts[at], place, limit + 1 - len(found), steps.pop(0))
        found += [(at, row) for row in walked.rows]
        if len(found) > limit:
            leg, last = found[limit - 1]
            after = _encoded(listing, sort, leg, place_in(listing.table, parts[leg], last))
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
    view = listing.table
    equal = {name: value for name, value in filters.items() if name not in ENDS}
    ends = {name: micros(filters[name]) for name in ENDS if name in filters and listing.timed is not None}
    few = has_few(db, view, scope)

    def within(columns: Columns) -> list[ColumnElement[bool]]:
        time = columns[listing.timed] if ends else None
        return [ENDS[name](time, by_name(time, name, None)) for name in ends]

    def holds(columns: Columns) -> ColumnElement[bool]:
        said = [columns[name] == by_name(columns[name], f"is_{name}", None) for name in equal]
        found = [] if search is None else [search.holds(columns)]
        return and_(in_scope(view, scope, columns, few=few, bind=by_name), *said, *within(columns), *found)

    fixed = {**fixed_by(scope, view), **({} if search is None else search.fixed())}
    fixed |= {name: (value,) for name, value in equal.items()}
    if "street" in equal and "jurisdiction" in view.columns:
        # A matter that a street has taken on lies in that street.
        fixed["jurisdiction"] = (equal["street"],)
    small = few or "number" in equal or (search is not None and search.is_number) or None
    values = values_of(scope) | {f"is_{name}": value for name, value in equal.items()} | ends
    values |= {} if search is None else search.values
    searched = None if search is None else search.shape
    shape = (view, listing.timed, shape_of(scope), few, tuple(equal), tuple(ends), searched)
    return Question(view, holds, fixed, equal, listing.timed, within, shape, values, small)


ENDS: Mapping[str, Callable[[Any, Any], ColumnElement[bool]]] = {"since": operator.ge, "until": operator.le}
"""The filters by time, and how they compare."""


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


def shown(view: ViewTable, row: Row, hides: tuple[str, ...] = ()) -> dict[str, Any]:
    """A row as it is shown: microseconds as moments, documents as values, hidden columns left out."""
    found = {}
    for place, name, told in _told(view, hides):
        value = row[place]
        found[name] = value if told is None or value is None else told(value)
    if view is BOARD:
        found["departments"] = _called(found["id"], found["departments"])
    return found


@cache
def _told(view: ViewTable, hides: tuple[str, ...]) -> tuple[tuple[int, str, Callable[[Any], Any] | None], ...]:
    """The columns that are shown, by their places, and how."""
    ways: dict[str, Callable[[Any], Any]] = dict.fromkeys(view.documents, orjson.loads)
    moments = {column.name: moment for column in view.table.columns if _is_moment(column)}
    return tuple(
        (place, name, (ways | moments).get(name)) for place, name in enumerate(view.columns) if name not in hides
    )


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


def _encoded(listing: Listing, sort: str, leg: int, place: Place) -> str:
    return cursor_of(listing.table.name, sort, leg, *place)


def _decoded(cursor: str, listing: Listing, sort: str, parts: Sequence[Leg]) -> tuple[int, Place]:
    """A cursor's leg and place."""
    leg, *values = values_in(cursor, listing.table.name, sort) or [None]
    place = None
    if type(leg) is int and 0 <= leg < len(parts):
        place = place_of(listing.table, parts[leg], values)
    if place is None:
        raise not_a_cursor()
    return leg, place


def cursor_of(name: str, sort: str, *values: Any) -> str:
    """A cursor of the list of that name in that order."""
    return base64.urlsafe_b64encode(json.dumps([name, sort, *values]).encode()).decode()


def values_in(cursor: str, name: str, sort: str) -> list[Any]:
    """What such a cursor holds; nothing where it is one of another list or order, or none at all."""
    try:
        whose, order, *values = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, TypeError, binascii.Error, RecursionError):
        return []
    return values if (whose, order) == (name, sort) else []


def not_a_cursor() -> ApiProblem:
    """A cursor belongs to one list in one order, and is checked like all that comes in."""
    return ApiProblem(400, "The cursor is not one of this list in this order; begin again without it.")


def linked(request: Request, response: Response, after: str | None) -> None:
    """Name the next page, where there is one, in the answer's headers."""
    if after is not None:
        following = request.url.include_query_params(cursor=after)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
