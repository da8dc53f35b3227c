"""What follows an evaluation: commendation 表扬, criticism 批评, interview 约谈."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/responses/{id}/commendation/confirmation", "confirm_commendation"),
    Row("POST", "/responses/{id}/criticism/confirmation", "confirm_criticism"),
    Row("POST", "/responses/{id}/interview/confirmation", "confirm_interview"),
    Row("POST", "/responses/{id}/interview/minutes", "hold_interview"),
    Row("POST", "/responses/{id}/interview/rectification", "rectify"),
)
"""Method, path, command."""

router = router_of("outcomes", ROWS)
