"""A whistle 哨: blown, pushed, joined, escalated, withdrawn."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/phone-whistles", "phone_whistle"),
    Row("POST", "/cases/{id}/whistle-draft", "draft_whistle"),
    Row("POST", "/cases/{id}/whistles", "blow_whistle"),
    Row("POST", "/cases/{id}/pushes", "push_case"),
    Row("POST", "/whistles/{id}/departments", "add_department"),
    Row("POST", "/whistles/{id}/lead", "change_lead"),
    Row("POST", "/whistles/{id}/escalation", "escalate_whistle"),
    Row("POST", "/whistles/{id}/appointment", "move_appointment"),
    Row("POST", "/whistles/{id}/withdrawal", "withdraw_whistle"),
)
"""Method, path, command."""

router = router_of("whistles", ROWS)
