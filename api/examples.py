"""An example body for every command. A test plays each of them, so what the OpenAPI shows is what works.

Two values in them are stand-ins that belong to one installation: the id of a master report, and a photo's hash.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ["EXAMPLES", "MASTER_ID", "PHOTO_HASH"]

MASTER_ID = "01890a5d-ac96-7b74-8b2e-000000000000"
"""Stands for the id of the master report."""

PHOTO_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
"""Stands for the hash that POST /photos gave."""

PLACE = {"lat": 43.8503, "lon": 126.5602, "address": "德胜路与北京路交叉口"}
REASON = {"reason": "材料齐全，情况属实"}
NONE: Mapping[str, Any] = {}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "phone_whistle": {
        "source": "hotline",
        "description": "路面塌陷，危及行人",
        "place": PLACE,
        "item": "井盖缺失",
        "lead": "市住建局",
        "support": ["市公安局"],
    },
    "submit_report": {
        "source": "grid",
        "description": "餐厅牌匾标识文字需整改",
        "place": PLACE,
        "reporter": {"name": "来电人一", "phone": "13800000001"},
    },
    "request_site_check": NONE,
    "confirm_site_check": {"finding": "现场情况与上报一致"},
    "reject_report": {"reason": "不属于受理范围", "reply": "已告知上报人相应的受理渠道"},
    "merge_report": {"into": MASTER_ID},
    "unmerge_report": NONE,
    "withdraw_report": NONE,
    "handle_on_spot": {"before": PHOTO_HASH, "after": PHOTO_HASH},
    "file_case": {"item": "牌匾标识内容错误", "urgency": "general"},
    "unmask_reporter": {"reason": "回访需要联系上报人"},
    "erase_reporter": {"reason": "上报人要求删除个人信息"},
    "route_direct": {"children": 3},
    "correct_case": {"urgency": "urgent", "reason": "现场情况紧急"},
    "report_progress": {"done": 1, "of": 3},
    "draft_whistle": {"kind": "enforcement", "lead": "市市场监管局"},
    "blow_whistle": {"kind": "enforcement", "lead": "市市场监管局", "support": ["北京路派出所"]},
    "push_case": {"lead": "市市场监管局", "support": ["北京路派出所"]},
    "pass_legal_review": NONE,
    "order_rectification": {"party": "临街餐厅经营者", "comply_by": "2099-12-31T17:30:00+08:00"},
    "confirm_compliance": NONE,
    "suspend_case": {"reason": "冬季无法施工", "resume_at": "2022-12-30T09:00:00+08:00"},
    "resume_case": NONE,
    "order_supervision": NONE,
    "list_case": {"limit_at": "2099-12-31T17:30:00+08:00"},
    "delist_case": NONE,
    "close_case": NONE,
    "rate": {"satisfaction": "satisfied", "resolved": True},
    "reopen_case": {"reason": "同一问题再次出现"},
    "cancel_case": {"reason": "重复立案"},
    "add_department": {"department": "市住建局"},
    "change_lead": {"department": "北京路派出所"},
    "escalate_whistle": {"lead": "市应急管理局", "support": ["市公安局"], "reason": "下级力量无法解决"},
    "move_appointment": {"to": "2022-12-16T10:00:00+08:00"},
    "withdraw_whistle": {"reason": "当事人已自行整改"},
    "sign": NONE,
    "request_return": {"basis": "不属于本部门法定职责"},
    "uphold_return": {"replacement": "市自然资源局"},
    "deny_return": NONE,
    "refer_dispute": NONE,
    "assign_officers": {"officers": ["执法人员一", "执法人员二"]},
    "check_in": {"place": PLACE, "officers": ["执法人员一", "执法人员二"]},
    "confirm_arrival": NONE,
    "correct_arrival": {"at": "2022-12-14T14:20:00+08:00", "reason": "设备时间有误，以现场登记为准"},
    "default_response": NONE,
    "release_scene": NONE,
    "leave_scene": NONE,
    "record_enforcement": {
        "action": "责令当场改正违规牌匾",
        "officers": ["执法人员一", "执法人员二"],
        "certificates_shown": True,
        "recorded": True,
    },
    "complete": {"result": "牌匾已更换，现场已清理"},
    "pass_verification": NONE,
    "fail_verification": {"reason": "现场未清理干净"},
    "request_extension": {"until": "2022-12-23T17:30:00+08:00", "reason": "配件需要定制"},
    "grant_extension": NONE,
    "deny_extension": NONE,
    "urge": NONE,
    "evaluate": {"conduct": ["not_recorded"], "cooperation": ["late_feedback"]},
    "object": {"reason": "现场已全程录像，附存储卡编号"},
    "reply_objection": {"text": "录像不完整，维持评价"},
    "request_review": NONE,
    "decide_review": {"upheld": True, "exempt": ["not_recorded"]},
    "confirm_commendation": NONE,
    "confirm_criticism": NONE,
    "confirm_interview": NONE,
    "hold_interview": {"minutes": "已约谈主要领导，限期办结"},
    "rectify": {"evidence": "整改完成，附现场照片编号"},
    "register_person": {"name": "执法人员九", "organisation": "市市场监管局"},
    "issue_certificate": {"number": "JL-2026-009", "valid_until": "2030-12-31"},
    "post_officer": {"street": "德胜街道", "weight": "urban_management", "since": "2022-01-01"},
    "end_posting": {"until": "2022-12-31"},
    "score_posting_street": {"year": 2022, "score": 92.0},
    "score_posting_home": {"year": 2022, "score": 80.0},
    "assess_officer": {"year": 2022},
}
"""Command name → a body that is accepted where the command is."""
