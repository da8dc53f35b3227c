"""Timeliness: every indicator, by whatever it may be grouped by, and the ranking of departments."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from api.identity import Parts
from api.problems import declared
from api.read_route import ReadRoute
from api.reading import Day, Reader, by_code, one_of
from api.sight import must_see_outcomes, statistical
from projections.indicators import DIMENSIONS, INDICATORS
from projections.statistics import GROUPINGS, indicators, ranking

__all__ = ["router"]

router = APIRouter(tags=["views"], route_class=ReadRoute)

Grouping: Any = one_of(GROUPINGS)
Dimension: Any = one_of(DIMENSIONS)
Indicator: Any = one_of(INDICATORS)
Text = Annotated[str | None, Query(max_length=100)]


class Figure(BaseModel):
    """One indicator of one group. The rate is null over nothing; what came after the month was frozen stands apart.

    Numerators are counts, but for the average score, where they are sums of scores.
    """

    group: dict[str, str]
    indicator: str
    numerator: int | float
    denominator: int
    rate: float | None
    adjustment_numerator: int | float
    adjustment_denominator: int
    adjusted: float | None


class Figures(BaseModel):
    """Figures in the order of their groups."""

    items: list[Figure]


class Place(BaseModel):
    """A place in the ranking; those who tie share it."""

    rank: int
    name: str
    average: float
    evaluations: int


class Places(BaseModel):
    """The ranking, best first."""

    items: list[Place]


class Asked(BaseModel):
    """Days from `since` through `through`, both included, and what to keep to."""

    since: Day | None = None
    through: Day | None = None
    department: Text = None
    street: Text = None
    community: Text = None
    grid: Text = None
    item: Text = None
    kind: Text = None

    @property
    def filters(self) -> dict[str, str]:
        """The dimensions that were named."""
        return self.model_dump(include=set(DIMENSIONS), exclude_none=True)


@router.get(
    "/timeliness",
    operation_id="timeliness",
    summary="How many were on time",
    responses=declared(401, 403, 422, 429, 500),
    response_model=Figures,
)
def timeliness(
    deps: Parts,
    who: Reader,
    asked: Annotated[Asked, Query()],
    by: Annotated[list[Grouping] | None, Query(max_length=3)] = None,
    indicator: Annotated[list[Indicator] | None, Query(max_length=50)] = None,
) -> dict[str, Any]:
    """The indicators within the caller's scope, grouped by periods and dimensions; who has none is in no group."""
    reader, filters = must_see_outcomes(deps, who.actor), by_code(asked.filters, deps.city)
    with deps.views.reading() as db:
        found = indicators(
            db, since=asked.since, through=asked.through, by=tuple(dict.fromkeys(by or ())), filters=filters,
            names=indicator, scope=statistical(deps, reader),
        )  # fmt: skip
    # What has no department, such as a report, makes a group without a name: it is nobody's, and is left out.
    named = (figure for figure in found if all(figure.group.values()))
    return {"items": [{**each._asdict(), "rate": each.rate, "adjusted": each.adjusted} for each in named]}


@router.get(
    "/timeliness/ranking",
    operation_id="ranking",
    summary="Who scores best",
    responses=declared(401, 403, 422, 429, 500),
)
def ranks(deps: Parts, who: Reader, asked: Annotated[Asked, Query()], by: Dimension = "department") -> Places:
    """Departments, or another dimension, by average score; only who has enough final evaluations is ranked."""
    reader, filters = must_see_outcomes(deps, who.actor), by_code(asked.filters, deps.city)
    at_least = deps.rules.policy(deps.clock.now()).ranking_min_evaluations
    with deps.views.reading() as db:
        found = ranking(
            db, at_least=at_least, by=by, since=asked.since, through=asked.through, filters=filters,
            scope=statistical(deps, reader),
        )  # fmt: skip
    return Places(items=[Place.model_validate(place, from_attributes=True) for place in found])
