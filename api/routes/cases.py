"""A case 案卷: routed, pressed, paused, closed, rated and reopened."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/cases/{id}/direct-handling", "route_direct"),
    Row("POST", "/cases/{id}/corrections", "correct_case"),
    Row("POST", "/cases/{id}/progress", "report_progress"),
    Row("POST", "/cases/{id}/legal-review", "pass_legal_review"),
    Row("POST", "/cases/{id}/rectification-orders", "order_rectification"),
    Row("POST", "/cases/{id}/rectification-orders/compliance", "confirm_compliance"),
    Row("POST", "/cases/{id}/suspension", "suspend_case"),
    Row("POST", "/cases/{id}/resumption", "resume_case"),
    Row("POST", "/cases/{id}/supervision-orders", "order_supervision"),
    Row("POST", "/cases/{id}/listing", "list_case"),
    Row("POST", "/cases/{id}/delisting", "delist_case"),
    Row("POST", "/cases/{id}/closure", "close_case"),
    Row("POST", "/cases/{id}/rating", "rate"),
    Row("POST", "/cases/{id}/reopening", "reopen_case"),
    Row("POST", "/cases/{id}/cancellation", "cancel_case"),
)
"""Method, path, command."""

router = router_of("cases", ROWS)
