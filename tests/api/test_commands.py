"""Every command has one route, which parses, asks the desk once, and answers."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Depends

from api.app import COMMAND_ROUTERS
from api.commands import CommandRoute, Row
from api.examples import EXAMPLES
from desk.commands import COMMANDS, Target
from desk.errors import Busy, CommandInFlight, CommandReused, DeskError, StaleVersion
from domain.errors import AlreadyDone, Refusal, SamePerson, Unknown, WrongState
from tests.api.fakes import GOOD, PERSON, STREAM, FakeDesk, client_of, edge, sending

ROWS: list[Row] = [row for module in COMMAND_ROUTERS for row in module.ROWS]
SIGN = f"/api/v1/responses/{STREAM}/signature"


def path_of(row: Row, target: UUID = STREAM) -> str:
    return "/api/v1" + row.path.format(id=target)


def test_every_command_has_exactly_one_route() -> None:
    assert sorted(row.command for row in ROWS) == sorted(COMMANDS)
    assert len({(row.method, row.path) for row in ROWS}) == len(ROWS)


def test_every_command_has_an_example_that_its_arguments_accept() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()
    for name, example in EXAMPLES.items():
        COMMANDS[name].arguments.model_validate(example)


@pytest.mark.parametrize("row", ROWS, ids=[row.command for row in ROWS])
def test_a_route_asks_the_desk_once_with_what_was_sent(row: Row) -> None:
    desk = FakeDesk()
    on_something = COMMANDS[row.command].target is not Target.NOTHING

    reply = client_of(edge(desk)).post(
        path_of(row), json=EXAMPLES[row.command], headers=sending(version=4 if on_something else None)
    )

    assert reply.status_code == (201 if row.creates else 200), reply.text
    [call] = desk.calls
    assert (call.name, call.on) == (row.command, STREAM if on_something else None)
    assert call.expected_version == (4 if on_something else None)
    assert call.given == COMMANDS[row.command].arguments.model_validate(EXAMPLES[row.command])
    assert call.actor.person == PERSON
    assert reply.headers["ETag"] == '"2"'
    assert reply.headers["X-Log-Position"] == "3"
    assert reply.json()["position"] == 3
    if row.creates:
        assert reply.headers["Location"].startswith("/api/v1/")
        assert reply.headers["Location"].endswith(str(STREAM))


def test_a_command_without_arguments_needs_no_body() -> None:
    assert client_of(edge()).post(SIGN, headers=sending()).status_code == 200


def test_the_same_key_of_the_same_person_is_the_same_command_and_of_another_key_another() -> None:
    desk = FakeDesk()
    client = client_of(edge(desk))

    for key in ("k-1", "k-1", "k-2", str(uuid4())):
        client.post(SIGN, headers=sending(key))

    ids = [call.command_id for call in desk.calls]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


@pytest.mark.parametrize("key", [None, "", "x" * 201, "two words"])
def test_a_command_without_a_usable_idempotency_key_is_refused_with_400(key: str | None) -> None:
    headers = {
        name: value for name, value in sending(key or "").items() if key is not None or name != "Idempotency-Key"
    }
    reply = client_of(edge()).post(SIGN, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (400, "IDEMPOTENCY_KEY_REQUIRED")


def test_a_command_on_something_needs_the_version_that_was_seen() -> None:
    reply = client_of(edge()).post(SIGN, headers=sending(version=None))
    assert (reply.status_code, reply.json()["code"]) == (428, "VERSION_REQUIRED")


def test_any_version_will_do_where_the_caller_says_so() -> None:
    desk = FakeDesk()
    reply = client_of(edge(desk)).post(SIGN, headers=sending() | {"If-Match": "*"})
    assert (reply.status_code, [call.expected_version for call in desk.calls]) == (200, [None])


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"because": "done"}', b'{"reason": "\\ud800"}'])
@pytest.mark.parametrize(("missing", "status"), [("Authorization", 401), ("Idempotency-Key", 400), ("If-Match", 428)])
def test_a_missing_header_is_said_before_anything_is_said_of_the_body(
    missing: str, status: int, content: bytes
) -> None:
    sent = {name: value for name, value in sending().items() if name != missing}
    path = f"/api/v1/cases/{STREAM}/cancellation"
    reply = client_of(edge()).post(path, content=content, headers=sent | {"Content-Type": "application/json"})
    assert reply.status_code == status, reply.text


def test_json_that_breaks_off_is_an_error_of_the_body_with_its_place() -> None:
    headers = sending() | {"Content-Type": "application/json"}
    path = f"/api/v1/cases/{STREAM}/cancellation"
    reply = client_of(edge()).post(path, content=b'{"reason": ', headers=headers)
    [field] = reply.json()["fields"]
    assert (reply.status_code, field["field"]) == (422, "body")
    assert field["message"] == "This is not JSON: EOF while parsing a value at line 1 column 11"


@pytest.mark.parametrize(
    ("details", "status"),
    [
        ({"id": str(STREAM)}, 404),
        ({"id": str(uuid4())}, 422),
        ({"officer": "执法人员九"}, 422),
        ({}, 422),
    ],
    ids=["the path's own", "another stream", "a name", "unsaid"],
)
def test_what_is_unknown_is_404_only_where_the_path_names_it(details: dict[str, str], status: int) -> None:
    def refuse(_: object) -> None:
        raise Unknown("没有这个人。", **details)

    reply = client_of(edge(FakeDesk(answer=refuse))).post(SIGN, headers=sending())  # type: ignore[arg-type]
    assert (reply.status_code, reply.json()["code"]) == (status, "UNKNOWN")


def test_a_problem_is_written_as_it_is_read() -> None:
    def refuse(_: object) -> None:
        raise Unknown("没有这个人\ud800。")

    reply = client_of(edge(FakeDesk(answer=refuse))).post(SIGN, headers=sending())  # type: ignore[arg-type]
    assert "没有这个人?。" in reply.content.decode("utf-8")


@pytest.mark.parametrize("etag", ["3", "**", '"*"', 'W/"3"', '"three"', '"3", "4"', '"-1"', '"12345678901"'])
def test_an_if_match_that_is_not_one_strong_etag_is_refused(etag: str) -> None:
    desk = FakeDesk()
    reply = client_of(edge(desk)).post(SIGN, headers=sending() | {"If-Match": etag})
    assert (reply.status_code, desk.calls) == (400, [])


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (Unknown("There is no such response.", id=str(STREAM)), 404, "UNKNOWN"),
        (WrongState("It is closed."), 409, "WRONG_STATE"),
        (AlreadyDone("It is signed."), 409, "ALREADY_DONE"),
        (SamePerson("You submitted it."), 403, "SAME_PERSON"),
        (StaleVersion("It has changed since."), 412, "STALE_VERSION"),
        (CommandReused("Another body."), 422, "COMMAND_REUSED"),
        (CommandInFlight("Still at it."), 409, "COMMAND_IN_FLIGHT"),
        (Busy("Too many at once."), 503, "BUSY"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_is_a_problem_with_its_own_code(refusal: Refusal | DeskError, status: int, code: str) -> None:
    def refuse(_: object) -> None:
        raise refusal

    reply = client_of(edge(FakeDesk(answer=refuse))).post(SIGN, headers=sending())  # type: ignore[arg-type]

    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert (problem["status"], problem["code"], problem["detail"]) == (status, code, str(refusal))
    assert problem.get("details") == (getattr(refusal, "details", None) or None)
    assert ("Retry-After" in reply.headers) == (status == 503)


def test_an_unknown_field_is_named() -> None:
    desk = FakeDesk()
    reply = client_of(edge(desk)).post(f"/api/v1/cases/{STREAM}/closure", json={"because": "done"}, headers=sending())
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID")
    assert [field["field"] for field in reply.json()["fields"]] == ["body.because"]
    assert desk.calls == []


@pytest.mark.parametrize(
    ("path", "change", "field"),
    [
        ("/api/v1/reports", {"drill": 0}, "body.drill"),
        ("/api/v1/reports", {"drill": "yes"}, "body.drill"),
        ("/api/v1/reports", {"place": {"lat": "43.85", "lon": 126.56}}, "body.place.lat"),
        (f"/api/v1/cases/{STREAM}/listing", {"limit_at": 1800000000}, "body.limit_at"),
        (f"/api/v1/cases/{STREAM}/progress", {"done": 1.0}, "body.done"),
    ],
)
def test_a_value_of_another_type_is_refused_and_not_converted(path: str, change: dict[str, Any], field: str) -> None:
    desk = FakeDesk()
    row = next(row for row in ROWS if path_of(row) == path)
    reply = client_of(edge(desk)).post(path, json={**EXAMPLES[row.command], **change}, headers=sending())
    assert (reply.status_code, [found["field"] for found in reply.json()["fields"]]) == (422, [field])
    assert desk.calls == []


def test_what_was_sent_is_never_repeated_in_a_problem() -> None:
    body = {"source": "grid", "description": 1380000, "place": {"lat": 1, "lon": 2}}
    reply = client_of(edge()).post("/api/v1/reports", json=body, headers=sending(version=None))
    assert reply.status_code == 422
    assert "1380000" not in reply.text


def test_nobody_acts_without_a_token() -> None:
    desk = FakeDesk()
    client = client_of(edge(desk))
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic Z29vZDo="}):
        reply = client.post(SIGN, headers=sending() | {"Authorization": ""} | headers)
        assert (reply.status_code, reply.json()["code"]) == (401, "UNAUTHENTICATED")
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
    assert desk.calls == []
    assert GOOD["Authorization"] not in reply.text


CANCEL = f"/api/v1/cases/{STREAM}/cancellation"
REASON = b'{"reason": "reported twice"}'


@pytest.mark.parametrize("said", ["application/json", "application/json; charset=utf-8", "application/geo+json"])
def test_a_body_is_read_whatever_kind_of_json_it_says_it_is(said: str) -> None:
    body = EXAMPLES["cancel_case"]
    desk = FakeDesk()
    reply = client_of(edge(desk)).post(CANCEL, content=json.dumps(body), headers=sending() | {"Content-Type": said})
    assert (reply.status_code, len(desk.calls)) == (200, 1), reply.text


@pytest.mark.parametrize("said", [None, "text/plain", "application/jsonp", "multipart/form-data"])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(said: str | None) -> None:
    desk = FakeDesk()
    headers = sending() | ({} if said is None else {"Content-Type": said})
    reply = client_of(edge(desk)).post(CANCEL, content=REASON, headers=headers)
    [field] = reply.json()["fields"]
    assert (reply.status_code, field["field"], desk.calls) == (422, "body", [])
    assert "application/json" in field["message"]


def test_a_command_that_needs_arguments_needs_a_body() -> None:
    reply = client_of(edge()).post(CANCEL, headers=sending())
    assert (reply.status_code, [field["field"] for field in reply.json()["fields"]]) == (422, ["body"])


def test_a_path_that_names_no_id_is_told_after_who_may_not_ask_and_which_header_is_missing() -> None:
    path, client = "/api/v1/cases/nothing/cancellation", client_of(edge())
    assert client.post(path, content=REASON).status_code == 401
    assert client.post(path, content=REASON, headers=GOOD).json()["code"] == "IDEMPOTENCY_KEY_REQUIRED"
    reply = client.post(path, content=REASON, headers=sending() | {"Content-Type": "application/json"})
    assert (reply.status_code, [field["field"] for field in reply.json()["fields"]]) == (422, ["path.id"])


def test_further_dependencies_would_be_asked_for_nothing_and_are_refused() -> None:
    router = APIRouter(dependencies=[Depends(lambda: None)], route_class=CommandRoute)
    with pytest.raises(AssertionError, match="without further dependencies"):
        router.add_api_route("/cases/{id}/cancellation", lambda: None, name="cancel_case", methods=["POST"])
