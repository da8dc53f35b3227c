"""A whistle 哨: blown, pushed, joined, escalated, withdrawn."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/phone-whistles", "phone_whistle", creates="whistle"),
    Row("POST", "/cases/{id}/whistle-draft", "draft_whistle"),
    Row("POST", "/cases/{id}/whistles", "blow_whistle", creates="whistle"),
    Row("POST", "/cases/{id}/pushes", "push_case", creates="whistle"),
    Row("POST", "/whistles/{id}/departments", "add_department", creates="response"),
    Row("POST", "/whistles/{id}/lead", "change_lead"),
    Row("POST", "/whistles/{id}/escalation", "escalate_whistle", creates="whistle"),
    Row("POST", "/whistles/{id}/appointment", "move_appointment"),
    Row("POST", "/whistles/{id}/withdrawal", "withdraw_whistle"),
)
"""Method, path, command, and what it creates."""

router = router_of("whistles", ROWS)
