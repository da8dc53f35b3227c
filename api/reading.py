"""What reads share: their route, waiting for a position, and what may be asked: parameters, organisations by name."""

import re
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, BeforeValidator, TypeAdapter

from api.deps import Deps
from api.identity import Caller, Identity, bearer, caller, parts
from desk.arguments import Moment
from domain.registry.organisations import City

__all__ = [
    "POSITION_MOST", "Day", "Instant", "ReadRoute", "Reader", "by_code", "fresh", "known_parameters", "one_of",
]  # fmt: skip

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


def fresh(
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
        if _reached(deps, wanted, seconds):
            response.headers["Preference-Applied"] = f"wait={found[1]}"
    return who


def _reached(deps: Deps, position: int | None, seconds: float) -> bool:
    return deps.projector.wait_for(deps.log.position() if position is None else position, seconds)


Reader = Annotated[Identity, Depends(fresh)]
"""The caller of a read, after the wait that was preferred."""


class ReadRoute(APIRoute):
    """A route that reads in one thread: who asks, what is asked, and the answer written out.

    The framework would change threads for whoever asks, and again to read and to write, solve its tree of dependencies
    anew for every request, and look at every part of the answer again. A route or router may have no further
    dependencies than its endpoint's own, and these may be functions that wait, but not async ones.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request."""
        assert not self.dependencies, f"{self.name} answers by itself, without further dependencies"
        asked, write = self.dependant, TypeAdapter[Any](self.response_model).dump_json
        known, declared = sorted(set(_parameters(asked))), list(_declared(asked))

        def answer(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Response:
            who = caller(request, credentials)
            _refuse_unknown(known, request)
            response = Response()
            del response.headers["Content-Length"]
            found = _call(asked, _values(declared, request), request, response, who)
            headers = dict(response.headers)
            return Response(write(found, by_alias=True), 200, headers, "application/json")

        async def handled(request: Request) -> Response:
            return await run_in_threadpool(answer, request, await bearer(request))

        return handled


def _declared(asked: Dependant) -> Iterator[Dependant]:
    """What an endpoint declares, and what its dependencies declare; who asks is known before."""
    yield asked
    for inner in asked.dependencies:
        if inner.call not in {parts, caller}:
            yield from _declared(inner)


def _values(declared: Iterable[Dependant], request: Request) -> dict[str, Any]:
    """The value of every parameter by name; raises RequestValidationError with all that is wrong."""
    values: dict[str, Any] = {}
    wrong: list[Any] = []
    for each in declared:
        for fields, given in (
            (each.path_params, request.path_params),
            (each.query_params, request.query_params),
            (each.header_params, request.headers),
        ):
            if fields:
                found, errors = request_params_to_args(fields, given)
                values |= found
                wrong += errors
    if wrong:
        raise RequestValidationError(wrong)
    return values


def _call(asked: Dependant, values: Mapping[str, Any], request: Request, response: Response, who: Identity) -> Any:
    """What a function answers, called with all that it declares."""
    fields = (*asked.path_params, *asked.query_params, *asked.header_params)
    given = {field.name: values[field.name] for field in fields}
    for name, value in ((asked.request_param_name, request), (asked.response_param_name, response)):
        given |= {name: value} if name is not None else {}
    for inner in asked.dependencies:
        assert inner.name is not None
        if inner.call is caller:
            given[inner.name] = who
        elif inner.call is parts:
            given[inner.name] = request.app.state.deps
        else:
            given[inner.name] = _call(inner, values, request, response, who)
    assert asked.call is not None
    return asked.call(**given)


async def known_parameters(request: Request, _: Caller) -> None:
    """Refuse query parameters that the route does not have: whoever misspells a filter must not get everything."""
    if request.query_params:
        _refuse_unknown(sorted(set(_parameters(request.scope["route"].dependant))), request)


def _refuse_unknown(known: Sequence[str], request: Request) -> None:
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
