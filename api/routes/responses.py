"""A response 报到: signed, arrived, completed, verified, and all that can come between."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/responses/{id}/signature", "sign"),
    Row("POST", "/responses/{id}/return", "request_return"),
    Row("POST", "/responses/{id}/return/upheld", "uphold_return"),
    Row("POST", "/responses/{id}/return/denied", "deny_return"),
    Row("POST", "/responses/{id}/return/referral", "refer_dispute"),
    Row("POST", "/responses/{id}/officers", "assign_officers"),
    Row("POST", "/responses/{id}/arrivals", "check_in"),
    Row("POST", "/responses/{id}/arrivals/confirmation", "confirm_arrival"),
    Row("POST", "/responses/{id}/arrivals/correction", "correct_arrival"),
    Row("POST", "/responses/{id}/default", "default_response"),
    Row("POST", "/responses/{id}/scene-release", "release_scene"),
    Row("POST", "/responses/{id}/early-leave", "leave_scene"),
    Row("POST", "/responses/{id}/enforcement-records", "record_enforcement"),
    Row("POST", "/responses/{id}/completions", "complete"),
    Row("POST", "/responses/{id}/verifications/passed", "pass_verification"),
    Row("POST", "/responses/{id}/verifications/failed", "fail_verification"),
    Row("POST", "/responses/{id}/extensions", "request_extension"),
    Row("POST", "/responses/{id}/extensions/granted", "grant_extension"),
    Row("POST", "/responses/{id}/extensions/denied", "deny_extension"),
    Row("POST", "/responses/{id}/urges", "urge"),
)
"""Method, path, command."""

router = router_of("responses", ROWS)
