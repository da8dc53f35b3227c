"""While the store is away or full: a clear problem, patience for commands, and everything by itself afterwards."""

import sqlite3
from collections.abc import Callable
from typing import Any, cast

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import exc

from api.app import create_watch
from api.deps import Limits
from api.outages import Outage, outage_of
from api.routes.health import Watched
from desk.desk import Done
from store.errors import StoreAway, StoreFull
from tests.api.fakes import GOOD, STREAM, Call, FakeDesk, FakeLog, FakeProjector, FakeTokens, client_of, edge, sending

SIGN = f"/api/v1/responses/{STREAM}/signature"
QUICK = Limits(retry_for=0.2)


class Lost(Exception):
    """What a driver raises; `sqlstate` as PostgreSQL's drivers carry it."""

    def __init__(self, sqlstate: str | None) -> None:
        super().__init__("the server closed the connection")
        self.sqlstate = sqlstate


def sqlite_error(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (StoreAway("in a failover"), Outage.AWAY),
        (StoreFull("no room"), Outage.FULL),
        (exc.TimeoutError("no connection was free"), Outage.AWAY),
        (exc.OperationalError("SELECT", {}, Lost("57P01")), Outage.AWAY),
        (exc.OperationalError("INSERT", {}, Lost("53100")), Outage.FULL),
        (exc.ProgrammingError("SELECT", {}, Lost("42P01")), Outage.UNFOLDED),
        (exc.ProgrammingError("SELECT", {}, Lost("42703")), None),
        (exc.OperationalError("INSERT", {}, sqlite_error(sqlite3.SQLITE_FULL)), Outage.FULL),
        (exc.OperationalError("SELECT", {}, sqlite_error(sqlite3.SQLITE_ERROR)), None),
        (sqlite_error(sqlite3.SQLITE_FULL), Outage.FULL),
        (sqlite_error(sqlite3.SQLITE_IOERR | 3 << 8), Outage.AWAY),
        (sqlite_error(sqlite3.SQLITE_ERROR), None),
        (RuntimeError("a fault"), None),
    ],
    ids=lambda value: value.name if isinstance(value, Outage) else type(value).__name__,
)
def test_an_outage_is_told_apart_from_a_fault(error: Exception, outage: Outage | None) -> None:
    assert outage_of(error) is outage


def failing(times: int, error: Exception) -> Callable[[Call], Done]:
    """A desk that fails so often, and then answers."""
    left = [error] * times
    answer = FakeDesk().answer

    def decide(call: Call) -> Done:
        if left:
            raise left.pop()
        return answer(call)

    return decide


def test_a_command_waits_for_the_store_to_come_back_and_asks_under_its_own_id() -> None:
    desk = FakeDesk(failing(2, StoreAway("in a failover")))
    reply = client_of(edge(desk)).post(SIGN, headers=sending())
    assert reply.status_code == 200
    assert len({call.command_id for call in desk.calls}) == 1
    assert len(desk.calls) == 3


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (StoreAway("in a failover"), 503, "STORE_AWAY"),
        (StoreFull("no room"), 507, "STORE_FULL"),
        (exc.OperationalError("x", {}, Lost("57P03")), 503, "STORE_AWAY"),
    ],
)
def test_a_store_that_does_not_come_back_is_a_problem_with_a_time_to_ask_again(
    error: Exception, status: int, code: str
) -> None:
    desk = FakeDesk(failing(1000, error))
    reply = client_of(edge(desk, limits=QUICK)).post(SIGN, headers=sending())
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.headers["content-type"] == "application/problem+json"
    assert "failover" not in reply.text


def test_a_full_store_is_said_so_at_once_and_not_tried_again() -> None:
    desk = FakeDesk(failing(1, StoreFull("no room")))
    assert client_of(edge(desk)).post(SIGN, headers=sending()).status_code == 507
    assert len(desk.calls) == 1


def test_a_fault_stays_a_fault() -> None:
    desk = FakeDesk(failing(1, sqlite_error(sqlite3.SQLITE_ERROR)))
    assert client_of(edge(desk)).post(SIGN, headers=sending()).json()["code"] == "INTERNAL"


class AwayTokens(FakeTokens):
    """Tokens that cannot be looked up so often."""

    def __init__(self, times: int) -> None:
        super().__init__(good="command_officer")
        self.times = times

    def lookup(self, secret: str) -> Any:
        self.times -= 1
        if self.times >= 0:
            raise StoreAway("in a failover")
        return super().lookup(secret)


def test_a_command_is_patient_with_its_token_too_and_a_read_is_not() -> None:
    assert client_of(edge(tokens=cast("Any", AwayTokens(2)))).post(SIGN, headers=sending()).status_code == 200
    reply = client_of(edge(tokens=cast("Any", AwayTokens(1)))).get("/api/v1/me", headers=GOOD)
    assert (reply.status_code, reply.json()["code"]) == (503, "STORE_AWAY")


class AwayLog(FakeLog):
    """A log that is away."""

    def position(self) -> int:
        raise StoreAway("in a failover")


def test_it_is_alive_and_not_ready_while_the_store_is_away() -> None:
    log = AwayLog()
    client = client_of(edge(log=log), client=("127.0.0.1", 5000))
    alive, ready, metrics = client.get("/health"), client.get("/ready"), client.get("/metrics")
    assert (alive.status_code, ready.status_code) == (200, 503)
    assert ready.json()["code"] == "STORE_AWAY"
    assert "X-Log-Position" not in alive.headers
    assert "shaoxiang_store_up 0.0" in metrics.text


def test_what_works_in_the_background_says_how_it_is_and_nothing_else() -> None:
    log = FakeLog(STREAM)
    watch = TestClient(create_watch(Watched(log, FakeProjector(log), "m-1")), client=("10.0.0.9", 5000))
    assert watch.get("/health").json() == {"status": "ok"}
    assert watch.get("/ready").json()["log_position"] == 1
    assert watch.get("/metrics").status_code == 403
    text = watch.get("/metrics", headers={"Authorization": "Bearer m-1"}).text
    assert "shaoxiang_store_up 1.0" in text
    assert "shaoxiang_view_lag_events 0.0" in text
    assert watch.get("/api/v1/me").status_code == 404


def test_any_route_may_answer_that_the_store_is_away() -> None:
    paths = client_of(edge()).get("/api/v1/openapi.json").json()["paths"]
    said = [operation["responses"] for path in paths.values() for operation in path.values()]
    assert len(said) > 50
    assert [each for each in said if "503" not in each] == [
        paths["/health"]["get"]["responses"],
        paths["/metrics"]["get"]["responses"],
    ]
