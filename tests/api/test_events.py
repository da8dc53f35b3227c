"""The stream of what changed: replayed from Last-Event-ID, live, and never beyond the caller's scope."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.api.house import PLACE, Office, build


def received(text: str) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def ids(text: str) -> list[str]:
    return [line.removeprefix("id: ") for line in text.splitlines() if line.startswith("id: ")]


def kinds(text: str) -> list[str]:
    return [line.removeprefix("event: ") for line in text.splitlines() if line.startswith("event: ")]


def test_who_comes_back_misses_nothing(house: Office) -> None:
    house.closed()
    end = house.house.log.position()
    reply = house.get("supervision", "/events", headers={"Last-Event-ID": "0-2"})
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert ids(reply.text) == [f"0-{position}" for position in range(3, end + 1)]


def test_an_event_says_what_changed_and_not_what_it_says(house: Office) -> None:
    report = house.reported()
    house.do("command", f"/reports/{report}/site-checks")
    last = received(house.get("command", "/events?after=0").text)[-1]
    assert last.keys() == {"position", "topic", "stream", "version", "case"}
    assert (last["topic"], last["stream"], last["version"]) == ("report.site-check-requested.v1", str(report), 2)


def test_a_first_connection_hears_only_what_happens_from_then_on(tmp_path: Path) -> None:
    house = build(tmp_path, stream_at_most=2.0)
    house.reported()
    house.house.projector.catch_up()

    def later() -> None:
        house.reported()
        house.house.projector.catch_up()

    timer = threading.Timer(0.5, later)
    timer.start()
    events = received(house.client.get("/api/v1/events", headers=house.by("command")).text)
    timer.join()
    assert {event["stream"] for event in events} == {str(house.ids["report"])}


def test_a_department_hears_of_its_own_responses_and_of_no_others(house: Office) -> None:
    lead, support = house.closed()
    streams = {event["stream"] for event in received(house.get("market", "/events?after=0").text)}
    assert str(lead) in streams
    assert str(house.ids["case"]) in streams
    assert str(support) not in streams


@pytest.mark.parametrize("who", ["admin", "organisation", "other_street"])
def test_who_may_see_no_case_hears_nothing_of_it(house: Office, who: str) -> None:
    house.closed()
    assert received(house.get(who, "/events?after=0").text) == []


def test_a_rider_hears_of_the_own_reports_alone(house: Office) -> None:
    house.filed()
    body = {"source": "rider", "description": "井盖缺失", "place": PLACE}
    own = house.do("rider", "/reports", body)["report"]
    assert {event["stream"] for event in received(house.get("rider", "/events?after=0").text)} == {str(own)}


def test_a_quiet_stream_shows_that_it_is_alive(tmp_path: Path) -> None:
    house = build(tmp_path, heartbeat_every=0.1)
    assert ": still here" in house.get("command", "/events").text


def test_a_token_may_not_open_streams_without_end(tmp_path: Path) -> None:
    reply = build(tmp_path, streams_per_token=0).get("command", "/events")
    assert (reply.status_code, reply.json()["code"]) == (429, "TOO_MANY_REQUESTS")


@pytest.mark.parametrize("given", ["yesterday", "1-", "-1", "1-2-3", "1 -2", "٣-٣"])
def test_an_id_that_no_event_has_is_refused(house: Office, given: str) -> None:
    reply = house.get("command", "/events", headers={"Last-Event-ID": given.encode()})
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST")


# After a restore: positions are given out again, and the epoch tells the two histories apart.


def restored(house: Office) -> str:
    """The house as if its log had just been restored up to here; the id of the last event in the new epoch."""
    house.closed()
    epoch = house.house.log.new_epoch(house.clock.now())
    return f"{epoch.number}-{epoch.position}"


def test_who_comes_back_from_before_a_restore_is_told_to_read_again_and_is_sent_no_wrong_replay(house: Office) -> None:
    last = restored(house)
    told = house.get("supervision", "/events", headers={"Last-Event-ID": "0-3"}).text
    assert (kinds(told), ids(told)) == (["reset"], [last])
    epoch, position = map(int, last.split("-"))
    assert received(told) == [{"epoch": epoch, "position": position}]


def test_after_a_reset_the_stream_goes_on_in_the_new_epoch(house: Office) -> None:
    last = restored(house)
    house.reported()
    told = house.get("command", "/events", headers={"Last-Event-ID": last}).text
    assert set(kinds(told)) == {"changed"}
    assert {each.split("-")[0] for each in ids(told)} == {last.split("-")[0]}


@pytest.mark.parametrize("given", ["2", "0-999999"])
def test_an_id_without_an_epoch_or_beyond_the_log_is_of_another_history(house: Office, given: str) -> None:
    house.closed()
    assert kinds(house.get("supervision", "/events", headers={"Last-Event-ID": given}).text) == ["reset"]


def test_a_first_connection_beyond_the_log_is_told_to_read_again(house: Office) -> None:
    house.closed()
    assert kinds(house.get("supervision", "/events?after=999999").text) == ["reset"]
    assert "reset" not in kinds(house.get("supervision", "/events?after=0").text)


def test_nobody_listens_without_a_token(house: Office) -> None:
    assert house.client.get("/api/v1/events").status_code == 401
