"""The route of a read: what its endpoint declares is asked for in one thread, and told as the framework would."""

import threading
from collections.abc import Iterator
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Response
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field

from api.app import create_app
from api.reading import Reader, ReadRoute
from tests.api.fakes import GOOD, edge


class Told(BaseModel):
    """What an endpoint was asked."""

    model_config = ConfigDict(populate_by_name=True)

    number: int
    words: list[str]
    asked_by: str = Field(alias="askedBy")


def tell(
    number: Annotated[int, Query(ge=1)],
    response: Response,
    who: Reader,
    words: Annotated[list[str] | None, Query()] = None,
) -> Told:
    """Tell what was asked, and by whom."""
    response.headers["ETag"] = f'"{number}"'
    return Told(number=number, words=words or [], asked_by=who.actor.role)


@pytest.fixture
def client() -> Iterator[TestClient]:
    router = APIRouter(route_class=ReadRoute)
    router.get("/tell")(tell)
    app: FastAPI = create_app(edge())
    app.include_router(router)
    with TestClient(app) as found:
        yield found


def test_parameters_headers_and_answer_are_those_that_the_endpoint_declares(client: TestClient) -> None:
    reply = client.get("/tell?number=7&words=a&words=b", headers=GOOD)
    assert (reply.status_code, reply.headers["ETag"], reply.headers["Content-Type"]) == (200, '"7"', "application/json")
    assert reply.json() == {"number": 7, "words": ["a", "b"], "askedBy": "command_officer"}
    assert int(reply.headers["Content-Length"]) == len(reply.content)


def test_all_that_is_wrong_with_what_was_asked_is_told_at_once(client: TestClient) -> None:
    reply = client.get("/tell?number=0&position=-1", headers=GOOD | {"Prefer": "x" * 201})
    assert reply.status_code == 422
    assert [each["field"] for each in reply.json()["fields"]] == ["query.number", "query.position", "header.prefer"]


def test_who_asks_comes_before_what_is_asked(client: TestClient) -> None:
    assert client.get("/tell?number=0&nothing=1").status_code == 401


def test_a_parameter_that_is_not_there_comes_before_one_that_is_wrong(client: TestClient) -> None:
    reply = client.get("/tell?number=0&nothing=1", headers=GOOD)
    assert [each["field"] for each in reply.json()["fields"]] == ["query.nothing"]
    assert "number, position, words" in reply.json()["fields"][0]["message"]


def test_asking_and_answering_are_one_thread_which_is_not_the_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def noted() -> Told:
        threads.append(threading.get_ident())
        return Told(number=1, words=[], asked_by="")

    deps = edge()
    looked_up = deps.tokens.lookup

    def looking(secret: str) -> object:
        threads.append(threading.get_ident())
        return looked_up(secret)

    monkeypatch.setattr(deps.tokens, "lookup", looking)
    router = APIRouter(route_class=ReadRoute)
    router.get("/noted")(noted)
    app = create_app(deps)
    app.include_router(router)
    loops: list[int] = []

    @app.get("/loop")
    async def loop() -> None:
        loops.append(threading.get_ident())

    with TestClient(app) as client:
        assert client.get("/noted", headers=GOOD).status_code == 200
        client.get("/loop")
    assert len(threads) == 2
    assert len(set(threads)) == 1
    assert threads[0] != loops[0]


def test_further_dependencies_would_be_asked_for_nothing_and_are_refused() -> None:
    router = APIRouter(dependencies=[Depends(lambda: None)], route_class=ReadRoute)
    with pytest.raises(AssertionError, match="without further dependencies"):
        router.get("/tell")(tell)


def test_every_view_is_read_by_such_a_route() -> None:
    app = create_app(edge())
    routes = [each.original_route for each in iter_route_contexts(app.routes) if "views" in getattr(each, "tags", [])]
    assert len(routes) > 15
    assert all(isinstance(route, ReadRoute) for route in routes)
