"""Statistics 统计: asking the timeliness view. Rates, ranks and periods; a zero denominator is no rate, never 0 %.

What came after a month was frozen is never mixed into its figures: it stands beside them as an adjustment.
"""

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, partial
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, cast, false, func, null, select, true, union_all

from projections.asking import Ready
from projections.indicators import CLOSED_CASES, DIMENSIONS, INDICATORS, TENTHS
from projections.posting import COARSE, INDICATOR_COUNTS
from projections.tables import Counter

Scope = Mapping[str, Any]
"""{"all": True}, {"department": code} or {"street_prefix": a division's code}; anything else sees nothing."""

EVERYTHING: Scope = {"all": True}

SCORE = "average_score"
"""The indicator that is an average and no rate."""

SCOPES = {"department": "department", "street": "street_prefix"}
"""Dimension → the scope that keeps a reader to some of its values."""

PERIODS: dict[str, Callable[[date], str]] = {
    "day": date.isoformat,
    "week": lambda day: f"{day.isocalendar().year}-W{day.isocalendar().week:02d}",
    "month": lambda day: f"{day:%Y-%m}",
    "quarter": lambda day: f"{day.year}-Q{(day.month + 2) // 3}",
    "year": lambda day: f"{day.year}",
}
"""By which periods figures may be told apart; weeks are those of ISO 8601."""

GROUPINGS = (*PERIODS, *DIMENSIONS)
"""All by which figures may be grouped."""


class Figure(NamedTuple):
    """One indicator for one group. `numerator` and `denominator` are as frozen; adjustments came later.

    `rate` is numerator over denominator as frozen, `adjusted` with the adjustments; None over nothing. For
    `average_score` the numerator is a sum of scores and the rate their average.
    """

    group: dict[str, str]
    indicator: str
    numerator: float
    denominator: int
    adjustment_numerator: float = 0
    adjustment_denominator: int = 0

    @property
    def rate(self) -> float | None:
        """As frozen."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def adjusted(self) -> float | None:
        """With what came later."""
        denominator = self.denominator + self.adjustment_denominator
        return (self.numerator + self.adjustment_numerator) / denominator if denominator else None


@dataclass(frozen=True)
class Rank:
    """A place in a ranking; those who tie share it, and the next place counts them all (1, 2, 2, 4)."""

    rank: int
    name: str
    average: float
    evaluations: int


def indicators(
    db: Connection,
    *,
    since: date | None = None,
    through: date | None = None,
    by: Sequence[str] = (),
    filters: Mapping[str, str] | None = None,
    names: Iterable[str] | None = None,
    scope: Scope = EVERYTHING,
) -> list[Figure]:
    """Figures of the days from `since` through `through`, both included, grouped by `by` (see GROUPINGS).

    Groups are in order, and each has all indicators of `names` (by default all there are), also those over nothing.
    Raises ValueError for a grouping, filter or indicator that does not exist.
    """
    names = tuple(INDICATORS if names is None else names)
    filters = filters or {}
    _known("grouping", by, GROUPINGS)
    _known("filter", filters, DIMENSIONS)
    _known("indicator", names, INDICATORS)
    sums: dict[tuple[str, ...], dict[str, list[int]]] = {} if by else {(): {}}
    periods = [each for each in by if each in PERIODS]
    query = _query(since, through, tuple(by), tuple(filters.items()), names, tuple(scope.items()))
    for indicator, adjustment, *kept, numerator, denominator in query.rows(db):
        counted = sums.setdefault(_group(by, kept) if periods else tuple(kept), {})
        there = counted.get(indicator)
        if there is None:
            there = counted[indicator] = [0, 0, 0, 0]
        first = 2 if adjustment else 0
        there[first] += numerator
        there[first + 1] += denominator
    figures: list[Figure] = []
    for key in sorted(sums):
        group, counted = dict(zip(by, key, strict=True)), sums[key]
        figures += [_figure(group, name, counted.get(name, NOTHING)) for name in names]
    return figures


NOTHING = (0, 0, 0, 0)
"""The sums of an indicator of which nothing was counted."""


def _group(by: Sequence[str], kept: Sequence[str]) -> tuple[str, ...]:
    """The group of a row that keeps its dimensions in the order of `by`, and then its day, or month."""
    *dimensions, last = kept
    day, values = date.fromisoformat(last if len(last) > len("2026-03") else f"{last}-01"), iter(dimensions)
    return tuple(PERIODS[each](day) if each in PERIODS else next(values) for each in by)


@dataclass(frozen=True)
class Volumes:
    """How many reports were made, cases filed and cases closed; what was withdrawn, merged or cancelled is not."""

    reported: int
    filed: int
    closed: int


VOLUMES = ("valid_report_rate", "whistle_rate", CLOSED_CASES)
"""What the volumes are the denominators of, in their order."""


def ranking(
    db: Connection,
    *,
    at_least: int,
    by: str = "department",
    since: date | None = None,
    through: date | None = None,
    filters: Mapping[str, str] | None = None,
    scope: Scope = EVERYTHING,
) -> list[Rank]:
    """Rank departments (or another dimension) by their average score, adjustments included; see `ranked`."""
    figures = indicators(db, since=since, through=through, by=(by,), filters=filters, names=(SCORE,), scope=scope)
    scores = {
        figure.group[by]: (
            round((figure.numerator + figure.adjustment_numerator) * TENTHS),
            figure.denominator + figure.adjustment_denominator,
        )
        for figure in figures
    }
    return ranked(scores, at_least=at_least)


def ranked(scores: Mapping[str, tuple[int, int]], *, at_least: int) -> list[Rank]:
    """The ranking of these names by the average of their scores, given as a sum of tenths and how many they are.

    Only who has `at_least` final evaluations is ranked. Averages that are equal as fractions tie.
    """
    scored = [
        (name, tenths, evaluations)
        for name, (tenths, evaluations) in scores.items()
        if name and evaluations >= at_least
    ]
    scored.sort(key=lambda each: (-each[1] / each[2], each[0]))
    ranks: list[Rank] = []
    for place, (name, tenths, evaluations) in enumerate(scored, start=1):
        # One division of whole numbers, so that equal fractions give equal averages.
        average = tenths / (TENTHS * evaluations)
        tied = ranks and ranks[-1].average == average
        ranks.append(Rank(ranks[-1].rank if tied else place, name, average, evaluations))
    return ranks


Sums = dict[str, dict[str, tuple[int, int]]]
"""By group and indicator, numerator and denominator; the numerator of `average_score` is a sum of tenths."""


class DayAndMonth(NamedTuple):
    """What a day brought, and the sums of its month."""

    day: Volumes
    month: Sums


def day_and_month(
    db: Connection, day: date, *, by: str, names: tuple[str, ...], scope: Scope = EVERYTHING
) -> DayAndMonth:
    """What a day brought, and what `indicators` says of its month by one dimension, in one question.

    A department is told of the cases that it leads; a report has no department yet. The month's sums are with the
    adjustments, and without what nothing was counted for: a dashboard asks for a hundred departments at a time, and
    three of four figures would be over nothing. Raises ValueError for a dimension that does not exist.
    """
    _known("dimension", (by,), DIMENSIONS)
    brought: dict[str, int] = dict.fromkeys(VOLUMES, 0)
    month: Sums = {}
    for indicator, group, numerator, denominator in _of_both(day, by, names, tuple(scope.items())).rows(db):
        if group is None:
            brought[indicator] = denominator
        else:
            month.setdefault(group, {})[indicator] = numerator, denominator
    return DayAndMonth(Volumes(*brought.values()), month)


def together(found: Sums) -> dict[str, tuple[int, int]]:
    """The sums of all groups as those of one."""
    every: dict[str, tuple[int, int]] = {}
    for own in found.values():
        for indicator, (numerator, denominator) in own.items():
            before = every.get(indicator, (0, 0))
            every[indicator] = before[0] + numerator, before[1] + denominator
    return every


QUERIES_KEPT = 1000
"""So many questions are kept ready; putting one together takes as long as asking it."""


@lru_cache(maxsize=QUERIES_KEPT)
def _query(*asked: Any) -> Ready:
    """The sums that `_sums` asks for with these."""
    return Ready(partial(_sums, *asked))


def _sums(
    since: date | None,
    through: date | None,
    by: tuple[str, ...],
    filters: tuple[tuple[str, str], ...],
    names: tuple[str, ...],
    scoped: tuple[tuple[str, Any], ...],
    *,
    apart: bool = True,
) -> Any:
    """The question; `apart` says whether what came after a month was frozen is told apart."""
    scope, asked = dict(scoped), dict(filters)
    table = coarsest(by, asked, scope, _by_month(since, through, by))
    column = table.table.c
    time, digits = (column.day, len("2026-03-02")) if "day" in table.columns else (column.month, len("2026-03"))
    kept = [column.indicator, *([column.adjustment] if apart else ())]
    kept += [column[each] for each in by if each in DIMENSIONS]
    if any(each in PERIODS for each in by):
        kept.append(time)
    # PostgreSQL adds whole numbers up to a decimal, so that the sum is said to be whole.
    sums = (cast(func.sum(each), BigInteger).label(each.name) for each in (column.numerator, column.denominator))
    query = select(*kept, *sums)
    query = query.where(column.indicator.in_(names), _within(column, scope))
    if since is not None:
        query = query.where(time >= since.isoformat()[:digits])
    if through is not None:
        query = query.where(time <= through.isoformat()[:digits])
    for name, value in asked.items():
        query = query.where(column[name] == value)
    return query.group_by(*kept)


@lru_cache(maxsize=QUERIES_KEPT)
def _of_both(day: date, by: str, names: tuple[str, ...], scoped: tuple[tuple[str, Any], ...]) -> Ready:
    """A day's volumes, under no group, and the sums of its month by group."""
    return Ready(partial(_both, day, by, names, scoped))


def _both(day: date, by: str, names: tuple[str, ...], scoped: tuple[tuple[str, Any], ...]) -> Any:
    last = day.replace(day=monthrange(day.year, day.month)[1])
    brought = _sums(day, day, (), (), VOLUMES, scoped, apart=False).subquery().c
    month = _sums(day.replace(day=1), last, (by,), (), names, scoped, apart=False)
    return union_all(select(brought.indicator, null(), brought.numerator, brought.denominator), month)


def _by_month(since: date | None, through: date | None, by: Iterable[str]) -> bool:
    """Whether whole months are asked for, and nothing shorter is told apart."""
    begins = since is None or since.day == 1
    ends = through is None or through.day == monthrange(through.year, through.month)[1]
    return begins and ends and not {"day", "week"} & set(by)


def coarsest(by: Iterable[str], filters: Iterable[str], scope: Scope, by_month: bool) -> Counter:  # noqa: FBT001
    """The smallest table that can tell apart what is asked for; `by_month` says that months are fine enough."""
    scoped = [name for name, key in SCOPES.items() if scope.get(key) is not None]
    needed = {*scoped, *filters, *(each for each in by if each in DIMENSIONS), *(() if by_month else ("day",))}
    return next((table for table in COARSE if needed <= set(table.columns)), INDICATOR_COUNTS)


def _within(column: Any, scope: Scope) -> ColumnElement[bool]:
    """No statistic is about a single person, so a person's scope sees none."""
    if scope.get("all"):
        return true()
    if (code := scope.get("department")) is not None:
        own: ColumnElement[bool] = column.department == code
        return own
    if (prefix := scope.get("street_prefix")) is not None:
        inside: ColumnElement[bool] = column.street.startswith(prefix, autoescape=True)
        return inside
    return false()


def _figure(group: dict[str, str], name: str, sums: Sequence[int]) -> Figure:
    numerator, denominator, later_numerator, later_denominator = sums
    if name == SCORE:
        return Figure(group, name, numerator / TENTHS, denominator, later_numerator / TENTHS, later_denominator)
    return Figure(group, name, numerator, denominator, later_numerator, later_denominator)


def _known(what: str, given: Iterable[str], known: Sequence[str]) -> None:
    for each in given:
        if each not in known:
            msg = f"there is no {what} {each!r}; there are {', '.join(known)}"
            raise ValueError(msg)
