"""What a client needs before it can begin: who it is, and the city's items, departments and streets to pick from."""

from datetime import datetime

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from api.identity import Caller, Parts, caller
from api.problems import declared
from domain.policy.deadlines import Urgency, WhistleKind
from domain.registry.organisations import Organisation, OrganisationKind

__all__ = ["router"]

router = APIRouter(tags=["house"])


class Me(BaseModel):
    """The actor behind the token."""

    person: str
    name: str
    role: str
    organisation: Organisation


class PickedItem(BaseModel):
    """An item of the catalogue; `in_every_list` says that every street may handle it itself."""

    code: str
    name: str
    photo_required: bool
    in_every_list: bool


class Pickers(BaseModel):
    """What forms pick from, by the rules in force at `at`."""

    at: datetime
    policy: str
    catalogue: str
    rubric: str
    zone: str
    items: list[PickedItem]
    departments: list[Organisation]
    streets: list[Organisation]
    urgencies: list[Urgency]
    whistle_kinds: list[WhistleKind]


@router.get("/me", operation_id="me", summary="Who I am", responses=declared(401, 429, 500))
def me(deps: Parts, who: Caller) -> Me:
    """The actor that the token stands for."""
    actor = who.actor
    organisation = deps.city.get(actor.organisation)
    return Me(person=str(actor.person), name=who.name, role=actor.role, organisation=organisation)


@router.get(
    "/policy",
    operation_id="policy",
    summary="What forms pick from",
    dependencies=[Depends(caller)],
    responses=declared(401, 429, 500),
)
def policy(deps: Parts) -> Pickers:
    """Items, departments and streets, by the rules in force now. It holds no personal data, so every role reads it."""
    now = deps.clock.now()
    catalogue = deps.rules.catalogue(now)
    items = [
        PickedItem(
            code=item.code,
            name=item.name,
            photo_required=item.photo_required,
            in_every_list=catalogue.in_list(item, None),
        )
        for item in catalogue.items
    ]
    return Pickers(
        at=now,
        policy=deps.rules.policy(now).version,
        catalogue=catalogue.version,
        rubric=deps.rules.rubric(now).version,
        zone=deps.city.zone,
        items=items,
        departments=list(deps.city.of_kind(OrganisationKind.DEPARTMENT)),
        streets=list(deps.city.of_kind(OrganisationKind.STREET)),
        urgencies=list(Urgency),
        whistle_kinds=list(WhistleKind),
    )
