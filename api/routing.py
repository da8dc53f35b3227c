"""How a request finds its route: by the shape of its path, instead of trying one route after another."""

import re
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.datastructures import URLPath
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

__all__ = ["PREFIX", "DirectRoute", "Index"]

PREFIX = "/api/v1"
FOUND = "shaoxiang.route"
"""Where a request carries what the index found for it."""

SEGMENT = re.compile(r"[^{}]*|{[a-z_]+}")
"""A segment of a pattern that the index knows: a text, or a parameter."""


class DirectRoute(APIRoute):
    """A route that answers by itself, in one thread, with what its endpoint declares.

    So dependencies that somebody adds to it, to its router, or where that is included, would be asked for nothing. They
    are refused when the application is put together.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request."""
        _refuse_dependencies(self)
        return self.handler()

    def handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        raise NotImplementedError


def _refuse_dependencies(route: APIRoute | RouteContext) -> None:
    assert not route.dependencies, f"{route.name} answers by itself, without further dependencies"


class Index(BaseRoute):
    """Finds a route by method, number of segments and last segment; the first of an application's routes.

    The framework tries each route's pattern, in Python, and does so twice for a router that has the route: a quarter of
    what the event loop had to do for a command. Whatever the index does not know is left to it: it says 404 or 405.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        """`routes` in the order in which they are tried; those that an included router brings are among them."""
        known = [
            (method, *_shape(route.path or ""), route)
            for route in iter_route_contexts(list(routes))
            if isinstance(route.original_route, APIRoute)
            for method in route.methods or ()
        ]
        for *_, route in known:
            assert all(SEGMENT.fullmatch(each) for each in (route.path or "").split("/")), f"{route.path} has no shape"
            if isinstance(route.original_route, DirectRoute):
                _refuse_dependencies(route)
        self._routes = defaultdict[tuple[str, int, str | None], list[RouteContext]](list)
        for key in {(method, length, last) for method, length, last, _ in known}:
            for method, length, last, route in known:
                # A last segment that may be anything may be this one, too.
                if (method, length) == key[:2] and last in {key[2], None}:
                    self._routes[key].append(route)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """The route that is asked for, with the path's parameters."""
        if scope["type"] != "http":
            return Match.NONE, {}
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        method, (length, last) = scope["method"], _shape(path)
        by_last = self._routes.get((method, length, last))
        for route in self._routes.get((method, length, None), ()) if by_last is None else by_last:
            if (found := route.path_regex.match(path)) is not None:
                parameters = {
                    name: route.param_convertors[name].convert(text) for name, text in found.groupdict().items()
                }
                return Match.FULL, {
                    "endpoint": route.endpoint, "path_params": parameters, "route": route.original_route, FOUND: route,
                }  # fmt: skip
        return Match.NONE, {}

    def url_path_for(self, name: str, /, **path_params: Any) -> URLPath:
        """The routes themselves say their paths."""
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by the route that was found."""
        await scope[FOUND].app(scope, receive, send)


def _shape(path: str) -> tuple[int, str | None]:
    """How many segments a path or a pattern has, and its last one; None where a pattern takes any."""
    last = path.rpartition("/")[2]
    return path.count("/"), None if last.startswith("{") else last
