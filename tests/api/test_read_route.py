"""The route of a read: what its endpoint declares is asked for in one thread, and told as the framework would."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import pytest
from anyio import to_thread
from fastapi import APIRouter, Cookie, Depends, FastAPI, Query, Response
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from pydantic import BaseModel, ConfigDict, Field

from api.app import create_app
from api.read_route import ReadRoute
from api.reading import Reader
from api.routing import Index
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
    assert [each["field"] for each in reply.json()["fields"]] == ["query.position", "header.prefer", "query.number"]


def test_who_asks_comes_before_what_is_asked(client: TestClient) -> None:
    assert client.get("/tell?number=0&nothing=1").status_code == 401


def test_a_parameter_that_is_not_there_comes_before_one_that_is_wrong(client: TestClient) -> None:
    reply = client.get("/tell?number=0&nothing=1", headers=GOOD)
    assert [each["field"] for each in reply.json()["fields"]] == ["query.nothing"]
    assert "number, position, words" in reply.json()["fields"][0]["message"]


def test_asking_waiting_reading_and_writing_are_one_change_of_threads(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[object] = []
    change = to_thread.run_sync

    async def counted(work: Callable[..., Any], *given: Any, **how: Any) -> Any:
        changed.append(work)
        return await change(work, *given, **how)

    monkeypatch.setattr(to_thread, "run_sync", counted)
    reply = client.get("/tell?number=1", headers=GOOD | {"Prefer": "wait=1"})
    assert (reply.status_code, reply.headers["Preference-Applied"]) == (200, "wait=1")
    assert len(changed) == 1


async def unawaited() -> None:
    """Would be called, and never awaited."""


def opened() -> Iterator[None]:
    """Would be called, and never entered."""
    yield


def thrice(number: int) -> int:
    """Has a parameter that the endpoint has as well."""
    return 3 * number


def unsaid(who: Reader) -> None:
    """Says nothing of what it answers."""


def mistaken(number: int, who: Reader, other: Annotated[None, Depends(unawaited)]) -> Told:
    raise NotImplementedError


def entered(number: int, who: Reader, other: Annotated[None, Depends(opened)]) -> Told:
    raise NotImplementedError


def twofold(number: int, who: Reader, other: Annotated[int, Depends(thrice)]) -> Told:
    raise NotImplementedError


def kept(number: int, who: Reader, visit: Annotated[str | None, Cookie()] = None) -> Told:
    raise NotImplementedError


@pytest.mark.parametrize(
    ("endpoint", "because"),
    [
        (mistaken, "plain function"), (entered, "plain function"), (twofold, "two parameters of one name"),
        (kept, "what a read does not have"), (unsaid, "must say what it answers"),
    ],
)  # fmt: skip
def test_what_would_not_be_asked_for_or_answered_is_refused_at_the_start(
    endpoint: Callable[..., Any], because: str
) -> None:
    router = APIRouter(route_class=ReadRoute)
    with pytest.raises(AssertionError, match=because):
        router.get("/tell")(endpoint)


def test_a_guard_that_is_added_where_the_router_is_included_is_refused_at_the_start() -> None:
    router = APIRouter(route_class=ReadRoute)
    router.get("/tell")(tell)
    app = FastAPI()
    app.include_router(router, dependencies=[Depends(lambda: None)])
    with pytest.raises(AssertionError, match="without further dependencies"):
        Index(app.routes)


def test_further_dependencies_would_be_asked_for_nothing_and_are_refused() -> None:
    router = APIRouter(dependencies=[Depends(lambda: None)], route_class=ReadRoute)
    with pytest.raises(AssertionError, match="without further dependencies"):
        router.get("/tell")(tell)


def test_every_view_is_read_by_such_a_route() -> None:
    app = create_app(edge())
    routes = [each.original_route for each in iter_route_contexts(app.routes) if "views" in getattr(each, "tags", [])]
    assert len(routes) > 15
    assert all(isinstance(route, ReadRoute) for route in routes)
