"""One function makes the endpoint of every command from one row: it parses, asks the desk once, and answers.

A row says method, path and command. Every command needs an `Idempotency-Key`; every command on something that exists
needs an `If-Match` with the version that was seen, or `*`.
"""

import re
from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Annotated, Any, NamedTuple
from uuid import UUID, uuid5

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.models import Example
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from starlette.exceptions import HTTPException

from api.deps import Deps
from api.examples import EXAMPLES
from api.identity import Caller, Identity, Parts, bearer, caller
from api.outages import patiently
from api.problems import ApiProblem, declared
from desk.arguments import Arguments, Nothing
from desk.commands import COMMANDS, Target
from desk.desk import Done
from desk.subjects import CREATES

__all__ = ["PREFIX", "Answer", "Row", "command_id", "expected_version", "router_of"]

KEYS = UUID("5a6d3e1c-8f0b-5c52-9d5e-1f6a6f0c7b11")
"""Namespace of the command ids that are derived from idempotency keys."""

KEY_LENGTH_MAX = 200
KEY = re.compile(rf"[!-~]{{1,{KEY_LENGTH_MAX}}}")
PREFIX = "/api/v1"
ETAG_PATTERN = r'^(\*|"[0-9]{1,9}")$'
ETAG = re.compile(r'"([0-9]{1,9})"')
ANY_VERSION = "*"

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
            status_code=201 if row.creates else 200,
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


class CommandRoute(APIRoute):
    """A route that says who may not ask, and which header is missing, before it says what is wrong with the body.

    The framework reads the body first. So where the body does not do, the headers are looked at before that is said.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The framework's handler, within the check."""
        handle = super().get_route_handler()
        on_something = "{id}" in self.path

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                await _admit(request, on_something=on_something)
                raise
            except HTTPException as unreadable:
                if unreadable.status_code == HTTPStatus.BAD_REQUEST:
                    await _admit(request, on_something=on_something)
                raise

        return handled


async def _admit(request: Request, *, on_something: bool) -> None:
    """Refuse a caller who is not known, and a command without the headers that it needs."""
    if not hasattr(request.state, "role"):
        await run_in_threadpool(caller, request, request.app.state.deps, await bearer(request))
    command_id(KEYS, request.headers.get("idempotency-key"))
    if on_something:
        expected_version(request.headers.get("if-match"))


async def raw_body(request: Request) -> bytes:
    """The body as it was sent; it has been read already, so this only hands it over."""
    return await request.body()


Raw = Annotated[bytes, Depends(raw_body)]


def _strictly(body: Arguments, raw: bytes) -> Arguments:
    """Read the body again, by JSON's own types: no number for a truth, no text for a number, no number for a time.

    The framework converts between them, and a client that relies on that has most likely mixed up two fields.
    """
    if not raw:
        return body
    try:
        return type(body).model_validate_json(raw, strict=True)
    except ValidationError as invalid:
        errors = [{**error, "loc": ("body", *error["loc"])} for error in invalid.errors()]
        raise RequestValidationError(errors) from None


def _endpoint(row: Row) -> Callable[..., Any]:
    command = COMMANDS[row.command]
    examples: dict[str, Example] = {"example": {"summary": _summary(row), "value": EXAMPLES[row.command]}}
    # A command without arguments may come without a body.
    given = (
        Body(Nothing(), openapi_examples=examples) if command.arguments is Nothing else Body(openapi_examples=examples)
    )
    if command.target is Target.NOTHING:

        def create(
            request: Request, response: Response, deps: Parts, who: Caller, raw: Raw, body: Any = given
        ) -> Answer:
            return _do(row, None, _strictly(body, raw), (request, response), deps, who)

        endpoint: Callable[..., Any] = create
    else:

        def act(
            target: Annotated[UUID, Path(alias="id")],
            request: Request,
            response: Response,
            deps: Parts,
            who: Caller,
            raw: Raw,
            body: Any = given,
        ) -> Answer:
            return _do(row, target, _strictly(body, raw), (request, response), deps, who)

        endpoint = act
    endpoint.__annotations__["body"] = command.arguments
    endpoint.__doc__ = command.arguments.__doc__
    return endpoint


def _do(
    row: Row, target: UUID | None, body: Arguments, exchange: tuple[Request, Response], deps: Deps, who: Identity
) -> Answer:
    """Parse what HTTP carries, ask the desk once, and answer."""
    request, response = exchange
    request.state.command = row.command
    key = command_id(who.actor.person, request.headers.get("idempotency-key"))
    expected = None if target is None else expected_version(request.headers.get("if-match"))
    done = patiently(
        request,
        deps,
        lambda: deps.desk.do(row.command, target, body, who.actor, command_id=key, expected_version=expected),
    )
    response.headers["ETag"] = f'"{done.version}"'
    response.headers["X-Log-Position"] = str(done.position)
    if location := _location(row, done):
        response.headers["Location"] = location
    return Answer.of(done, _revealed(deps, done) if row.command == UNMASK else None)


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
    said[201 if row.creates else 200] = {"description": "Done, and recorded.", "headers": headers}
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
