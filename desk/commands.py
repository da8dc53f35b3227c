"""Every command there is: what it acts on, what it takes. One table, which the API, the player and the desk share."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from desk.arguments import (
    AnnualScore,
    Arguments,
    AssessYear,
    AssignOfficers,
    BlowWhistle,
    CheckIn,
    Complete,
    ConfirmArrival,
    ConfirmSiteCheck,
    CorrectArrival,
    CorrectCase,
    DecideReview,
    DraftWhistle,
    EndPosting,
    EscalateWhistle,
    Evaluate,
    FileCase,
    HandleOnSpot,
    HoldInterview,
    IssueCertificate,
    ListCase,
    MergeReport,
    MoveAppointment,
    Nothing,
    OneDepartment,
    OrderRectification,
    PhoneWhistle,
    PostOfficer,
    PushCase,
    Rate,
    Reason,
    RecordEnforcement,
    Rectify,
    RegisterPerson,
    RejectReport,
    ReplyObjection,
    ReportProgress,
    RequestExtension,
    RequestReturn,
    RouteDirect,
    SubmitReport,
    SuspendCase,
    Unmask,
    UpholdReturn,
)


class Target(StrEnum):
    """What a command acts on."""

    NOTHING = "nothing"
    REPORT = "report"
    CASE = "case"
    WHISTLE = "whistle"
    RESPONSE = "response"
    PERSON = "person"
    POSTING = "posting"


class Command(NamedTuple):
    """One row of the table: what the command acts on and what it takes."""

    target: Target
    arguments: type[Arguments]


_N, _R, _C, _W, _A, _P = Target.NOTHING, Target.REPORT, Target.CASE, Target.WHISTLE, Target.RESPONSE, Target.PERSON

COMMANDS: Mapping[str, Command] = {
    "phone_whistle": Command(_N, PhoneWhistle),
    "submit_report": Command(_N, SubmitReport),
    "request_site_check": Command(_R, Nothing),
    "confirm_site_check": Command(_R, ConfirmSiteCheck),
    "reject_report": Command(_R, RejectReport),
    "merge_report": Command(_R, MergeReport),
    "unmerge_report": Command(_R, Nothing),
    "withdraw_report": Command(_R, Nothing),
    "handle_on_spot": Command(_R, HandleOnSpot),
    "file_case": Command(_R, FileCase),
    "unmask_reporter": Command(_R, Unmask),
    "erase_reporter": Command(_R, Unmask),
    "route_direct": Command(_C, RouteDirect),
    "correct_case": Command(_C, CorrectCase),
    "report_progress": Command(_C, ReportProgress),
    "draft_whistle": Command(_C, DraftWhistle),
    "blow_whistle": Command(_C, BlowWhistle),
    "push_case": Command(_C, PushCase),
    "pass_legal_review": Command(_C, Nothing),
    "order_rectification": Command(_C, OrderRectification),
    "confirm_compliance": Command(_C, Nothing),
    "suspend_case": Command(_C, SuspendCase),
    "resume_case": Command(_C, Nothing),
    "order_supervision": Command(_C, Nothing),
    "list_case": Command(_C, ListCase),
    "delist_case": Command(_C, Nothing),
    "close_case": Command(_C, Nothing),
    "rate": Command(_C, Rate),
    "reopen_case": Command(_C, Reason),
    "cancel_case": Command(_C, Reason),
    "add_department": Command(_W, OneDepartment),
    "change_lead": Command(_W, OneDepartment),
    "escalate_whistle": Command(_W, EscalateWhistle),
    "move_appointment": Command(_W, MoveAppointment),
    "withdraw_whistle": Command(_W, Reason),
    "sign": Command(_A, Nothing),
    "request_return": Command(_A, RequestReturn),
    "uphold_return": Command(_A, UpholdReturn),
    "deny_return": Command(_A, Nothing),
    "refer_dispute": Command(_A, Nothing),
    "assign_officers": Command(_A, AssignOfficers),
    "check_in": Command(_A, CheckIn),
    "confirm_arrival": Command(_A, ConfirmArrival),
    "correct_arrival": Command(_A, CorrectArrival),
    "default_response": Command(_A, Nothing),
    "release_scene": Command(_A, Nothing),
    "leave_scene": Command(_A, Nothing),
    "record_enforcement": Command(_A, RecordEnforcement),
    "complete": Command(_A, Complete),
    "pass_verification": Command(_A, Nothing),
    "fail_verification": Command(_A, Reason),
    "request_extension": Command(_A, RequestExtension),
    "grant_extension": Command(_A, Nothing),
    "deny_extension": Command(_A, Nothing),
    "urge": Command(_A, Nothing),
    "evaluate": Command(_A, Evaluate),
    "object": Command(_A, Reason),
    "reply_objection": Command(_A, ReplyObjection),
    "request_review": Command(_A, Nothing),
    "decide_review": Command(_A, DecideReview),
    "confirm_commendation": Command(_A, Nothing),
    "confirm_criticism": Command(_A, Nothing),
    "confirm_interview": Command(_A, Nothing),
    "hold_interview": Command(_A, HoldInterview),
    "rectify": Command(_A, Rectify),
    "register_person": Command(_N, RegisterPerson),
    "issue_certificate": Command(_P, IssueCertificate),
    "post_officer": Command(_P, PostOfficer),
    "end_posting": Command(_P, EndPosting),
    "score_posting_street": Command(_P, AnnualScore),
    "score_posting_home": Command(_P, AnnualScore),
    "assess_officer": Command(_P, AssessYear),
}
"""Command name → what it acts on and takes."""
