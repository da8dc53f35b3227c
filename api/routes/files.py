"""The case file and its parts, and why a deadline is what it is."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from api.deps import Deps
from api.identity import Parts
from api.problems import declared
from api.read_route import ReadRoute
from api.reading import Reader, one_of
from api.sight import must_see, must_see_cases, seen_in, sees_everything
from desk.permissions import Sight
from domain.errors import NotPermitted, Unknown
from domain.kernel import case_of
from domain.policy.deadlines import Clock, Stage
from domain.policy.explain import Segment, explain
from projections import files

__all__ = ["router"]

router = APIRouter(tags=["views"], route_class=ReadRoute)

Collection: Any = one_of(("reports", "cases", "whistles", "responses", "evaluations", "interviews"))

IDENTITIES = ("reporter", "party")
"""Fields that hold the id of a person in the vault."""

NOT_KNOWN = {"name": "不详", "phone": None, "erased": False}
"""How somebody is shown whom the vault has never heard of, as after a restore without it."""

SAID = declared(401, 403, 404, 422, 429, 500)


class Part(BaseModel):
    """One stream of a case as it stands; `version` is what the next command about it must name in If-Match."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    aggregate: str
    version: int
    state: str
    clocks: dict[str, Clock]


Shown = dict[str, Any]
"""What the log says, as it is written there, in the shape of one of the models here."""


class CaseFile(BaseModel):
    """A case with all its parts that the reader may see."""

    case: Part
    reports: list[Part]
    whistles: list[Part]
    responses: list[Part]
    evaluations: list[Part]
    interviews: list[Part]


class ResponseFile(BaseModel):
    """A response with its evaluation and the interviews that it led to."""

    response: Part
    evaluation: Part | None
    interviews: list[Part]


class Why(BaseModel):
    """Why a deadline is what it is: the clock, and the segments counted, paused and moved behind its due time."""

    clock: Clock
    segments: list[Segment] = Field(description="what was counted and paused, by which rule, because of which event")


@router.get("/cases/{id}", operation_id="case_file", summary="A case file", responses=SAID, response_model=CaseFile)
def case_file(target: Annotated[UUID, Path(alias="id")], response: Response, deps: Parts, who: Reader) -> Shown:
    """The case with its reports, whistles, responses, evaluations and interviews. The ETag is the case's own."""
    parts = _parts(deps, who, target)
    case = _named(response, parts, target, "case")
    return {"case": case, **{f"{kind}s": _of(parts, kind) for kind in KINDS}}


KINDS = ("report", "whistle", "response", "evaluation", "interview")


@router.get("/reports/{id}", operation_id="report", summary="A report", responses=SAID, response_model=Part)
def report(target: Annotated[UUID, Path(alias="id")], response: Response, deps: Parts, who: Reader) -> Shown:
    """The report as it stands."""
    return _named(response, _parts(deps, who, target), target, "report")


@router.get("/whistles/{id}", operation_id="whistle", summary="A whistle", responses=SAID, response_model=Part)
def whistle(target: Annotated[UUID, Path(alias="id")], response: Response, deps: Parts, who: Reader) -> Shown:
    """The whistle as it stands."""
    return _named(response, _parts(deps, who, target), target, "whistle")


@router.get(
    "/responses/{id}", operation_id="response", summary="A response", responses=SAID, response_model=ResponseFile
)
def response_file(target: Annotated[UUID, Path(alias="id")], response: Response, deps: Parts, who: Reader) -> Shown:
    """The response with its evaluation and interviews, each with its own version. The ETag is the response's."""
    parts = _parts(deps, who, target)
    found = _named(response, parts, target, "response")
    mine = [part for part in parts if part.get("response") == str(target)]
    evaluation = next(iter(_of(mine, "evaluation")), None)
    return {"response": found, "evaluation": evaluation, "interviews": _of(mine, "interview")}


@router.get(
    "/{collection}/{id}/deadlines/{stage}/why",
    operation_id="why",
    summary="Why this deadline",
    responses=SAID,
)
def why(
    collection: Annotated[Collection, Path()],
    target: Annotated[UUID, Path(alias="id")],
    stage: Stage,
    deps: Parts,
    who: Reader,
) -> Why:
    """The clock as it stands, and every segment behind its due time, with the rule and the event behind each."""
    kind = collection.removesuffix("s")
    clocks = _only(_parts(deps, who, target), target, kind)["clocks"]
    if stage not in clocks:
        has = ", ".join(clocks) or "none"
        raise Unknown(f"The {kind} {target} has no clock for {stage}; it has {has}.", id=str(target))
    clock = Clock.model_validate(clocks[stage])
    return Why(clock=clock, segments=explain(clock, deps.rules.calendar_of(clock)))


def _named(response: Response, parts: Iterable[Shown], target: UUID, kind: str) -> Shown:
    """The part that was asked for, whose version becomes the answer's ETag."""
    part = _only(parts, target, kind)
    response.headers["ETag"] = f'"{part["version"]}"'
    return part


def _parts(deps: Deps, who: Reader, member: UUID) -> list[Shown]:
    """Every stream of the case that the reader may see, as it is shown; a merged report goes with the case.

    Raises Unknown where there is no such stream, NotPermitted where it lies outside the reader's scope.
    """
    reader = must_see_cases(deps, who.actor)
    if sees_everything(deps, reader):
        # Wherever the matter lies: the log alone can answer.
        found = _file(deps, member)
    else:
        with deps.views.glancing() as db:
            must_see(deps, db, who.actor, member)
            found = _seen_of(db, reader, member, _file(deps, member))
    return [_shown_part(deps, reader, part) for part in found]


def _file(deps: Deps, member: UUID) -> list[files.Part]:
    found = files.case_file(deps.log, member)
    if all(part.id != member for part in found):
        raise Unknown(f"There is no {member}.", id=str(member))
    return found


def _seen_of(db: Connection, reader: Sight, member: UUID, found: list[files.Part]) -> list[files.Part]:
    own = {str(part.id) for part in found if case_of(part.id) == case_of(member)}
    visible = seen_in(db, reader, own)
    return [part for part in found if str(part.id) in visible or str(part.id) not in own]


def _shown_part(deps: Deps, reader: Sight, part: files.Part) -> Shown:
    document = {"id": str(part.id), "aggregate": part.kind, "version": part.version, **part.document}
    for field in IDENTITIES:
        person = document.pop(field, None)
        # Who reported, or is complained about, is shown masked to those who call back, and to nobody else.
        if person is not None and reader.identities:
            document[field] = _shown_person(deps, person)
    return document


def _shown_person(deps: Deps, person: str) -> dict[str, Any]:
    """As much of a person as may be shown. Whatever became of the identity, the case itself can be read."""
    try:
        masked = deps.vault.masked(UUID(person))
    except Unknown:
        return NOT_KNOWN
    return {"name": masked.name, "phone": masked.phone, "erased": masked.erased}


def _of(parts: Iterable[Shown], kind: str) -> list[Shown]:
    return [part for part in parts if part["aggregate"] == kind]


def _only(parts: Iterable[Shown], target: UUID, kind: str) -> Shown:
    for part in parts:
        if part["id"] == str(target):
            if part["aggregate"] != kind:
                raise Unknown(f"{target} is a {part['aggregate']} and no {kind}.", id=str(target))
            return part
    raise NotPermitted(f"{target} lies outside what may be read.", id=str(target))
