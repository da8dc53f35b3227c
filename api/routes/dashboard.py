"""The dashboard: what a command centre, a street or a department sees first."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.identity import Parts
from api.problems import declared
from api.read_route import ReadRoute
from api.reading import Reader
from api.routes.timeliness import Place
from api.scopes import STREET_DIGITS, in_scope
from api.sight import must_see_cases, must_see_outcomes, statistical
from projections import overview
from projections.asking import Ready
from projections.board import BOARD
from projections.inbox import INBOX
from projections.overview import Lights
from projections.statistics import SCORE, Sums, day_and_month, ranked, together
from projections.times import micros

__all__ = ["router"]

router = APIRouter(tags=["views"], route_class=ReadRoute)

RATES = (
    "filing_on_time_rate", "signature_on_time_rate", "arrival_on_time_rate", "disposal_on_time_rate",
    "closing_on_time_rate", "satisfaction_rate",
)  # fmt: skip
"""The rates that a dashboard shows; /timeliness has all."""

CITY_DIGITS, DISTRICT_DIGITS = 4, 6

SCOPES_KEPT = 1000
"""For so many scopes the questions are kept ready; putting one together takes as long as asking it."""


class Lit(BaseModel):
    """How many have a running clock, by its light: green, yellow after the warning moment, red after the due time.

    `name` is the code of a division or department.
    """

    name: str
    green: int
    yellow: int
    red: int


class Today(BaseModel):
    """What the day brought so far; what was withdrawn, merged or cancelled is not counted."""

    day: date
    reported: int
    filed: int
    closed: int


class Rates(BaseModel):
    """The month's rates of one division or department, as frozen and with adjustments; null over nothing."""

    name: str
    rates: dict[str, float | None]


class Month(BaseModel):
    """This month's figures: of all together, of each, and the ranking by average score."""

    month: str = Field(pattern=r"^\d{4}-\d{2}$")
    by: str = Field(description="department or street")
    all: dict[str, float | None]
    each: list[Rates]
    ranking: list[Place]


class Dashboard(BaseModel):
    """Everything at one moment. For a department, `matters` is empty: what waits for it stands in `responses`."""

    at: datetime
    matters: list[Lit]
    responses: list[Lit]
    today: Today
    month: Month


Told = dict[str, Any]
"""Plain values in the shape of one of the models here."""

EXAMPLE = {
    "at": "2022-12-14T01:40:00Z",
    "matters": [{"name": "220204", "green": 41, "yellow": 6, "red": 2}],
    "responses": [{"name": "2202-scjg", "green": 12, "yellow": 3, "red": 1}],
    "today": {"day": "2022-12-14", "reported": 64, "filed": 51, "closed": 38},
    "month": {
        "month": "2022-12",
        "by": "department",
        "all": {"arrival_on_time_rate": 0.97},
        "each": [{"name": "2202-scjg", "rates": {"arrival_on_time_rate": 0.98}}],
        "ranking": [{"rank": 1, "name": "2202-scjg", "average": 97.4, "evaluations": 210}],
    },
}


@router.get(
    "/dashboard",
    operation_id="dashboard",
    summary="What matters now",
    responses={200: {"content": {"application/json": {"example": EXAMPLE}}}, **declared(401, 403, 422, 429, 500)},
    response_model=Dashboard,
)
def dashboard(deps: Parts, who: Reader) -> Told:
    """What runs by light, what the day brought, and how the month stands, within the caller's scope.

    Matters are told by district in a city, and by street in a district or street; figures by department in a city, and
    by street below.
    """
    must_see_outcomes(deps, who.actor)
    reader = must_see_cases(deps, who.actor)
    now, scope = deps.clock.now(), statistical(deps, reader)
    day = now.astimezone(ZoneInfo(deps.city.zone)).date()
    by = "street" if scope.get("street_prefix") else "department"
    with deps.views.reading() as db:
        lights = overview.lights(db, _query(tuple(scope.items())), micros(now))
        figures = day_and_month(db, day, by=by, names=(*RATES, SCORE), scope=scope)
    at_least = deps.rules.policy(now).ranking_min_evaluations
    return {
        "at": now,
        "matters": _lit(lights.matters),
        "responses": _lit(lights.responses),
        "today": {"day": day.isoformat(), **vars(figures.day)},
        "month": _month(day, by, figures.month, at_least),
    }


@lru_cache(maxsize=SCOPES_KEPT)
def _query(scoped: tuple[tuple[str, Any], ...]) -> Ready:
    """What runs within a scope: the matters by district in a city, else by street; of a department none."""
    scope = dict(scoped)
    prefix = scope.get("street_prefix") or ""
    digits = DISTRICT_DIGITS if len(prefix) <= CITY_DIGITS else STREET_DIGITS
    matters = None if scope.get("department") is not None else partial(in_scope, BOARD, scope)
    return Ready(partial(overview.query, matters, partial(in_scope, INBOX, scope), digits))


def _lit(found: Mapping[str, Lights]) -> list[Told]:
    return [{"name": name, **vars(each)} for name, each in sorted(found.items())]


def _month(day: date, by: str, found: Sums, at_least: int) -> Told:
    places = ranked({name: own[SCORE] for name, own in found.items() if SCORE in own}, at_least=at_least)
    return {
        "month": f"{day:%Y-%m}",
        "by": by,
        "all": _rates(together(found)),
        # What has no department, such as a report, counts among all, and is nobody's.
        "each": [{"name": name, "rates": _rates(own)} for name, own in sorted(found.items()) if name],
        "ranking": [vars(place) for place in places],
    }


def _rates(own: Mapping[str, tuple[int, int]]) -> dict[str, float | None]:
    return {name: _rate(*own.get(name, (0, 0))) for name in RATES}


def _rate(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None
