"""Every answer that says no, as an RFC 9457 problem with a stable code.

A refusal of the desk keeps its own code; what HTTP itself refuses has the codes of `CODES`. A problem never shows
what went wrong inside the house, and never repeats what was sent.
"""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from desk.errors import Busy, CommandInFlight, CommandReused, DeskError, StaleVersion
from domain import errors

__all__ = ["CODES", "PROBLEM_TYPE", "STATUSES", "ApiProblem", "Problem", "declared", "install", "problem_response"]

PROBLEM_TYPE = "application/problem+json"
BUSY_RETRY_SECONDS = 1
FIELDS_MOST = 50
MESSAGE_LENGTH_MAX = 1000

log = structlog.get_logger(__name__)

STATUSES: Mapping[type[errors.Refusal] | type[DeskError], int] = {
    errors.Unknown: 404,
    errors.Ambiguous: 422,
    errors.NotPermitted: 403,
    errors.SamePerson: 403,
    errors.WrongState: 409,
    errors.AlreadyDone: 409,
    errors.TooLate: 409,
    errors.Invalid: 422,
    errors.ItemInList: 422,
    errors.ItemOutsideList: 422,
    errors.LegalReviewMissing: 422,
    errors.NotCertified: 422,
    errors.TooFewOfficers: 422,
    errors.ExtensionLimit: 422,
    errors.ExtensionTooLong: 422,
    errors.LeadNotLast: 422,
    errors.TooFar: 422,
    StaleVersion: 412,
    CommandReused: 422,
    CommandInFlight: 409,
    Busy: 503,
}
"""What the desk refuses → HTTP status. A test proves that every refusal there is has one.

UNKNOWN is 404 where what the path names is not there, and 422 where something named in the request is not.
"""

CODES: Mapping[int, str] = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    403: "NOT_PERMITTED",
    404: "UNKNOWN",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    412: "STALE_VERSION",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_PROBLEM_TYPE",
    422: "INVALID",
    428: "VERSION_REQUIRED",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL",
    503: "BUSY",
    507: "STORE_FULL",
}
"""Status → code, for what HTTP refuses before the desk is asked."""


class FieldError(BaseModel):
    """One field that is not acceptable, and why."""

    field: str
    message: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `code` is stable, `detail` is for a person, `fields` are for a form."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    fields: list[FieldError] | None = Field(default=None, description="what is wrong with which field")
    details: dict[str, Any] | None = Field(default=None, description="the particulars of the refusal")


class ApiProblem(Exception):
    """What HTTP refuses by itself: `status`, a detail for a person, and headers such as Retry-After."""

    def __init__(self, status: int, detail: str, code: str | None = None, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.code = code or CODES[status]
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route declares in the OpenAPI for these statuses: a problem each, and nothing else."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM_TYPE: {"schema": schema}}}
        for status in statuses
    }


def problem_response(
    status: int,
    code: str,
    detail: str,
    *,
    fields: Iterable[FieldError] = (),
    details: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem, ready to send. Half of a surrogate pair becomes a question mark, and cannot break the answer."""
    body: dict[str, Any] = {
        "type": f"urn:shaoxiang:problem:{code.lower().replace('_', '-')}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if found := [field.model_dump() for field in fields]:
        body["fields"] = found
    if details:
        body["details"] = dict(details)
    content = json.dumps(body, default=str, ensure_ascii=False).encode("utf-8", "replace")
    return Response(content, status_code=status, headers=dict(headers or {}), media_type=PROBLEM_TYPE)


def install(app: FastAPI) -> None:
    """Answer every exception that a request can meet with a problem."""
    app.add_exception_handler(errors.Refusal, _refusal)
    app.add_exception_handler(DeskError, _refusal)
    app.add_exception_handler(ApiProblem, _api_problem)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)


def _refusal(request: Request, refused: Exception) -> Response:
    assert isinstance(refused, errors.Refusal | DeskError)
    status = next((STATUSES[kind] for kind in type(refused).__mro__ if kind in STATUSES), 422)
    if isinstance(refused, errors.Unknown) and not _is_of_the_path(request, refused):
        status = 422
    log.info("refused", code=refused.code, status=status, command=getattr(request.state, "command", None))
    request.state.outcome = refused.code
    details = refused.details if isinstance(refused, errors.Refusal) else None
    headers = {"Retry-After": str(BUSY_RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return problem_response(status, refused.code, str(refused), details=details, headers=headers)


def _is_of_the_path(request: Request, refused: errors.Unknown) -> bool:
    """Whether it is the thing that the path names that is not there."""
    missing, named = refused.details.get("id"), request.path_params.get("id")
    try:
        return missing is not None and UUID(str(missing)) == UUID(str(named))
    except ValueError:
        return False


def _api_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ApiProblem)
    log.info("refused", code=problem.code, status=problem.status)
    request.state.outcome = problem.code
    return problem_response(problem.status, problem.code, problem.detail, headers=problem.headers)


def _validation(request: Request, invalid: Exception) -> Response:
    assert isinstance(invalid, RequestValidationError)
    request.state.outcome = "INVALID"
    log.info("refused", code="INVALID", status=422)
    fields = [_field(error) for error in invalid.errors()[:FIELDS_MOST]]
    return problem_response(422, "INVALID", "Some fields are not acceptable; see fields.", fields=fields)


def _field(error: Mapping[str, Any]) -> FieldError:
    """What is wrong with one field. JSON that breaks off is an error of the body, at a line and column of it."""
    if error["type"] == "json_invalid":
        return FieldError(field="body", message=f"This is not JSON: {_safe(error['ctx']['error'])}")
    field = ".".join(_safe(part) for part in error["loc"])
    return FieldError(field=field, message=_safe(error["msg"], MESSAGE_LENGTH_MAX))


def _http(request: Request, failure: Exception) -> Response:
    assert isinstance(failure, HTTPException)
    code = CODES.get(failure.status_code, "REFUSED")
    request.state.outcome = code
    detail = {
        400: "The body cannot be read; send it whole.",
        404: f"There is nothing at {_safe(request.url.path)}; the routes are listed in /api/v1/openapi.json.",
        405: f"{_safe(request.method)} is not possible here; see the Allow header.",
        413: "The body is larger than this route accepts.",
    }.get(failure.status_code, HTTPStatus(failure.status_code).phrase)
    return problem_response(failure.status_code, code, detail, headers=failure.headers)


def _safe(part: object, length_max: int = 200) -> str:
    """A text that can be shown: not too long, and no half of a surrogate pair."""
    return str(part)[:length_max].encode("utf-8", "replace").decode("utf-8")
