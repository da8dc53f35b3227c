"""An evaluation 评价: drafted, objected to, reviewed. It is reached through its response."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/responses/{id}/evaluation", "evaluate"),
    Row("POST", "/responses/{id}/evaluation/objection", "object"),
    Row("POST", "/responses/{id}/evaluation/reply", "reply_objection"),
    Row("POST", "/responses/{id}/evaluation/review-request", "request_review"),
    Row("POST", "/responses/{id}/evaluation/decision", "decide_review"),
)
"""Method, path, command."""

router = router_of("evaluations", ROWS)
