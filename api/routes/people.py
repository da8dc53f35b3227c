"""People of the organisations: certificates 执法证, postings 下沉派驻, annual assessment 年度考核."""

from api.commands import Row, router_of

__all__ = ["ROWS", "router"]

ROWS = (
    Row("POST", "/people", "register_person"),
    Row("POST", "/people/{id}/certificates", "issue_certificate"),
    Row("POST", "/people/{id}/postings", "post_officer"),
    Row("POST", "/people/{id}/postings/end", "end_posting"),
    Row("POST", "/people/{id}/postings/street-score", "score_posting_street"),
    Row("POST", "/people/{id}/postings/home-score", "score_posting_home"),
    Row("POST", "/people/{id}/assessments", "assess_officer"),
)
"""Method, path, command."""

router = router_of("people", ROWS)
