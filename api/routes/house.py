"""What a client needs before it can begin: who it is, and the city's items, departments and streets to pick from."""

from datetime import datetime
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from api.identity import Caller, Parts
from api.problems import declared
from api.read_route import known_parameters
from domain.policy.calendar import CalendarAlert
from domain.policy.deadlines import Urgency, WhistleKind
from domain.registry.organisations import Organisation, OrganisationKind

__all__ = ["router"]

router = APIRouter(tags=["house"], dependencies=[Depends(known_parameters)])


class Me(BaseModel):
    """The actor behind the token; `label` is what the token was called when it was issued."""

    person: str
    label: str
    role: str
    organisation: Organisation


class PickedItem(BaseModel):
    """An item of the catalogue; `in_every_list` says that every street may handle it itself."""

    code: str
    name: str
    photo_required: bool
    in_every_list: bool


class Pickers(BaseModel):
    """What forms pick from, by the rules in force at `at`.

    `alerts` say of this year and the next where the calendar is missing or provisional: an admin sees to it.
    """

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
    alerts: list[CalendarAlert]


@router.get("/me", operation_id="me", summary="Who I am", responses=declared(401, 422, 429, 500))
def me(deps: Parts, who: Caller) -> Me:
    """The actor that the token stands for."""
    actor = who.actor
    organisation = deps.city.get(actor.organisation)
    return Me(person=str(actor.person), label=who.label, role=actor.role, organisation=organisation)


@router.get("/policy", operation_id="policy", summary="What forms pick from", responses=declared(401, 422, 429, 500))
def policy(deps: Parts) -> Pickers:
    """Items, departments and streets, by the rules in force now. It holds no personal data, so every role reads it."""
    now = deps.clock.now()
    year = now.astimezone(ZoneInfo(deps.city.zone)).year
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
        alerts=[alert for each in (year, year + 1) for alert in deps.rules.calendar_alerts(each)],
    )
