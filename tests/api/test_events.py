"""The stream of what changed: replayed from Last-Event-ID, live, and never beyond the caller's scope."""

import json
import threading
import time
from typing import Any
from uuid import UUID

from api.deps import Limits
from tests.api.fakes import GOOD, STREAM, FakeDesk, FakeLog, client_of, edge

OTHER = UUID("01890a5d-0000-7b74-8b2e-000000000000")


def received(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def ids(text: str) -> list[str]:
    return [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")]


def test_who_comes_back_misses_nothing() -> None:
    client = client_of(edge(log=FakeLog(*[STREAM] * 5)))
    reply = client.get("/api/v1/events", headers=GOOD | {"Last-Event-ID": "2"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert ids(reply.text) == ["3", "4", "5"]


def test_an_event_says_what_changed_and_not_what_it_says() -> None:
    reply = client_of(edge(log=FakeLog(STREAM))).get("/api/v1/events?after=0", headers=GOOD)
    case = "01890a5d-ac96-7b74-8b2e-000001000000"
    assert received(reply.text) == [
        {"position": 1, "topic": "report.submitted.v1", "stream": str(STREAM), "version": 1, "case": case}
    ]


def test_a_first_connection_hears_only_what_happens_from_then_on() -> None:
    log = FakeLog(STREAM, STREAM)
    deps = edge(log=log, limits=Limits(stream_at_most=1.0, stream_poll_every=0.01))

    def later() -> None:
        time.sleep(0.3)
        log.add(OTHER)

    thread = threading.Thread(target=later)
    thread.start()
    reply = client_of(deps).get("/api/v1/events", headers=GOOD)
    thread.join()
    assert [event["stream"] for event in received(reply.text)] == [str(OTHER)]


def test_what_the_caller_may_not_see_is_left_out() -> None:
    desk = FakeDesk(sees=lambda stream: stream == OTHER)
    deps = edge(desk, log=FakeLog(STREAM, OTHER, STREAM))
    assert ids(client_of(deps).get("/api/v1/events?after=0", headers=GOOD).text) == ["2"]


def test_a_quiet_stream_shows_that_it_is_alive() -> None:
    deps = edge(limits=Limits(stream_at_most=0.3, stream_poll_every=0.01, heartbeat_every=0.1))
    assert ": still here" in client_of(deps).get("/api/v1/events", headers=GOOD).text


def test_a_token_may_not_open_streams_without_end() -> None:
    reply = client_of(edge(limits=Limits(streams_per_token=0))).get("/api/v1/events", headers=GOOD)
    assert (reply.status_code, reply.json()["code"]) == (429, "TOO_MANY_REQUESTS")


def test_an_id_that_no_event_has_is_refused() -> None:
    reply = client_of(edge()).get("/api/v1/events", headers=GOOD | {"Last-Event-ID": "yesterday"})
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST")


def test_nobody_listens_without_a_token() -> None:
    assert client_of(edge()).get("/api/v1/events").status_code == 401
