"""The lists: board, inbox, what is due, reminders, commendations, interviews, notices.

Each is a row of `LISTS`; one function makes the endpoint from it.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, create_model
from sqlalchemy import Boolean

from api.deps import Deps
from api.identity import Parts
from api.listing import Listing, linked, model_of, page
from api.problems import declared
from api.read_route import ReadRoute
from api.reading import Instant, Reader, by_code, one_of
from api.searching import search
from api.sight import must_see_cases, must_see_outcomes
from desk.actors import Actor
from desk.permissions import Sight
from projections.board import BOARD
from projections.commendations import COMMENDATIONS
from projections.due import DUE
from projections.inbox import INBOX
from projections.interviews import INTERVIEWS
from projections.notices import NOTICES
from projections.reminders import REMINDERS

__all__ = ["LISTS", "router"]


class Row(NamedTuple):
    """One list: its path, its name, what it lists, and who may read it."""

    path: str
    name: str
    summary: str
    listing: Listing
    sight: Callable[[Deps, Actor], Sight]


LISTS = (
    Row("/cases", "board", "The case board", Listing(
        BOARD, ("state", "report_state", "urgency", "item", "street", "lead", "number", "suspended", "listed", "drill"),
        ("due_at", "-due_at", "filed_at", "-filed_at", "reported_at", "-reported_at"), ("clocks",),
        {"due_at": "-reported_at", "filed_at": "-reported_at"}, "reported_at"), must_see_cases),
    Row("/inbox", "inbox", "What each department has to do, and by when", Listing(
        INBOX, ("state", "department", "part", "kind", "urgency", "item", "street", "paused", "evaluation_state"),
        ("next_due", "-next_due", "dispatched_at", "-dispatched_at"), ("clocks", "again_at", "criticise_at"),
        {"next_due": "-dispatched_at"}), must_see_cases),
    Row("/due", "due", "What falls due next", Listing(
        DUE, ("kind", "case_id", "stream"), ("fire_at", "-fire_at"), timed="fire_at"), must_see_cases),
    Row("/reminders", "reminders", "Reminders", Listing(
        REMINDERS, ("state", "department", "case_id", "drill"), ("-issued_at", "issued_at")), must_see_outcomes),
    Row("/commendations", "commendations", "Commendations and circulated criticism", Listing(
        COMMENDATIONS, ("state", "kind", "department", "case_id", "drill"), ("-proposed_at", "proposed_at"),
        ), must_see_outcomes),
    Row("/interviews", "interviews", "Interviews", Listing(
        INTERVIEWS, ("state", "department", "case_id", "drill"), ("-opened_at", "opened_at"),
        ), must_see_outcomes),
    Row("/notices", "notices", "Notices", Listing(
        NOTICES, ("kind", "recipient", "about", "case_id", "drill"), ("-position", "position"), timed="at"),
        must_see_outcomes),
)  # fmt: skip
"""Path, name, summary, listing, and whose role may read it; the scope then says which rows."""

SEARCHED = BOARD
"""The list that may be searched by text."""

SEARCHING = "words of the item's name, of a district, street or community, or the beginning of the number"


def _filters_of(row: Row) -> type[BaseModel]:
    """The query parameters of a list."""
    columns = row.listing.table.table.c
    fields: dict[str, Any] = {}
    for name in row.listing.filters:
        kind: Any = bool if isinstance(columns[name].type, Boolean) else Annotated[str, Query(max_length=100)]
        fields[name] = (kind | None, None)
    if row.listing.timed is not None:
        fields["since"] = (Instant | None, None)
        fields["until"] = (Instant | None, None)
    if row.listing.table is SEARCHED:
        fields["q"] = (Annotated[str | None, Query(max_length=100, description=SEARCHING)], None)
    return create_model(f"{row.name.capitalize()}Filters", **fields)


def _endpoint(row: Row) -> Callable[..., Any]:
    def read(
        request: Request,
        response: Response,
        deps: Parts,
        who: Reader,
        filters: Any,
        sort: Any = row.listing.sorts[0],
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
        limit: Annotated[int | None, Query(ge=1)] = None,
    ) -> dict[str, Any]:
        reader = row.sight(deps, who.actor)
        size = deps.limits.rows_of(limit)
        chosen = by_code(filters.model_dump(exclude_none=True), deps.city)
        text = chosen.pop("q", "").strip()
        wanted = search(text, deps.city, deps.rules) if text else None
        with deps.views.reading() as db:
            found = page(db, row.listing, reader.scope, chosen, sort, cursor, size, wanted)
        linked(request, response, found.after)
        return {"items": found.rows, "next": found.after}

    read.__annotations__["filters"] = Annotated[_filters_of(row), Query()]
    read.__annotations__["sort"] = Annotated[one_of(row.listing.sorts), Query()]
    read.__doc__ = f"{row.listing.table.table.name}: what the caller may see of it, a page at a time."
    return read


def _model(row: Row) -> type[BaseModel]:
    item: Any = model_of(f"{row.name.capitalize()}Row", row.listing.table, row.listing.hides)
    return create_model(f"{row.name.capitalize()}Page", items=(list[item], ...), next=(str | None, None))


router = APIRouter(tags=["views"], route_class=ReadRoute)
for _row in LISTS:
    _page = _model(_row)
    router.add_api_route(
        _row.path,
        _endpoint(_row),
        methods=["GET"],
        operation_id=_row.name,
        summary=_row.summary,
        response_model=_page,
        responses=declared(400, 401, 403, 422, 429, 500),
    )
