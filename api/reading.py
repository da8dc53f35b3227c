"""What reads share: waiting for a position, and what may be asked: parameters, organisations by name or code."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Query, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, BeforeValidator
from starlette.concurrency import run_in_threadpool

from api.deps import Deps
from api.identity import Caller, Identity
from desk.arguments import Moment
from domain.registry.organisations import City

__all__ = ["POSITION_MOST", "Day", "Instant", "Reader", "by_code", "fresh", "known_parameters", "one_of", "written"]

POSITION_MOST = 2**63 - 1
"""The largest position that a store can hold."""


def _as_written(value: Any) -> Any:
    """Days and moments are written out: a bare number would be taken for seconds since 1970."""
    if isinstance(value, str) and not WRITTEN.match(value):
        raise ValueError("must be written as in 2026-03-02, a moment with its offset")
    return value


WRITTEN = re.compile(r"\d{4}-\d{2}-\d{2}")
Day = Annotated[date, BeforeValidator(_as_written)]
Instant = Annotated[Moment, BeforeValidator(_as_written)]

WAIT = re.compile(r"(?:^|[,;\s])wait=(\d{1,6})(?:$|[,;\s])")


async def fresh(
    request: Request,
    response: Response,
    who: Caller,
    prefer: Annotated[str | None, Header(max_length=200, description="wait=SECONDS")] = None,
    position: Annotated[int | None, Query(ge=0, le=POSITION_MOST, description="the position to wait for")] = None,
    x_log_position: Annotated[int | None, Header(ge=0, le=POSITION_MOST)] = None,
) -> Identity:
    """Wait, where the caller prefers to, until the views have reached a position: the one named, else the log's own.

    `Preference-Applied` says that they have; without it the answer may be older than what was asked for.
    """
    found = WAIT.search(prefer or "")
    if found:
        deps: Deps = request.app.state.deps
        wanted = position if position is not None else x_log_position
        seconds = min(float(found[1]), deps.limits.wait_at_most)
        if await run_in_threadpool(_reached, deps, wanted, seconds):
            response.headers["Preference-Applied"] = f"wait={found[1]}"
    return who


def _reached(deps: Deps, position: int | None, seconds: float) -> bool:
    return deps.projector.wait_for(deps.log.position() if position is None else position, seconds)


Reader = Annotated[Identity, Depends(fresh)]
"""The caller of a read, after the wait that was preferred."""


def written(answer: BaseModel, response: Response) -> Response:
    """The answer as JSON, with the headers that were set on `response`.

    Whoever reads much writes it out in the thread that made it. The framework would look at every part of it again,
    and take another thread for that.
    """
    return Response(answer.model_dump_json(), media_type="application/json", headers=dict(response.headers))


async def known_parameters(request: Request, _: Caller) -> None:
    """Refuse query parameters that the route does not have: whoever misspells a filter must not get everything."""
    if not request.query_params:
        return
    known = sorted(set(_parameters(request.scope["route"].dependant)))
    said = f"There is no such parameter here; there is {', '.join(known)}." if known else "Nothing can be asked here."
    errors = [
        {"type": "unknown_parameter", "loc": ("query", name), "msg": said}
        for name in dict.fromkeys(request.query_params)
        if name not in known
    ]
    if errors:
        raise RequestValidationError(errors)


def _parameters(asked: Dependant) -> Iterator[str]:
    """The query parameters of a route, those of its dependencies and those that stand in a model."""
    for field in asked.query_params:
        model = field.field_info.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            yield from model.model_fields
        else:
            yield field.alias
    for inner in asked.dependencies:
        yield from _parameters(inner)


def one_of(values: Iterable[str]) -> Any:
    """The type of a text that must be one of these; where it is not, they are named."""
    return Literal[tuple(values)]


ORGANISATIONS = frozenset({"department", "street", "organisation", "lead"})
"""Filters by an organisation."""

TIMERS = "system"
"""What stands for an organisation where a timer acted."""


def by_code(filters: Mapping[str, Any], city: City) -> dict[str, Any]:
    """The filters, with organisations by their code; raises Unknown or Ambiguous for a name that does not do."""
    return {
        name: city.find(value).code if name in ORGANISATIONS and value != TIMERS else value
        for name, value in filters.items()
    }
