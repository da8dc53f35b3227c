"""The history: who did what, when, and by which rule, told from the log; and what happened in one case."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import Connection, select

from api.deps import Deps
from api.identity import Parts
from api.listing import cursor_of, linked, not_a_cursor, values_in
from api.problems import declared
from api.read_route import ReadRoute
from api.reading import POSITION_MOST, Instant, Reader, by_code, one_of
from api.routes.files import IDENTITIES
from api.scopes import Scope, in_scope
from api.sight import must_see, must_see_cases, seen_in
from desk.actors import Actor, Role
from desk.permissions import Sight
from domain.errors import NotPermitted
from projections.board import BOARD
from projections.recalling import Line, Wanted, page, timeline
from projections.times import micros, moment

__all__ = ["router"]

router = APIRouter(tags=["views"], route_class=ReadRoute)

HISTORIANS = frozenset({Role.SUPERVISION, Role.AUDITOR})
"""Roles that read the whole history; others read the timelines of their own cases."""

SORTS = ("position", "-position")

Sort: Any = one_of(SORTS)


class Filters(BaseModel):
    """What the history may be asked for."""

    case_id: UUID | None = None
    stream: UUID | None = None
    actor: UUID | None = None
    organisation: Annotated[str | None, Query(max_length=100)] = None
    role: Annotated[str | None, Query(max_length=100)] = None
    kind: Annotated[str | None, Query(max_length=100)] = None
    topic: Annotated[str | None, Query(max_length=100)] = None
    imported: bool | None = None
    since: Instant | None = None
    until: Instant | None = None


class Done(BaseModel):
    """One event: who did what, when, and by which rule.

    Of an event that this release cannot read, no more than what it is and where it stands; its case is parked.
    """

    position: int
    at: datetime | None
    case_id: str | None
    stream: str
    kind: str
    topic: str
    actor: str | None
    role: str | None
    organisation: str | None
    imported: bool | None
    version: int
    occurred_at: datetime | None
    command: str | None
    rules: list[list[str | None]]


class HistoryPage(BaseModel):
    """Some of the history. A page may be short, and names where to go on."""

    items: list[Done]
    next: str | None = None


class Happening(BaseModel):
    """One line of a timeline."""

    model_config = ConfigDict(extra="allow")

    position: int
    topic: str
    stream: UUID
    version: int | None


class Timeline(BaseModel):
    """What happened, in order."""

    items: list[Happening]


@router.get(
    "/history",
    operation_id="history",
    summary="Who did what, when, and by which rule",
    responses=declared(400, 401, 403, 422, 429, 500),
    response_model=HistoryPage,
)
def history(
    request: Request,
    response: Response,
    deps: Parts,
    who: Reader,
    filters: Annotated[Filters, Query()],
    sort: Sort = SORTS[0],
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    limit: Annotated[int | None, Query(ge=1)] = None,
) -> dict[str, Any]:
    """The log as the caller may see it, a page at a time."""
    reader = _must_see_history(deps, who.actor)
    place = None if cursor is None else _place_in(cursor, sort)
    size = deps.limits.rows_of(limit)
    with deps.views.glancing() as db:
        wanted = _wanted(by_code(filters.model_dump(exclude_none=True), deps.city), sort)
        found, onward = page(db, deps.log, wanted, place, size, partial(_visible, db, reader.scope))
    after = None if onward is None else cursor_of("history", sort, onward)
    linked(request, response, after)
    return {"items": [_without_facts(line) for line in found], "next": after}


@router.get(
    "/cases/{id}/timeline",
    operation_id="timeline",
    summary="What happened in a case",
    responses=declared(401, 403, 404, 422, 429, 500),
)
def timeline_of(
    target: Annotated[UUID, Path(alias="id")], deps: Parts, who: Reader, as_of: Instant | None = None
) -> Timeline:
    """Every event of the case that the reader may see, in order, up to `as_of`, without anybody's identity."""
    with deps.views.glancing() as db:
        reader = must_see(deps, db, who.actor, target)
        lines = timeline(db, deps.log, target, None if as_of is None else micros(as_of))
        visible = seen_in(db, reader, {line["stream"] for line in lines})
    return Timeline(items=[_happening(line, reader) for line in lines if line["stream"] in visible])


def _must_see_history(deps: Deps, actor: Actor) -> Sight:
    """The sight of a role that reads the whole history."""
    if actor.role not in HISTORIANS:
        raise NotPermitted(f"The role {actor.role.value} reads the timelines of its cases, not the whole history.")
    return must_see_cases(deps, actor)


def _wanted(filters: Mapping[str, Any], sort: str) -> Wanted:
    ends = {name: micros(filters[name]) for name in ("since", "until") if name in filters}
    equal = {name: str(each) if isinstance(each, UUID) else each for name, each in filters.items() if name not in ends}
    return Wanted(equal, **ends, falling=sort.startswith("-"))


def _place_in(cursor: str, sort: str) -> int:
    match values_in(cursor, "history", sort):
        case [int(place)] if not isinstance(place, bool) and 0 <= place <= POSITION_MOST:
            return place
        case _:
            raise not_a_cursor()


def _visible(db: Connection, scope: Scope, lines: list[Line]) -> list[Line]:
    """What lies in the scope: of a division, what belongs to its matters."""
    if scope.get("all") or not lines:
        return lines
    column = BOARD.table.c.id
    inside = select(column).where(column.in_({line["case_id"] for line in lines}), in_scope(BOARD, scope))
    seen = set(db.execute(inside).scalars())
    return [line for line in lines if line["case_id"] in seen]


def _without_facts(line: Line) -> dict[str, Any]:
    """A line as it is shown; what was said in so many words is for the case's timeline."""
    told = {name: value for name, value in line.items() if name != "facts"}
    return told | {name: None if line[name] is None else moment(line[name]) for name in ("at", "occurred_at")}


def _happening(line: Line, reader: Sight) -> Happening:
    told = _without_facts(line)
    if "department" in reader.scope and line["kind"] == "report":
        # The party complained about must not learn from the timeline who it was that reported.
        told["actor"] = None
    facts = {name: value for name, value in line["facts"].items() if name not in IDENTITIES}
    return Happening(**told, facts=facts)
