"""A case walked over HTTP through two APIs behind a proxy, with workers and tickers in processes of their own."""

import threading
import time
from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

import pytest

from bench.postgres import Postgres
from shaoxiang.house import open_log
from tests.cluster.kit import PLACE, Door, running, whistled_long_ago

PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def door(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Two APIs, two workers, two tickers, on a fresh database."""
    folder = tmp_path_factory.mktemp("cluster")
    with running(folder, postgres, database=f"cluster_{uuid4().hex}") as opened:
        yield opened


def soon(what: Callable[[], object], within: float = PATIENCE_SECONDS) -> None:
    """Wait until something is so."""
    until = time.monotonic() + within
    while not what():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.1)


def whistled(door: Door) -> tuple[str, str]:
    """A case from the report to the whistle: the case and the lead's response."""
    reported = door.do(
        "grid_worker", "/reports", {"source": "grid", "description": "餐厅牌匾标识文字需整改", "place": PLACE}
    )
    path = f"/reports/{reported['ids']['report']}/case"
    filed = door.do("command_officer", path, {"item": "牌匾标识内容错误", "urgency": "general"})
    case = filed["ids"]["case"]
    body = {"kind": "enforcement", "lead": "市市场监管局"}
    blown = door.do("street_leader", f"/cases/{case}/whistles", body)
    [response] = [stream for name, stream in blown["ids"].items() if name.startswith("response/")]
    return case, response


def leaders(door: Door) -> list[str]:
    return [name for name in door.cluster.members if name.startswith("work-") if door.metric(name, LEADER) == 1]


LEADER, SHARDS = "shaoxiang_view_leader", "shaoxiang_timer_shards"


def test_a_case_is_walked_from_the_report_to_the_sheet_and_the_views_follow(door: Door) -> None:
    case, response = whistled(door)
    door.do("department_liaison", f"/responses/{response}/signature")
    door.do("department_liaison", f"/responses/{response}/arrivals", {"place": PLACE})
    door.do("department_liaison", f"/responses/{response}/completions", {"result": "牌匾已更换"})
    door.do("grid_worker", f"/responses/{response}/verifications/passed")
    assert door.do("command_officer", f"/cases/{case}/closure")["state"] == "closed"
    seen = door.see("command_officer", f"/cases/{case}")
    assert (seen["case"]["state"], seen["responses"][0]["state"]) == ("closed", "verified")
    assert case in {each["id"] for each in door.see("street_leader", "/cases")["items"]}


def test_a_command_that_is_sent_again_to_the_other_api_gets_its_first_answer(door: Door) -> None:
    body = {"source": "grid", "description": "井盖缺失", "place": PLACE}
    # The proxy takes turns by connection, so a client of its own meets the other member.
    first, second = (Door(door.cluster, door.tokens) for _ in range(2))
    answers = [each.do("grid_worker", "/reports", body, key="the-same") for each in (first, second)]
    assert answers[0] == answers[1]
    for each in (first, second):
        each.client.close()


def test_every_member_is_alive_and_ready_and_counts_the_same_log(door: Door) -> None:
    for name in door.cluster.members:
        assert door.look(name, "/health").status_code == 200
        soon(lambda name=name: door.look(name).json()["lag_events"] == 0)
        assert door.metric(name, "shaoxiang_store_up") == 1
    positions = {door.look(name).json()["log_position"] for name in door.cluster.members}
    assert len(positions) <= 2, "a timer may fire in between, and nothing else"


def test_one_worker_leads_and_the_other_takes_over_when_it_is_killed(door: Door) -> None:
    soon(lambda: len(leaders(door)) == 1)
    [leader] = leaders(door)
    door.cluster.kill(leader)
    case, _ = whistled(door)
    assert door.see("command_officer", f"/cases/{case}")["case"]["id"] == case
    soon(lambda: len(leaders(door)) == 1)
    door.cluster.start(leader)
    assert len(leaders(door)) == 1, "who comes back stands by"


def test_the_tickers_share_the_timers_and_who_is_left_takes_over(door: Door) -> None:
    def shares() -> list[float]:
        return [door.metric(name, SHARDS) for name in door.cluster.members if name.startswith("tick-")]

    soon(lambda: shares() == [8, 8])
    door.cluster.kill("tick-0")
    soon(lambda: shares() == [16], within=3)
    door.cluster.start("tick-0")
    soon(lambda: shares() == [8, 8])


def test_what_falls_due_is_fired_once_by_whoever_holds_it(door: Door) -> None:
    responses = whistled_long_ago(door.cluster, 6)
    with open_log(door.cluster.settings) as log:

        def missed(response: UUID) -> list[str]:
            found = [recorded.event.TOPIC for recorded in log.stream(response)]  # type: ignore[attr-defined]
            return [topic for topic in found if topic.endswith("signature-missed.v1")]

        soon(lambda: all(missed(each) for each in responses))
        time.sleep(2)
        assert [len(missed(each)) for each in responses] == [1] * len(responses)


def test_an_event_stream_tells_of_what_was_done_through_the_other_api(door: Door) -> None:
    heard: list[str] = []

    def listen() -> None:
        headers = {"Authorization": f"Bearer {door.tokens['command_officer']}"}
        with door.client.stream("GET", f"{door.cluster.root('serve-0')}/api/v1/events", headers=headers) as stream:
            for line in stream.iter_lines():
                heard.append(line)
                if line.startswith("data: ") and "case.filed" in line:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    soon(lambda: ": open" in heard)
    whistled(door)
    listener.join(PATIENCE_SECONDS)
    assert not listener.is_alive()
    ids = [int(line.rpartition("-")[2]) for line in heard if line.startswith("id: ")]
    assert ids == sorted(set(ids))


def test_every_member_ends_cleanly_when_it_is_told_to_and_can_be_started_again(door: Door) -> None:
    names = tuple(door.cluster.members)
    assert {name: door.cluster.stop(name) for name in names} == dict.fromkeys(names, 0)
    door.cluster.start(*names)
    whistled(door)
    for name in names:
        assert "Traceback" not in door.cluster.said(name).read_text(encoding="utf-8")
