"""The examples of the OpenAPI run: each is sent to a whole house, in a case where the command is in place."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from uuid import UUID

from PIL import Image

from api.app import COMMAND_ROUTERS
from api.examples import EXAMPLES, MASTER_ID, PHOTO_HASH
from desk.commands import COMMANDS
from tests.api.house import MARKET, PLACE, Office, build

ROWS = {row.command: row for module in COMMAND_ROUTERS for row in module.ROWS}


def play(house: "Stage", who: str, command: str, target: UUID | None = None, minutes: int = 1) -> dict[str, UUID]:
    """Send a command's example as the OpenAPI shows it, with the two stand-ins put right."""
    stand_ins = {MASTER_ID: str(house.ids.get("master", "")), PHOTO_HASH: house.photo}
    body = {name: stand_ins.get(value, value) if isinstance(value, str) else value
            for name, value in EXAMPLES[command].items()}  # fmt: skip
    house.played.add(command)
    return house.do(who, ROWS[command].path.format(id=target), body, minutes)


class Stage(Office):
    """A house that notes which examples were played, with a photo uploaded."""

    played: set[str]
    photo: str


def staged(folder: Path) -> Stage:
    """A fresh stage."""
    folder.mkdir()
    house = build(folder)
    house.__class__ = Stage
    assert isinstance(house, Stage)
    house.played = set()
    picture = BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    sent = house.by("grid") | {"Content-Type": "image/png"}
    house.photo = house.client.post("/api/v1/photos", content=picture.getvalue(), headers=sent).json()["hash"]
    return house


def reports(s: Stage) -> None:
    for ending in ("reject_report", "handle_on_spot", "withdraw_report", "merge_report"):
        s.ids["master"] = s.reported()
        report = play(s, "grid", "submit_report")["report"]
        if ending == "reject_report":
            play(s, "command", "request_site_check", report)
            play(s, "officer", "confirm_site_check", report)
            play(s, "command", "unmask_reporter", report)
        play(s, "command" if ending in {"reject_report", "merge_report"} else "grid", ending, report)
    play(s, "command", "unmerge_report", report)
    play(s, "command", "file_case", report)
    play(s, "command", "erase_reporter", report)
    play(s, "command", "phone_whistle")


def cases(s: Stage) -> None:
    play(s, "command", "correct_case", s.filed())
    play(s, "command", "cancel_case", s.filed())
    case = s.filed()
    play(s, "command", "push_case", case)
    case = s.filed()
    play(s, "street", "order_rectification", case)
    play(s, "officer", "confirm_compliance", case)
    play(s, "supervision", "pass_legal_review", case)
    play(s, "command", "suspend_case", case)
    play(s, "command", "resume_case", case)
    play(s, "command", "order_supervision", case)
    play(s, "supervision", "list_case", case)
    play(s, "supervision", "delist_case", case)
    case = s.do("command", f"/reports/{s.reported()}/case", {"item": "占道经营", "urgency": "general"})["case"]
    play(s, "street", "route_direct", case)
    play(s, "street", "report_progress", case)


def whistles(s: Stage) -> None:
    case = s.filed()
    play(s, "officer", "draft_whistle", case)
    whistle = play(s, "street", "blow_whistle", case)["whistle"]
    play(s, "street", "add_department", whistle)
    play(s, "street", "change_lead", whistle)
    play(s, "street", "escalate_whistle", whistle)
    body = {"kind": "enforcement", "lead": MARKET, "appointed_at": "2022-12-16T09:00:00+08:00"}
    whistle = s.do("street", f"/cases/{s.filed()}/whistles", body)["whistle"]
    play(s, "street", "move_appointment", whistle)
    play(s, "street", "withdraw_whistle", whistle)


def officers(s: Stage) -> None:
    for name in ("执法人员一", "执法人员二"):
        person = s.do("admin", "/people", {"name": name, "organisation": MARKET})["person"]
        s.do("admin", f"/people/{person}/certificates", {"number": f"JL-{name}", "valid_until": "2030-12-31"})
    person = play(s, "admin", "register_person")["person"]
    play(s, "admin", "issue_certificate", person)
    play(s, "organisation", "post_officer", person)
    play(s, "organisation", "end_posting", person)
    play(s, "street", "score_posting_street", person)
    play(s, "market_head", "score_posting_home", person)
    play(s, "organisation", "assess_officer", person)
    assert s.get("street", f"/people/{person}").json()["assessments"] == [{"year": 2022, "street": None, "score": 88.4}]
    assert s.get("police", f"/people/{person}").status_code == 403


def responses(s: Stage) -> None:
    officers(s)
    lead, support = s.whistled()
    play(s, "market", "sign", lead)
    play(s, "market", "request_return", lead)
    play(s, "command", "deny_return", lead)
    play(s, "market", "assign_officers", lead)
    play(s, "command", "urge", lead)
    play(s, "market", "check_in", lead)
    play(s, "officer", "correct_arrival", lead, minutes=320)
    play(s, "specialist", "record_enforcement", lead)
    play(s, "officer", "release_scene", lead)
    play(s, "market", "leave_scene", lead)
    play(s, "market", "request_extension", lead)
    play(s, "command", "deny_extension", lead)
    play(s, "market", "request_extension", lead)
    play(s, "command", "grant_extension", lead)
    play(s, "market", "complete", lead)
    play(s, "grid", "fail_verification", lead)
    s.do("police", f"/responses/{support}/signature")
    s.do("police", f"/responses/{support}/return", {"basis": "不属于本部门法定职责"})
    play(s, "command", "refer_dispute", support)
    play(s, "supervision", "uphold_return", support)
    _, support = s.whistled()
    s.do("police", f"/responses/{support}/signature")
    s.do("police", f"/responses/{support}/arrivals", {})
    play(s, "officer", "confirm_arrival", support)


def evaluations(s: Stage) -> None:
    lead, support = s.arrived()
    s.do("police", f"/responses/{support}/completions", {"result": "牌匾已更换"})
    play(s, "grid", "pass_verification", support)
    play(s, "market", "complete", lead)
    play(s, "grid", "pass_verification", lead)
    case = s.ids["case"]
    play(s, "command", "close_case", case)
    play(s, "street", "evaluate", lead)
    play(s, "command", "rate", case)
    play(s, "market", "object", lead)
    play(s, "street", "reply_objection", lead)
    play(s, "market", "request_review", lead)
    play(s, "supervision", "decide_review", lead)
    play(s, "organisation", "confirm_commendation", lead)
    play(s, "command", "reopen_case", case)


def outcomes(s: Stage) -> None:
    lead, support = s.whistled()
    s.do("police", f"/responses/{support}/signature")
    s.do("police", f"/responses/{support}/arrivals", {"place": PLACE})
    s.do("police", f"/responses/{support}/completions", {"result": "完成"})
    s.do("grid", f"/responses/{support}/verifications/passed")
    s.wait(days=2)
    play(s, "supervision", "confirm_interview", lead)
    play(s, "supervision", "hold_interview", lead)
    play(s, "market", "rectify", lead)
    s.wait(days=8)
    play(s, "command", "default_response", lead)
    s.do("command", f"/cases/{s.ids['case']}/closure")
    s.do("street", f"/responses/{lead}/evaluation", {})
    s.do("command", f"/cases/{s.ids['case']}/rating", {"satisfaction": "not", "resolved": False})
    s.wait(days=30)
    play(s, "second_supervision", "confirm_criticism", lead)


STORIES: tuple[Callable[[Stage], None], ...] = (reports, cases, whistles, responses, evaluations, outcomes)


def test_every_example_runs(tmp_path: Path) -> None:
    played: set[str] = set()
    for story in STORIES:
        stage = staged(tmp_path / story.__name__)
        story(stage)
        played |= stage.played
        stage.close()
    assert played == set(COMMANDS)
