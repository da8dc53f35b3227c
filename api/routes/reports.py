"""A report 网格上报: handed in, checked, and turned into a case or not."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/reports", "submit_report"),
    Row("POST", "/reports/{id}/site-checks", "request_site_check"),
    Row("POST", "/reports/{id}/site-checks/confirmation", "confirm_site_check"),
    Row("POST", "/reports/{id}/rejection", "reject_report"),
    Row("POST", "/reports/{id}/merger", "merge_report"),
    Row("POST", "/reports/{id}/separation", "unmerge_report"),
    Row("POST", "/reports/{id}/withdrawal", "withdraw_report"),
    Row("POST", "/reports/{id}/on-spot-handling", "handle_on_spot"),
    Row("POST", "/reports/{id}/case", "file_case"),
    Row("POST", "/reports/{id}/reporter/unmasking", "unmask_reporter"),
    Row("POST", "/reports/{id}/reporter/erasure", "erase_reporter"),
)
"""Method, path, command."""

router = router_of("reports", ROWS)
