"""Who may do what, role by role, as the trade tells it; the desk's own table is turned the other way, by command."""

from tests.model.things import Case, Report, Response, Thing

REPORTS = {"submit_report", "withdraw_report"}
VERIFIES = {"pass_verification", "fail_verification"}
SCENE = {"confirm_arrival", "correct_arrival", "release_scene"}
OFFICER = REPORTS | VERIFIES | SCENE | {"confirm_site_check", "draft_whistle", "confirm_compliance"}
ON_SITE = {"check_in", "leave_scene"}
DEPARTMENT = ON_SITE | {
    "sign", "request_return", "assign_officers", "complete", "request_extension", "object", "request_review", "rectify",
}  # fmt: skip
RULES = {"uphold_return", "deny_return", "grant_extension", "deny_extension"}

MAY: dict[str, set[str]] = {
    "grid_worker": REPORTS | VERIFIES | {"handle_on_spot", "confirm_site_check"},
    "mobile_grid_worker": REPORTS,
    "street_officer": OFFICER,
    "street_leader": OFFICER | {
        "phone_whistle", "blow_whistle", "add_department", "change_lead", "escalate_whistle", "move_appointment",
        "withdraw_whistle", "route_direct", "report_progress", "complete", "request_extension", "order_rectification",
        "evaluate", "reply_objection", "score_posting_street",
    },
    "command_officer": REPORTS | RULES | {
        "phone_whistle", "request_site_check", "confirm_site_check", "reject_report", "merge_report", "unmerge_report",
        "file_case", "unmask_reporter", "erase_reporter", "route_direct", "correct_case", "push_case",
        "refer_dispute", "suspend_case", "resume_case", "order_supervision", "close_case", "rate", "reopen_case",
        "cancel_case", "default_response", "urge",
    },
    "department_liaison": DEPARTMENT,
    "department_head": DEPARTMENT | {"score_posting_home"},
    "specialist": ON_SITE | {"record_enforcement"},
    "supervision": RULES | {
        "pass_legal_review", "list_case", "delist_case", "decide_review", "confirm_criticism", "confirm_interview",
        "hold_interview",
    },
    "organisation_dept": {"confirm_commendation", "post_officer", "end_posting", "assess_officer"},
    "auditor": set(),
    "admin": {"register_person", "issue_certificate"},
}  # fmt: skip
"""Role → the commands that it may give at all."""

HELD: dict[str, set[str]] = {
    "grid_worker": {"street"},
    "mobile_grid_worker": {"street", "command"},
    "street_officer": {"street", "team"},
    "street_leader": {"street", "team"},
    "command_officer": {"command"},
    "department_liaison": {"department"},
    "department_head": {"department"},
    "specialist": {"department", "team", "street"},
    "supervision": {"supervision"},
    "organisation_dept": {"organisation_dept"},
}
"""Role → the kinds of organisation it belongs in; the others may be held anywhere."""

STREET_ROLES = ("grid_worker", "street_officer", "street_leader")
"""Who acts for a street, and so takes a case on for it."""

WITHOUT_PLACE = {"submit_report", "phone_whistle", "register_person", "issue_certificate"}


def area_of(thing: Thing) -> str:
    """The division that a matter lies in: its street, else the reporter's jurisdiction."""
    matter = thing if isinstance(thing, Report | Case) else thing.case  # type: ignore[attr-defined]
    return str(matter.street or matter.area)


def reaches(role: str, kind: str, division: str, organisation: str, name: str, thing: Thing | None) -> bool:
    """Whether somebody of a role, in an organisation of a kind and a division, may give a command to a thing."""
    if role in HELD and kind not in HELD[role]:
        return False
    if name not in MAY[role]:
        return False
    if thing is None or name in WITHOUT_PLACE or name == "withdraw_report":
        return True
    own_team = isinstance(thing, Response) and thing.direct and organisation in (thing.department, _parent(thing))
    if role == "specialist" or role.startswith("department"):
        return own_team or (isinstance(thing, Response) and thing.department == organisation)
    area = area_of(thing)
    if role not in STREET_ROLES:
        return area.startswith(division)
    if name in ("complete", "request_extension") and not (isinstance(thing, Response) and thing.direct):
        return False
    return division.startswith(area)


def _parent(thing: Response) -> str:
    return thing.department.removesuffix("-T")
