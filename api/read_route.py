"""The route of a read, which answers in one thread, and what it makes of parameters that it does not have."""

import inspect
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, TypeAdapter
from starlette.datastructures import Headers, QueryParams

from api.identity import Caller, Identity, bearer, caller, parts
from api.routing import DirectRoute

__all__ = ["ReadRoute", "known_parameters"]


class ReadRoute(DirectRoute):
    """A route that reads in one thread: who asks, what is asked, and the answer written out.

    The framework would change threads for whoever asks, and again to read and to write, solve its tree of dependencies
    anew for every request, and look at every part of the answer again. An endpoint may declare parameters of the path,
    the query and the headers, the request, the response's headers, and functions that declare the like. It answers with
    its model, or with a dict of the same shape made of plain values and moments, where that model would be made for
    nothing but to be written.
    """

    def handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        asked, write = self.dependant, _writing(self.response_model)
        known, declared = sorted(set(_parameters(asked))), list(_declared(asked))
        _refuse_others(self, declared)
        readers = [read for each in declared for read in _readers(each)]

        def answer(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Response:
            who = caller(request, credentials)
            _refuse_unknown(known, request)
            response = Response()
            del response.headers["Content-Length"]
            found = _call(asked, _values(readers, request), request, response, who)
            headers = dict(response.headers)
            return Response(write(found), 200, headers, "application/json")

        async def handled(request: Request) -> Response:
            return await run_in_threadpool(answer, request, await bearer(request))

        return handled


def _writing(model: Any) -> Callable[[Any], bytes]:
    """What writes answers. One that was put together of plain values has its declared shape already, as tests see to.

    Made into the model and looked at again, a page of rows took a process a sixth longer.
    """
    dump = TypeAdapter[Any](model).dump_json

    def write(found: Any) -> bytes:
        if isinstance(found, dict):
            return orjson.dumps(found, option=orjson.OPT_UTC_Z)
        return dump(found, by_alias=True)

    return write


def _refuse_others(route: APIRoute, declared: Sequence[Dependant]) -> None:
    """Refuse, when the application is put together, what would be asked for nothing, or not be answered."""
    model, status = route.response_model, route.status_code
    assert model is not None, f"{route.name} must say what it answers with"
    assert status in {None, HTTPStatus.OK}, f"{route.name} answers {status}, and a read answers 200"
    fields = [field.name for each in declared for field in _fields(each)]
    assert len(fields) == len(set(fields)), f"{route.name} has two parameters of one name among {fields}"
    for each in declared:
        other = (
            each.cookie_params,
            each.body_params,
            each.background_tasks_param_name,
            each.security_scopes_param_name,
        )
        assert not any(other), f"{each.call} declares what a read does not have"
        kinds = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
        assert not any(kind(each.call) for kind in kinds), f"{each.call} is to be a plain function"


def _declared(asked: Dependant) -> Iterator[Dependant]:
    """What an endpoint declares, after what its dependencies declare; who asks is known before."""
    for inner in asked.dependencies:
        if inner.call not in {parts, caller}:
            yield from _declared(inner)
    yield asked


def _fields(asked: Dependant) -> tuple[Any, ...]:
    return (*asked.path_params, *asked.query_params, *asked.header_params)


Reading = Callable[[Request], tuple[dict[str, Any], list[Any]]]
"""Takes parameters from a request: the values by name, and all that is wrong with them."""


def _readers(asked: Dependant) -> Iterator[Reading]:
    """What reads the parameters that a function declares, in the path, the query and the headers.

    Most requests give none of the query's, and none of the headers'. What these are then is found out once: endpoints
    change nothing of what they are given.
    """
    path, query, headers = asked.path_params, asked.query_params, asked.header_params
    if path:
        yield lambda request: request_params_to_args(path, request.path_params)
    if query:
        unasked = request_params_to_args(query, QueryParams())
        yield lambda request: request_params_to_args(query, request.query_params) if request.query_params else unasked
    if headers:
        unsaid = request_params_to_args(headers, Headers())
        names = {name.encode() for field in headers for name in (field.alias, field.alias.replace("_", "-"))}

        def read(request: Request) -> tuple[dict[str, Any], list[Any]]:
            if names.isdisjoint(name for name, _ in request.scope["headers"]):
                return unsaid
            return request_params_to_args(headers, request.headers)

        yield read


def _values(readers: Iterable[Reading], request: Request) -> dict[str, Any]:
    """The value of every parameter by name; raises RequestValidationError with all that is wrong."""
    values: dict[str, Any] = {}
    wrong: list[Any] = []
    for read in readers:
        found, errors = read(request)
        values |= found
        wrong += errors
    if wrong:
        raise RequestValidationError(wrong)
    return values


def _call(asked: Dependant, values: Mapping[str, Any], request: Request, response: Response, who: Identity) -> Any:
    """What a function answers, called with all that it declares."""
    given = {field.name: values[field.name] for field in _fields(asked)}
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
