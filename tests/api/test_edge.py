"""What holds for every request: problems, limits, safe headers, request ids, a log without personal data."""

from collections.abc import Iterator

import pytest
from limits import parse
from structlog.testing import capture_logs

from api.deps import Limits
from api.problems import STATUSES
from domain.errors import REFUSALS
from tests.api.fakes import GOOD, STREAM, FakeDesk, FakeLog, FakeProjector, client_of, edge, sending

SIGN = f"/api/v1/responses/{STREAM}/signature"
REPORT = {"source": "grid", "description": "噪声", "place": {"lat": 43.85, "lon": 126.56}}


def test_every_refusal_has_a_status() -> None:
    assert set(REFUSALS) <= STATUSES.keys()


def test_a_path_that_is_not_there_is_a_problem_too() -> None:
    reply = client_of(edge()).get("/api/v1/nothing")
    assert (reply.status_code, reply.json()["code"]) == (404, "UNKNOWN")
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_method_that_is_not_there_says_which_are() -> None:
    reply = client_of(edge()).delete(SIGN, headers=GOOD)
    assert (reply.status_code, reply.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert reply.headers["Allow"] == "POST"


def test_a_slash_too_many_leads_to_the_path_without_it() -> None:
    reply = client_of(edge(), follow_redirects=False).get("/api/v1/me/", headers=GOOD)
    assert (reply.status_code, reply.headers["Location"]) == (307, "http://testserver/api/v1/me")


def test_a_failure_inside_is_logged_and_says_nothing_about_the_inside() -> None:
    def fail(_: object) -> None:
        raise RuntimeError("the secret of the house")

    with capture_logs() as lines:
        reply = client_of(edge(FakeDesk(answer=fail))).post(SIGN, headers=sending())  # type: ignore[arg-type]

    assert (reply.status_code, reply.json()["code"]) == (500, "INTERNAL")
    assert "secret" not in reply.text
    assert reply.headers["X-Request-Id"] in reply.json()["detail"]
    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["failed"]


TOO_LARGE = b'{"description": "' + b"x" * 2000 + b'"}'


@pytest.mark.parametrize("body", [TOO_LARGE, iter([TOO_LARGE])], ids=["declared length", "chunked"])
def test_a_body_beyond_the_limit_is_refused(body: bytes | Iterator[bytes]) -> None:
    desk = FakeDesk()
    reply = client_of(edge(desk, limits=Limits(body_at_most=1000))).post(
        "/api/v1/reports",
        content=body,
        headers=sending() | {"Content-Type": "application/json"},
    )
    assert (reply.status_code, reply.json()["code"]) == (413, "TOO_LARGE")
    assert desk.calls == []


@pytest.mark.parametrize(
    "body",
    [b"{", b"[" * 100_000, b'{"description": "\\ud800"}', b"\xff\xfe", b'{"place": 1' + b"0" * 5000 + b"}", b"null"],
)
def test_a_body_that_is_not_json_for_the_command_is_a_clear_refusal(body: bytes) -> None:
    reply = client_of(edge()).post(
        "/api/v1/reports", content=body, headers=sending() | {"Content-Type": "application/json"}
    )
    assert reply.status_code in {400, 422}
    assert reply.headers["content-type"] == "application/problem+json"


def test_who_asks_too_often_is_told_when_to_come_back() -> None:
    client = client_of(edge(limits=Limits(requests=parse("2/minute"))))
    statuses = [client.post(SIGN, headers=sending(str(n))).status_code for n in range(3)]
    assert statuses == [200, 200, 429]
    assert int(client.post(SIGN, headers=sending("k")).headers["Retry-After"]) > 0


def test_guessing_tokens_is_slowed_down() -> None:
    client = client_of(edge(limits=Limits(failed_logins=parse("2/minute"))))
    statuses = [client.post(SIGN, headers={"Authorization": f"Bearer {n}"}).status_code for n in range(3)]
    assert statuses == [401, 401, 429]


@pytest.mark.parametrize("path", ["/health", "/api/v1/nothing"])
def test_every_answer_carries_safe_headers_and_the_position(path: str) -> None:
    reply = client_of(edge()).get(path)
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.headers["X-Log-Position"] == "2"
    assert "Access-Control-Allow-Origin" not in reply.headers


def test_a_harmless_request_id_is_kept_and_any_other_replaced() -> None:
    client = client_of(edge())
    assert client.get("/health", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/health", headers={"X-Request-Id": "a b\tc"}).headers["X-Request-Id"] != "a b\tc"


def test_the_access_log_names_the_route_and_neither_path_nor_body_nor_token() -> None:
    with capture_logs() as lines:
        client_of(edge()).post("/api/v1/reports?phone=13800000001", json=REPORT, headers=sending(version=None))
    [line] = [line for line in lines if line["event"] == "request"]
    assert (line["route"], line["status"], line["role"]) == ("/api/v1/reports", 201, "command_officer")
    assert not {"13800000001", "噪声", "good"} & {str(value) for value in line.values()}


def test_alive_and_ready_need_no_token() -> None:
    client = client_of(edge())
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json()["lag_events"] == 0


def test_it_is_not_ready_while_the_views_are_far_behind() -> None:
    class Behind:
        position = 0

    reply = client_of(edge(projector=Behind(), limits=Limits(ready_lag_events=1))).get("/ready")
    assert (reply.status_code, reply.json()["code"]) == (503, "NOT_READY")


def test_it_is_not_ready_while_the_views_stand_still_after_a_failure() -> None:
    log = FakeLog()
    views = FakeProjector(log)
    views.failing = True
    reply = client_of(edge(log=log, projector=views)).get("/ready")
    assert (reply.status_code, reply.json()["code"]) == (503, "NOT_READY")
    assert "stand still" in reply.json()["detail"]


def test_commands_and_latencies_are_counted() -> None:
    client = client_of(edge(), client=("127.0.0.1", 5000))
    client.post(SIGN, headers=sending())
    text = client.get("/metrics").text
    assert 'shaoxiang_commands_total{command="sign",outcome="done"} 1.0' in text
    route = "/api/v1/responses/{id}/signature"
    assert f'shaoxiang_http_request_seconds_count{{method="POST",route="{route}",status="200"}} 1.0' in text
    assert "shaoxiang_log_position 2.0" in text


def test_a_route_at_the_root_and_none_at_all_are_counted_as_what_they_are() -> None:
    client = client_of(edge(), client=("127.0.0.1", 5000))
    for path in ("/health", "/api/v1/nothing"):
        client.get(path)
    text = client.get("/metrics").text
    for route in ("/health", "(no route)"):
        assert f'method="GET",route="{route}"' in text


def test_parked_cases_are_counted_and_the_house_stays_ready() -> None:
    log = FakeLog()
    views = FakeProjector(log)
    views.put_aside = ["a case", "another"]
    client = client_of(edge(log=log, projector=views), client=("127.0.0.1", 5000))
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["status"], ready.json()["parked"]) == (200, "ready", 2)
    assert "shaoxiang_parked_cases 2.0" in client.get("/metrics").text


def test_metrics_are_for_this_machine_or_the_bearer_of_their_token() -> None:
    deps = edge(metrics_token="m-1")
    far = client_of(deps, client=("10.0.0.9", 5000))
    assert far.get("/metrics").status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer m-2"}).status_code == 403
    assert far.get("/metrics", headers={"Authorization": "Bearer m-1"}).status_code == 200


def test_a_proxy_does_not_make_a_stranger_local() -> None:
    near = client_of(edge(), client=("127.0.0.1", 5000))
    assert near.get("/metrics").status_code == 200
    assert near.get("/metrics", headers={"X-Forwarded-For": "10.0.0.9"}).status_code == 403
