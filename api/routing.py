"""How a request finds its route: routers are tried one after another, so those that cannot know it are passed over."""

from functools import cached_property

from fastapi import APIRouter
from starlette.routing import Match, Route
from starlette.types import Scope

__all__ = ["PREFIX", "Router"]

PREFIX = "/api/v1"


class Router(APIRouter):
    """A router under `PREFIX` that is passed over where none of its paths begins like the one that is asked for.

    The framework tries each route's pattern, in Python, and does so twice for a router that has the route.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether one of the routes is asked for."""
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(PREFIX)
        if self._begins and _beginning(path) not in self._begins:
            return Match.NONE, {}
        return super().matches(scope)

    @cached_property
    def _begins(self) -> frozenset[str]:
        """What the paths begin with; nothing where one of them may begin with anything."""
        found = frozenset(_beginning(route.path) for route in self.routes if isinstance(route, Route))
        return frozenset() if any(each.startswith("{") for each in found) else found


def _beginning(path: str) -> str:
    return path.removeprefix("/").partition("/")[0]
