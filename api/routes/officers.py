"""An officer on the register: certificates, postings, scores. Officers act in public office; no citizen is here."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel

from api.deps import Deps
from api.identity import Caller, Parts
from api.problems import declared
from api.read_route import known_parameters
from desk.actors import Actor, Role
from domain.errors import NotPermitted, Unknown
from domain.registry.people import Certificate, Person, Posting

__all__ = ["router"]

router = APIRouter(tags=["people"], dependencies=[Depends(known_parameters)])

REGISTRARS = frozenset({Role.ADMIN, Role.ORGANISATION_DEPT, Role.SUPERVISION, Role.AUDITOR})
"""Roles that read the whole register."""


class Score(BaseModel):
    """A year's score out of 100; of a street, where it names one."""

    year: int
    street: str | None = None
    score: float


class Officer(BaseModel):
    """An officer as the register has it; `version` is what the next command must name in If-Match."""

    id: UUID
    version: int
    name: str
    organisation: str
    certificates: list[Certificate]
    postings: list[Posting]
    street_scores: list[Score]
    home_scores: list[Score]
    assessments: list[Score]


@router.get(
    "/people/{id}",
    operation_id="officer",
    summary="An officer",
    responses=declared(401, 403, 404, 422, 429, 500),
)
def officer(target: Annotated[UUID, Path(alias="id")], response: Response, deps: Parts, who: Caller) -> Officer:
    """The officer, for the register's keepers, the own organisation, and a street that the officer was posted to."""
    person = deps.log.load(Person, target)
    if person is None:
        _may_look(deps, who.actor, None)
        raise Unknown(f"There is no officer {target} on the register.", id=str(target))
    _may_look(deps, who.actor, person)
    response.headers["ETag"] = f'"{person.version}"'
    return Officer(
        id=person.id,
        version=person.version,
        name=person.name,
        organisation=person.organisation,
        certificates=person.certificates,
        postings=person.postings,
        street_scores=[
            Score(year=year, street=street, score=score) for (year, street), score in person.street_scores.items()
        ],
        home_scores=[Score(year=year, score=score) for year, score in person.home_scores.items()],
        assessments=[Score(year=year, score=score) for year, score in person.assessments.items()],
    )


def _may_look(deps: Deps, actor: Actor, person: Person | None) -> None:
    if actor.role in REGISTRARS:
        return
    own = deps.city.get(actor.organisation)
    if person is not None and person.organisation == own.code:
        return
    if person is not None and own.division in {posting.street for posting in person.postings}:
        return
    raise NotPermitted(f"The role {actor.role.value} of {own.name} does not read this officer's record.")
