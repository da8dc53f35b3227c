"""Reads: what is shown to whom, how lists are paged, and how a read waits for a write."""

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from api.routes.lists import LISTS
from tests.api.house import CAST, MARKET, PLACE, POLICE, STREET, Office, build, items

LIST_PATHS = [row.path for row in LISTS]
READERS: dict[str, set[str]] = {
    "/cases": set(CAST) - {"admin", "organisation"},
    "/inbox": set(CAST) - {"admin", "organisation"},
    "/due": set(CAST) - {"admin", "organisation"},
    "/reminders": set(CAST) - {"admin", "rider"},
    "/commendations": set(CAST) - {"admin", "rider"},
    "/interviews": set(CAST) - {"admin", "rider"},
    "/notices": set(CAST) - {"admin", "rider"},
    "/timeliness": set(CAST) - {"admin", "rider"},
    "/timeliness/ranking": set(CAST) - {"admin", "rider"},
    "/dashboard": set(CAST) - {"admin", "rider", "organisation"},
    "/history": {"supervision", "second_supervision", "auditor"},
    "/me": set(CAST),
    "/policy": set(CAST),
}
"""Path → who of the cast may ask at all."""

SEES_THE_CASE = {
    "command", "grid", "officer", "street", "market", "market_head", "police", "specialist", "supervision",
    "second_supervision", "auditor",
}  # fmt: skip


@pytest.mark.parametrize("path", READERS)
def test_each_role_may_ask_for_what_is_its_business_and_for_nothing_else(house: Office, path: str) -> None:
    house.closed()
    allowed = {who for who in CAST if house.get(who, path).status_code == 200}
    refused = {who for who in CAST if house.get(who, path).status_code == 403}
    assert allowed == READERS[path]
    assert refused == set(CAST) - READERS[path]


@pytest.mark.parametrize("part", ["case", "report", "whistle", "response", "timeline", "why"])
def test_each_role_sees_the_case_that_concerns_it_and_no_other_role_does(house: Office, part: str) -> None:
    lead, _ = house.whistled()
    case, report = house.ids["case"], house.ids["report"]
    path = {
        "case": f"/cases/{case}",
        "report": f"/reports/{report}",
        "whistle": f"/whistles/{house.ids['whistle']}",
        "response": f"/responses/{lead}",
        "timeline": f"/cases/{case}/timeline",
        "why": f"/responses/{lead}/deadlines/arrival/why",
    }[part]
    replies = {who: house.get(who, path).status_code for who in CAST}
    own = SEES_THE_CASE - ({"police"} if part in {"response", "why"} else set())
    assert {who for who, status in replies.items() if status == 200} == own
    assert {who for who, status in replies.items() if status == 403} == set(CAST) - own


READ_PATHS = (*LIST_PATHS, "/timeliness", "/dashboard", "/me", "/policy", "/cases/{id}", "/responses/{id}")


@pytest.mark.parametrize("path", READ_PATHS)
def test_nothing_is_read_without_a_token(house: Office, path: str) -> None:
    assert house.client.get("/api/v1" + path.format(id=uuid4())).status_code == 401


def test_lists_show_each_reader_only_what_lies_in_its_scope(house: Office) -> None:
    lead, support = house.whistled()
    assert {row["id"] for row in items(house.get("market", "/inbox"))} == {str(lead)}
    assert {row["id"] for row in items(house.get("police", "/inbox"))} == {str(support)}
    assert {row["id"] for row in items(house.get("street", "/inbox"))} == {str(lead), str(support)}
    assert items(house.get("other_street", "/inbox")) == []
    assert items(house.get("other_street", "/cases")) == []
    assert {row["stream"] for row in items(house.get("police", "/due"))} == {str(support)}
    assert len(items(house.get("command", "/cases"))) == 1


def test_a_street_sees_what_no_street_has_taken_on_yet_as_it_may_be_the_first_to_act(house: Office) -> None:
    body = {"source": "hotline", "description": "噪声扰民", "place": PLACE}
    house.do("command", "/reports", body)
    assert len(items(house.get("other_street", "/cases"))) == 1


def test_a_rider_sees_the_own_reports_alone(house: Office) -> None:
    house.reported()
    own = house.do("rider", "/reports", {"source": "rider", "description": "井盖缺失", "place": PLACE})["report"]
    assert [row["report"] for row in items(house.get("rider", "/cases"))] == [str(own)]
    assert house.get("rider", f"/reports/{own}").status_code == 200


def test_a_department_sees_the_case_file_without_the_others_responses(house: Office) -> None:
    lead, support = house.whistled()
    file = house.get("market", f"/cases/{house.ids['case']}").json()
    assert [part["id"] for part in file["responses"]] == [str(lead)]
    full = house.get("command", f"/cases/{house.ids['case']}").json()
    assert {part["id"] for part in full["responses"]} == {str(lead), str(support)}


def test_who_reported_is_masked_for_those_who_call_back_and_hidden_from_all_others(house: Office) -> None:
    house.whistled()
    masked = {"name": "来***", "phone": "138****0001", "erased": False}
    for who in SEES_THE_CASE:
        reply = house.get(who, f"/cases/{house.ids['case']}")
        [report] = reply.json()["reports"]
        if who in {"command", "officer", "street"}:
            assert report["reporter"]["phone"] == masked["phone"]
            assert report["reporter"]["name"].startswith("来")
        else:
            assert "reporter" not in report
        assert "来电人一" not in reply.text
        assert "13800000001" not in reply.text


def test_a_case_whose_reporter_the_vault_does_not_know_can_be_read_all_the_same(house: Office, tmp_path: Path) -> None:
    house.whistled()
    with closing(sqlite3.connect(tmp_path / "vault.db")) as vault, vault:
        vault.executescript("DELETE FROM person; DELETE FROM person_key")
    for path in (f"/cases/{house.ids['case']}", f"/reports/{house.ids['report']}"):
        reply = house.get("command", path)
        assert reply.status_code == 200
        [report] = reply.json().get("reports", [reply.json()])
        assert report["reporter"] == {"name": "不详", "phone": None, "erased": False}


def test_a_timeline_never_names_the_reporter_and_a_departments_not_even_who_noted_it(house: Office) -> None:
    house.whistled()
    path = f"/cases/{house.ids['case']}/timeline"
    for who in SEES_THE_CASE:
        first = items(house.get(who, path))[0]
        assert first["topic"] == "report.submitted.v1"
        assert "reporter" not in first["facts"]
        department = CAST[who][1] in {MARKET, "北京路派出所"}
        assert first["actor"] == (None if department else str(house.persons["grid"]))


def test_unmasking_shows_the_identity_once_it_is_recorded(house: Office) -> None:
    report = house.reported()
    reply = house.post("command", f"/reports/{report}/reporter/unmasking", {"reason": "回访需要联系上报人"})
    assert reply.json()["identity"] == {"name": "来电人一", "phone": "13800000001"}
    assert items(house.get("supervision", "/history"))[-1]["topic"] == reply.json()["events"][-1]


def test_the_etag_of_a_resource_is_what_its_next_command_must_match(house: Office) -> None:
    lead, _ = house.whistled()
    etag = house.get("market", f"/responses/{lead}").headers["ETag"]
    first = house.post("market", f"/responses/{lead}/signature", **{"If-Match": etag})
    again = house.post("market", f"/responses/{lead}/return", {"basis": "不属于本部门"}, **{"If-Match": etag})
    assert (first.status_code, again.status_code, again.json()["code"]) == (200, 412, "STALE_VERSION")
    assert house.get("market", f"/responses/{lead}").headers["ETag"] == first.headers["ETag"]


def test_an_evaluation_is_judged_at_the_version_that_its_response_shows_with_it(house: Office) -> None:
    lead, _ = house.closed()
    path = f"/responses/{lead}/evaluation"
    house.do("command", f"/cases/{house.ids['case']}/rating", {"satisfaction": "satisfied", "resolved": True})
    house.do("street", path, {"conduct": ["not_recorded"]})
    objection = {"reason": "现场已全程录像"}

    seen = house.get("market", f"/responses/{lead}").json()["evaluation"]["version"]
    stale = house.post("market", f"{path}/objection", objection, **{"If-Match": f'"{seen - 1}"'})
    done = house.post("market", f"{path}/objection", objection, **{"If-Match": f'"{seen}"'})

    assert (stale.status_code, done.status_code) == (412, 200)
    now = house.get("market", f"/responses/{lead}").json()["evaluation"]
    assert (now["version"], now["state"]) == (done.json()["version"], done.json()["state"]) == (seen + 1, "objected")
    assert done.headers["ETag"] == f'"{now["version"]}"'
    assert now["objection"] == objection["reason"]


def test_what_a_review_decided_stands_in_the_case_file_and_whoever_reads_no_cases_confirms_any_version(
    house: Office,
) -> None:
    lead, _ = house.closed()
    path = f"/responses/{lead}/evaluation"
    house.do("command", f"/cases/{house.ids['case']}/rating", {"satisfaction": "satisfied", "resolved": True})
    house.do("street", path, {"conduct": ["not_recorded"]})
    house.do("market", f"{path}/objection", {"reason": "现场已全程录像"})
    house.do("street", f"{path}/reply", {"text": "录像不完整"})
    house.do("market", f"{path}/review-request")
    house.do("supervision", f"{path}/decision", {"upheld": True, "exempt": ["not_recorded"]})
    assert house.get("organisation", f"/responses/{lead}").status_code == 403
    praised = house.post("organisation", f"/responses/{lead}/commendation/confirmation", **{"If-Match": "*"})
    assert praised.status_code == 200, praised.text
    sheets = house.get("street", f"/cases/{house.ids['case']}").json()["evaluations"]
    [sheet] = [each for each in sheets if each["response"] == str(lead)]
    assert (sheet["objection"], sheet["reply"]) == ("现场已全程录像", "录像不完整")
    assert (sheet["upheld"], sheet["exempt"], sheet["commendation"]) == (True, ["not_recorded"], "confirmed")
    assert sheet["version"] == praised.json()["version"]


def test_what_was_created_stands_at_its_location_in_the_version_that_was_answered(house: Office) -> None:
    lead, _ = house.whistled()
    house.do("market", f"/responses/{lead}/signature")
    house.do("market", f"/responses/{lead}/return", {"basis": "不属于本部门法定职责"})
    reply = house.post("command", f"/responses/{lead}/return/upheld", {"replacement": "市自然资源局"})
    assert (reply.status_code, reply.json()["state"]) == (201, "dispatched")
    made = house.get("command", reply.headers["Location"].removeprefix("/api/v1"))
    assert made.headers["ETag"] == reply.headers["ETag"]
    assert made.json()["response"]["replaces"] == str(lead)


def test_a_retry_gets_the_first_answer_and_not_a_stale_version(house: Office) -> None:
    lead, _ = house.whistled()
    sent = house.by("market") | house.match(f"/responses/{lead}/signature") | {"Idempotency-Key": "one"}
    path = f"/api/v1/responses/{lead}/signature"
    first, second = (house.client.post(path, headers=sent) for _ in range(2))
    assert (first.status_code, first.json()) == (second.status_code, second.json())
    other = house.client.post(f"/api/v1/responses/{lead}/return", json={"basis": "x"}, headers=sent)
    assert (other.status_code, other.json()["code"]) == (422, "COMMAND_REUSED")


def test_a_page_leads_to_the_next_until_all_has_been_seen_once(house: Office) -> None:
    reports = {str(house.reported()) for _ in range(5)}
    seen: list[str] = []
    path = "/cases?limit=2&sort=-reported_at"
    pages = 0
    while path:
        reply = house.get("command", path)
        seen += [row["report"] for row in items(reply)]
        link = reply.links.get("next", {}).get("url", "")
        path, pages = link.removeprefix("/api/v1"), pages + 1
    assert (sorted(seen), pages) == (sorted(reports), 3)


LEARNED_TODAY = (
    "/cases", "/cases/{case}", "/cases/{case}/timeline", "/reports/{report}", "/whistles/{whistle}",
    "/responses/{lead}", "/responses/{lead}/deadlines/arrival/why", "/timeliness", "/timeliness/ranking", "/inbox",
    "/dashboard", "/history", "/events", "/me", "/policy", "/people/{case}",
)  # fmt: skip


@pytest.mark.parametrize("path", LEARNED_TODAY)
def test_a_parameter_that_a_read_does_not_have_is_refused_by_name(house: Office, path: str) -> None:
    lead, _ = house.whistled()
    place = path.format(lead=lead, **{name: house.ids[name] for name in ("case", "report", "whistle")})
    reply = house.get("supervision", f"{place}?stat=closed&positoin=3")
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID")
    assert [field["field"] for field in reply.json()["fields"]] == ["query.stat", "query.positoin"]


def test_a_parameter_in_the_wrong_is_not_said_to_whoever_has_no_token(house: Office) -> None:
    assert house.client.get("/api/v1/cases?stat=closed").status_code == 401


def test_a_sort_that_a_list_does_not_have_names_those_that_it_has(house: Office) -> None:
    [field] = house.get("command", "/cases?sort=number").json()["fields"]
    assert field["field"] == "query.sort"
    for sort in ("due_at", "-due_at", "filed_at", "-reported_at"):
        assert f"'{sort}'" in field["message"]


@pytest.mark.parametrize("named", [MARKET, "2202-scjg"])
def test_an_organisation_is_filtered_by_its_name_or_its_code(house: Office, named: str) -> None:
    lead, _ = house.whistled()
    for path, params in (("/inbox", {"department": named}), ("/cases", {"lead": named, "street": STREET})):
        [row] = items(house.get("command", path, params=params))
        assert row["id"] in {str(lead), str(house.ids["case"])}
    assert {row["organisation"] for row in items(house.get("auditor", "/history?organisation=" + STREET))} == {
        "220204001"
    }
    figures = items(house.get("command", "/timeliness", params={"department": named, "street": STREET}))
    assert next(each for each in figures if each["indicator"] == "accurate_dispatch_rate")["denominator"] == 1


@pytest.mark.parametrize(("name", "code"), [("月亮局", "UNKNOWN"), ("民主街道", "AMBIGUOUS")])
@pytest.mark.parametrize("path", ["/inbox", "/reminders", "/timeliness", "/timeliness/ranking"])
def test_an_organisation_that_is_none_or_two_is_refused(house: Office, path: str, name: str, code: str) -> None:
    reply = house.get("command", path, params={"department": name})
    assert (reply.status_code, reply.json()["code"]) == (422, code)


def test_what_timers_did_is_found_in_the_history(house: Office) -> None:
    house.whistled()
    house.wait(days=1)
    found = items(house.get("auditor", "/history?organisation=system"))
    assert {row["role"] for row in found} == {"system"}


def test_the_board_names_the_departments_with_their_responses(house: Office) -> None:
    lead, support = house.whistled()
    [row] = items(house.get("command", "/cases"))
    assert row["departments"] == [
        {"response": str(lead), "department": house.city.find(MARKET).code, "part": "lead"},
        {"response": str(support), "department": house.city.find(POLICE).code, "part": "support"},
    ]


def test_a_token_tells_its_label_and_whom_it_stands_for(house: Office) -> None:
    me = house.get("street", "/me").json()
    assert (me["label"], me["role"], me["organisation"]["name"]) == ("street", "street_leader", STREET)


def test_an_admin_sees_which_years_of_the_calendar_are_not_final(house: Office) -> None:
    """The last evening of 2026 in London is the first morning of 2027 in the city."""
    house.clock.advance_to(datetime.fromisoformat("2026-12-31T18:00:00+00:00"))
    alerts = house.get("admin", "/policy").json()["alerts"]
    assert [(alert["kind"], alert["year"]) for alert in alerts] == [("provisional", 2027), ("missing", 2028)]
    assert all(str(alert["year"]) in alert["message"] for alert in alerts)


@pytest.mark.parametrize("cursor", ["", "x", "e30=", "WyJib2FyZF8xIiwiZHVlX2F0Il0=", "长"])
def test_a_cursor_of_nowhere_is_refused(house: Office, cursor: str) -> None:
    reply = house.get("command", "/cases", params={"cursor": cursor})
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST")


def test_filters_keep_to_what_was_asked(house: Office) -> None:
    house.whistled()
    assert len(items(house.get("command", "/cases?state=whistled&urgency=general"))) == 1
    assert items(house.get("command", "/cases?state=closed")) == []
    assert items(house.get("command", "/cases?since=2023-01-01T00:00:00Z")) == []
    assert house.get("command", "/cases?since=2023-01-01T00:00:00").status_code == 422


def test_a_read_waits_for_the_write_that_it_names(tmp_path: Path) -> None:
    house = build(tmp_path, wait_at_most=0.2)
    report = house.reported()
    position = str(house.house.log.position())
    path, prefer = f"/api/v1/reports/{report}", house.by("street") | {"Prefer": "wait=5"}

    behind = house.client.get(path, headers=prefer | {"X-Log-Position": position})
    assert (behind.status_code, "Preference-Applied" in behind.headers) == (404, False)

    house.house.projector.catch_up()
    there = house.client.get(path, params={"position": position}, headers=prefer)
    assert (there.status_code, there.headers["Preference-Applied"]) == (200, "wait=5")


def test_who_sees_the_whole_city_sees_a_thing_as_soon_as_it_is_written(tmp_path: Path) -> None:
    """Where it lies makes no difference to them, so they need not wait until a view tells."""
    house = build(tmp_path)
    report = house.reported()

    found = house.get("command", f"/reports/{report}")
    assert (found.status_code, found.json()["state"]) == (200, "reported")
    assert house.get("command", f"/reports/{uuid4()}").status_code == 404


def test_why_a_deadline_is_what_it_is(house: Office) -> None:
    lead, _ = house.whistled()
    why = house.get("market", f"/responses/{lead}/deadlines/arrival/why").json()
    assert why["clock"]["due_at"] == "2022-12-14T03:10:00Z"
    assert sum(segment["amount"] for segment in why["segments"]) == 2 * 3600
    assert house.get("market", f"/responses/{lead}/deadlines/triage/why").status_code == 404


def test_the_board_is_searched_by_words_and_numbers(house: Office) -> None:
    house.whistled()
    [row] = items(house.get("command", "/cases"))
    for text in ("牌匾", "德胜", "德胜 牌匾", row["number"], row["number"].lstrip("船营"), " "):
        assert [each["id"] for each in items(house.get("command", "/cases", params={"q": text}))] == [row["id"]], text
    for text in ("占道", "新安街道", "月球", "餐厅"):
        assert items(house.get("command", "/cases", params={"q": text})) == [], text
    assert items(house.get("other_street", "/cases", params={"q": "牌匾"})) == []
    assert house.get("command", "/inbox?q=x").status_code == 422


def test_hostile_texts_are_stored_and_shown_exactly(house: Office) -> None:
    text = "'; DROP TABLE board_2; -- 👩🏽‍🚒 \u202eمرحبا\u202c <b>&amp;\u0000\u2028"
    report = house.do("grid", "/reports", {"source": "grid", "description": text, "place": PLACE})["report"]
    assert house.get("command", f"/reports/{report}").json()["description"] == text
    assert items(house.get("command", f"/cases/{report}/timeline"))[0]["facts"]["description"] == text


def test_a_stream_of_another_kind_is_not_found_under_a_collection(house: Office) -> None:
    lead, _ = house.whistled()
    assert house.get("command", f"/cases/{lead}").status_code == 404
    assert house.get("command", f"/responses/{UUID(int=1)}").status_code == 404
