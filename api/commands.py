"""One function makes the endpoint of every command from one row: it parses, asks the desk once, and answers.

A row says method, path and command. Every command needs an `Idempotency-Key`; every command on something that exists
needs an `If-Match` with the version that was seen, or `*`.
"""

import re
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple, cast
from uuid import UUID, uuid5

from fastapi import APIRouter, Body, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import Example
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api.deps import Deps
from api.examples import EXAMPLES
from api.identity import Caller, Identity, Parts, bearer, caller
from api.outages import patiently
from api.problems import ApiProblem, declared
from api.routing import PREFIX, DirectRoute
from desk.arguments import Arguments, Nothing
from desk.commands import COMMANDS, Target
from desk.desk import Done
from desk.subjects import CREATES

__all__ = ["Answer", "Row", "command_id", "expected_version", "router_of"]

KEYS = UUID("5a6d3e1c-8f0b-5c52-9d5e-1f6a6f0c7b11")
"""Namespace of the command ids that are derived from idempotency keys."""

KEY_LENGTH_MAX = 200
KEY = re.compile(rf"[!-~]{{1,{KEY_LENGTH_MAX}}}")
ETAG_PATTERN = r'^(\*|"[0-9]{1,9}")$'
ETAG = re.compile(r'"([0-9]{1,9})"')
ANY_VERSION = "*"
JSON_TYPE = re.compile(r"application/([^;\s]+\+)?json\s*(;|$)", re.IGNORECASE)
UUID_OF_PATH = TypeAdapter(UUID)

UNMASK = "unmask_reporter"


class Row(NamedTuple):
    """One route of a command."""

    method: str
    path: str
    command: str

    @property
    def creates(self) -> str | None:
        """The key in Done.ids of what becomes the Location, as in "case"; None where nothing comes into being."""
        return CREATES.get(self.command)

    @property
    def status(self) -> int:
        """The status of success."""
        return HTTPStatus.CREATED if self.creates else HTTPStatus.OK


class Revealed(BaseModel):
    """Who a reporter is, in clear."""

    name: str
    phone: str | None


class Answer(BaseModel):
    """What a command did. `position` is for `Prefer: wait`, `version` is the next `If-Match` for the same thing."""

    position: int = Field(description="the log's position after the command")
    version: int = Field(description="of what was created, else of the evaluation, interview or thing acted on")
    ids: dict[str, UUID] = Field(description="the ids of what was acted on and created, by name")
    events: list[str] = Field(description="the topics of what was recorded")
    state: str | None = Field(description="its state; what the version is of, the state is of")
    number: str | None = Field(description="the case number, where there is one")
    identity: Revealed | None = Field(None, description="who reported, where that was unmasked")

    @classmethod
    def of(cls, done: Done, identity: Revealed | None = None) -> "Answer":
        """The public face of what the desk answered."""
        return cls(
            position=done.position, version=done.version, ids=done.ids, events=list(done.events), state=done.state,
            number=done.number, identity=identity,
        )  # fmt: skip


PLACES = {"report": "reports", "case": "cases", "whistle": "whistles", "response": "responses", "person": "people"}
"""What can be created → the collection it is found in."""


def router_of(tag: str, rows: Sequence[Row]) -> APIRouter:
    """The router of one visible table of rows."""
    router = APIRouter(tags=[tag], route_class=CommandRoute)
    for row in rows:
        router.add_api_route(
            row.path,
            _endpoint(row),
            methods=[row.method],
            name=row.command,
            operation_id=row.command,
            summary=_summary(row),
            status_code=row.status,
            response_model=Answer,
            responses=_responses(row),
            openapi_extra={"parameters": _parameters(row)},
        )
    return router


def command_id(actor: UUID, key: str | None) -> UUID:
    """The command's id from its idempotency key; each actor has keys of their own. 400 without a usable key."""
    if not key or not KEY.fullmatch(key):
        detail = (
            f"Send an Idempotency-Key of 1 to {KEY_LENGTH_MAX} visible ASCII characters, such as a new UUID, "
            "and the same one again when you retry."
        )
        raise ApiProblem(400, detail, "IDEMPOTENCY_KEY_REQUIRED")
    return uuid5(KEYS, f"{actor}\n{key}")


def expected_version(if_match: str | None) -> int | None:
    """The version that the caller saw, from `If-Match: "<version>"`; None for `*`, which is any.

    428 without the header, 400 where it cannot be read.
    """
    if if_match is None:
        detail = 'Read it first and send the version that you saw: If-Match: "<version>", or * for any.'
        raise ApiProblem(428, detail)
    if if_match.strip() == ANY_VERSION:
        return None
    found = ETAG.fullmatch(if_match.strip())
    if not found:
        detail = 'If-Match takes one version in quotes, as in "3", or * for any.'
        raise ApiProblem(400, detail)
    return int(found[1])


class CommandRoute(DirectRoute):
    """A route that gives its endpoint what that declares: in one thread, and in the order in which it is refused.

    First who asks, then which header is missing, then what is wrong with the body. The framework would parse the body
    before all of that, change threads three times, and look at the answer again before it was written.
    """

    def handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """What answers a request."""
        endpoint, on_something, arguments = self.endpoint, "{id}" in self.path, COMMANDS[self.name].arguments

        def answer(request: Request, credentials: HTTPAuthorizationCredentials | None, raw: bytes) -> Response:
            who = caller(request, credentials)
            given: dict[str, Any] = {"request": request, "deps": request.app.state.deps, "who": who}
            command_id(who.actor.person, request.headers.get("idempotency-key"))
            if on_something:
                expected_version(request.headers.get("if-match"))
                given["target"] = _target(request.path_params["id"])
            return cast("Response", endpoint(**given, body=_body(arguments, request.headers.get("content-type"), raw)))

        async def handled(request: Request) -> Response:
            try:
                raw = await request.body()
            except ClientDisconnect:
                raise HTTPException(HTTPStatus.BAD_REQUEST) from None
            return await run_in_threadpool(answer, request, await bearer(request), raw)

        return handled


def _target(named: str) -> UUID:
    try:
        return UUID_OF_PATH.validate_strings(named)
    except ValidationError as invalid:
        raise _refused(invalid, "path", "id") from None


def _body(arguments: type[Arguments], content_type: str | None, raw: bytes) -> Arguments:
    """Read the body by JSON's own types: no number for a truth, no text for a number, no number for a time.

    Whoever relies on conversions between them has most likely mixed up two fields.
    """
    if not raw:
        # A command without arguments may come without a body.
        if arguments is Nothing:
            return Nothing()
        raise RequestValidationError([{"type": "missing", "loc": ("body",), "msg": "Field required"}])
    if not JSON_TYPE.match(content_type or ""):
        said = "Send JSON, and say so: 'Content-Type: application/json'"
        raise RequestValidationError([{"type": "content_type", "loc": ("body",), "msg": said}])
    try:
        return arguments.model_validate_json(raw, strict=True)
    except ValidationError as invalid:
        raise _refused(invalid, "body") from None


def _refused(invalid: ValidationError, *where: str) -> RequestValidationError:
    return RequestValidationError([{**error, "loc": (*where, *error["loc"])} for error in invalid.errors()])


def _endpoint(row: Row) -> Callable[..., Response]:
    command = COMMANDS[row.command]
    examples: dict[str, Example] = {"example": {"summary": _summary(row), "value": EXAMPLES[row.command]}}
    given = (
        Body(Nothing(), openapi_examples=examples) if command.arguments is Nothing else Body(openapi_examples=examples)
    )
    if command.target is Target.NOTHING:

        def create(request: Request, deps: Parts, who: Caller, body: Any = given) -> Response:
            return _do(row, None, body, request, deps, who)

        endpoint: Callable[..., Response] = create
    else:

        def act(
            target: Annotated[UUID, Path(alias="id")], request: Request, deps: Parts, who: Caller, body: Any = given
        ) -> Response:
            return _do(row, target, body, request, deps, who)

        endpoint = act
    endpoint.__annotations__["body"] = command.arguments
    endpoint.__doc__ = command.arguments.__doc__
    return endpoint


def _do(row: Row, target: UUID | None, body: Arguments, request: Request, deps: Deps, who: Identity) -> Response:
    """Ask the desk once, and answer."""
    request.state.command = row.command
    key = command_id(who.actor.person, request.headers.get("idempotency-key"))
    expected = None if target is None else expected_version(request.headers.get("if-match"))
    done = patiently(
        request,
        deps,
        lambda: deps.desk.do(row.command, target, body, who.actor, command_id=key, expected_version=expected),
    )
    headers = {"ETag": f'"{done.version}"', "X-Log-Position": str(done.position)}
    if location := _location(row, done):
        headers["Location"] = location
    answer = Answer.of(done, _revealed(deps, done) if row.command == UNMASK else None)
    return Response(answer.model_dump_json(), row.status, headers, "application/json")


def _revealed(deps: Deps, done: Done) -> Revealed:
    """The identity, which is shown once its unmasking is recorded, and kept nowhere but in the vault."""
    person = deps.vault.reveal(done.ids["person"])
    return Revealed(name=person.name, phone=person.phone)


def _location(row: Row, done: Done) -> str | None:
    """Where the created thing is found. Responses are keyed "response/<department>" in what the desk answers."""
    if row.creates is None:
        return None
    found = next((found for name, found in done.ids.items() if name.split("/")[0] == row.creates), None)
    return f"{PREFIX}/{PLACES[row.creates]}/{found}" if found else None


def _summary(row: Row) -> str:
    """The trade's own word where the arguments know it, else the command's name in words."""
    return row.command.replace("_", " ").capitalize()


def _responses(row: Row) -> dict[int | str, dict[str, Any]]:
    """What every command may answer, with the headers that a success carries."""
    said = declared(400, 401, 403, 404, 409, 413, 422, 429, 500, 503, 507)
    if COMMANDS[row.command].target is not Target.NOTHING:
        said |= declared(412, 428)
    headers = {"ETag": _header("the version in the answer"), "X-Log-Position": _header("for Prefer: wait")}
    if row.creates:
        headers["Location"] = _header("what was created")
    said[row.status] = {"description": "Done, and recorded.", "headers": headers}
    return said


def _header(what: str) -> dict[str, Any]:
    return {"description": what, "schema": {"type": "string"}}


def _parameters(row: Row) -> list[dict[str, Any]]:
    """The headers that a command needs; they are read by hand, because their absence has statuses of its own."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "Any unique text, best a UUID. The same key with the same body gets the first answer again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH_MAX, "pattern": "^[!-~]+$"},
        "example": "0b8f3c52-6a7e-4b39-9f0c-0a4f3e0c7d11",
    }
    match = {
        "name": "If-Match",
        "in": "header",
        "required": True,
        "description": 'The version that was seen, as in "3"; or * for any.',
        "schema": {"type": "string", "pattern": ETAG_PATTERN},
        "example": '"1"',
    }
    return [key] if COMMANDS[row.command].target is Target.NOTHING else [key, match]
