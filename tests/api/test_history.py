"""The history, as supervision reads it over HTTP."""

from uuid import uuid4

import pytest

from desk.permissions import Sight
from tests.api.house import MARKET, STREET, Office, items


def walked(house: Office, path: str, who: str = "auditor") -> list[int]:
    """The positions of all pages."""
    found: list[int] = []
    while path:
        reply = house.get(who, path)
        found += [row["position"] for row in items(reply)]
        path = reply.links.get("next", {}).get("url", "").removeprefix("/api/v1")
    return found


@pytest.mark.parametrize("sort", ["position", "-position"])
def test_the_whole_history_is_walked_in_pages(house: Office, sort: str) -> None:
    house.closed()
    every = list(range(1, house.house.log.position() + 1))
    assert walked(house, f"/history?limit=4&sort={sort}") == (every if sort == "position" else every[::-1])


def test_a_line_says_who_did_what_when_and_by_which_rule(house: Office) -> None:
    house.whistled()
    [line] = items(house.get("supervision", "/history?topic=report.submitted.v1"))
    assert (line["kind"], line["role"], line["version"], line["imported"]) == ("report", "grid_worker", 1, False)
    assert line["actor"] == str(house.persons["grid"])
    assert line["rules"][0][:2] == ["triage", "triage.general"]
    assert "facts" not in line


def test_each_filter_leaves_what_it_says(house: Office) -> None:
    lead, _ = house.whistled()
    house.do("market", f"/responses/{lead}/signature")
    every = items(house.get("auditor", "/history?limit=200"))
    for name in ("case_id", "stream", "actor", "organisation", "role", "kind", "topic"):
        for value in {line[name] for line in every}:
            found = walked(house, f"/history?limit=3&{name}={value}")
            assert found == [line["position"] for line in every if line[name] == value], (name, value)
    assert walked(house, "/history?imported=true") == []
    assert house.get("auditor", f"/history?actor={house.persons['market']}").json()["items"][-1]["stream"] == str(lead)
    [*_, last] = every
    assert walked(house, f"/history?since={last['at']}&until={last['at']}") == [
        line["position"] for line in every if line["at"] == last["at"]
    ]


def test_an_organisation_is_named_or_told_by_its_code(house: Office) -> None:
    lead, _ = house.whistled()
    house.do("market", f"/responses/{lead}/signature")
    named = walked(house, f"/history?organisation={MARKET}")
    assert named == walked(house, "/history?organisation=2202-scjg") != []
    assert walked(house, f"/history?organisation={STREET}&role=department_liaison") == []


@pytest.mark.parametrize("name", ["case_id", "stream", "actor"])
def test_what_is_no_id_is_refused_and_one_that_nobody_has_finds_nothing(house: Office, name: str) -> None:
    house.whistled()
    reply = house.get("auditor", f"/history?{name}=whoever")
    assert (reply.status_code, reply.json()["fields"][0]["field"]) == (422, f"query.{name}")
    assert walked(house, f"/history?{name}={uuid4()}") == []


@pytest.mark.parametrize("cursor", ["x", "WyJoaXN0b3J5Il0=", "WyJoaXN0b3J5IiwgInBvc2l0aW9uIiwgdHJ1ZV0="])
def test_a_cursor_that_is_not_the_historys_is_refused(house: Office, cursor: str) -> None:
    house.whistled()
    assert house.get("auditor", f"/history?cursor={cursor}").status_code == 400
    following = house.get("auditor", "/history?limit=1").json()["next"]
    assert house.get("auditor", f"/history?limit=1&cursor={following}").status_code == 200
    for other in ("/history?sort=-position", "/notices?sort=position"):
        assert house.get("auditor", f"{other}&cursor={following}").status_code == 400


def test_the_supervision_of_a_division_reads_what_belongs_to_its_matters(
    house: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.whistled()
    every = walked(house, "/history", "supervision")
    assert every
    for code, sees in (("220204", True), ("220202", False)):
        monkeypatch.setattr("api.sight.sight", lambda *_, code=code: Sight({"street_prefix": code}))
        assert walked(house, "/history", "supervision") == (every if sees else [])
