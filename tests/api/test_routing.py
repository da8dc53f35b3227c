"""How a request finds its route: at once, and as if one route after another had been tried."""

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import Match

from api.routing import Index
from tests.api.house import Office

SEGMENTS = ("f4b1c2d3-0000-7000-8000-0000000000aa", "board", "why", "cases", "1")
"""What may stand for a parameter: an id, a word that is a literal elsewhere, a number."""


def asked(path: str, method: str = "GET", **more: Any) -> dict[str, Any]:
    return {"type": "http", "method": method, "path": path, **more}


def one_after_another(routes: list[RouteContext], scope: dict[str, Any]) -> Any:
    return next(
        (
            route.original_route
            for route in routes
            if scope["method"] in (route.methods or ()) and route.path_regex.match(scope["path"])
        ),
        None,
    )


def test_every_route_is_found_as_if_one_after_another_were_tried(house: Office) -> None:
    app = house.client.app
    assert isinstance(app, FastAPI)
    index, *others = app.routes
    routes = [each for each in iter_route_contexts(others) if isinstance(each.original_route, APIRoute)]
    assert isinstance(index, Index)
    assert len(routes) > 60
    for route in routes:
        for segment in SEGMENTS:
            path = route.path_format or ""
            for name in route.param_convertors:
                path = path.replace(f"{{{name}}}", segment)
            for method in ("GET", "POST", "DELETE"):
                scope = asked(path, method)
                match, found = index.matches(scope)
                assert found.get("route") is one_after_another(routes, scope)
                assert (match is Match.FULL) == bool(found)


def nothing() -> None:
    """Answers nothing; only whether it is found counts."""


@pytest.fixture
def index() -> Index:
    router = APIRouter()
    for path in ("/things/{id}", "/things/newest", "/things/{id}/parts/{part}", "/kinds"):
        router.add_api_route(path, nothing, methods=["GET"], name=path)
    app = FastAPI()
    app.include_router(router, prefix="/v1")
    return Index(app.routes)


def name_of(found: Mapping[str, Any]) -> str:
    return str(found["route"].name)


def test_a_route_that_takes_anything_comes_first_where_it_was_declared_first(index: Index) -> None:
    _, found = index.matches(asked("/v1/things/newest"))
    assert name_of(found) == "/things/{id}"
    assert found["path_params"] == {"id": "newest"}


def test_parameters_are_taken_from_wherever_they_stand(index: Index) -> None:
    _, found = index.matches(asked("/v1/things/7/parts/newest"))
    assert name_of(found) == "/things/{id}/parts/{part}"
    assert found["path_params"] == {"id": "7", "part": "newest"}


def test_a_path_below_that_of_the_application_is_found(index: Index) -> None:
    assert name_of(index.matches(asked("/city/v1/kinds", root_path="/city"))[1]) == "/kinds"


@pytest.mark.parametrize(
    "scope",
    [
        asked("/v1/kinds", "POST"), asked("/v1/kinds/"), asked("/v1/kind"), asked("/v1"), asked("/v1/things/7/parts"),
        asked("/v1/things/{id}/parts/"), {"type": "websocket", "path": "/v1/kinds"},
    ],
)  # fmt: skip
def test_what_the_index_does_not_know_is_left_to_the_framework(index: Index, scope: dict[str, Any]) -> None:
    assert index.matches(scope) == (Match.NONE, {})
