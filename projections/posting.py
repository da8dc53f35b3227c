"""Posting for the timeliness view: its tables, and how what a subject counts for gets into the counters.

A subject's document changes with every event, but only what it comes to is posted: once for each write, the difference
to what was posted before. Nothing is lost by waiting. What counts is a sum, so the differences in between would cancel,
as long as they went to the same rows; and they do until a month is frozen, since what comes after that is counted
apart. Whatever waits is therefore posted before a change from beyond such a moment is made.
"""

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, String, Text

from projections.events import Event
from projections.indicators import Contribution, Dimensions, contributions
from projections.rows import Key, Rows
from projections.tables import Counter, Entity, Row
from projections.times import QUARTER, local_day
from projections.timing import Timing

SUBJECTS = Entity(
    "timeliness_3_subjects",
    Column("id", String(36), primary_key=True),
    Column("document", Text),
    documents=("document",),
)


def _coarse(name: str, time: str, place: str) -> Counter:
    """The figures by a day or month, and a department or street."""
    return Counter(
        name,
        Column("indicator", Text, primary_key=True),
        Column(time, TIMES[time], primary_key=True),
        Column(place, Text, primary_key=True),
        Column("adjustment", Boolean, primary_key=True),
        Column("numerator", BigInteger),
        Column("denominator", BigInteger),
    )


TIMES = {"day": String(10), "month": String(7)}
"""How a day and a month are written: YYYY-MM-DD and YYYY-MM."""

BY_DEPARTMENT_MONTH = _coarse("timeliness_3_departments_by_month", "month", "department")
BY_STREET_MONTH = _coarse("timeliness_3_streets_by_month", "month", "street")
BY_DEPARTMENT = _coarse("timeliness_3_departments", "day", "department")
BY_STREET = _coarse("timeliness_3_streets", "day", "street")
COARSE = (BY_DEPARTMENT_MONTH, BY_STREET_MONTH, BY_DEPARTMENT, BY_STREET)
"""The figures in coarse, the coarsest first: a busy month of a city at the finest grain, and even by day, is too much
to be summed for a dashboard.
"""

INDICATOR_COUNTS = Counter(
    "timeliness_3",
    Column("indicator", Text, primary_key=True),
    Column("day", TIMES["day"], primary_key=True),
    Column("department", Text, primary_key=True),
    Column("street", Text, primary_key=True),
    Column("community", Text, primary_key=True),
    Column("grid", Text, primary_key=True),
    Column("item", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("adjustment", Boolean, primary_key=True),
    Column("month", TIMES["month"], primary_key=True),
    Column("numerator", BigInteger),
    Column("denominator", BigInteger),
    coarser=COARSE,
)
"""`day` is the local day as YYYY-MM-DD, `month` the same without the day; `adjustment` tells apart what came after the
month was frozen.
"""

WAITING = "waiting!"
"""The private key of a subject's row under which stands in which span it was changed, until that is posted."""

POSTED = "posted!"
"""The private key under which stands what was posted for it last."""

MONTHS = 12
"""No month freezes later than so many months after it."""

Posted = tuple[Dimensions, list[Contribution]]
"""Where a subject counts, and for what."""


def _posted(document: dict[str, Any]) -> Posted:
    dims = document["dims"]
    where = (dims["department"], dims["street"], dims["community"], dims["grid"], dims["item"], dims["kind"])
    return where, list(contributions(document))


class _Span:
    """The time between two freezes that follow each other: later than `since`, and `until` at the latest.

    `days` are, by the quarter of an hour of a moment that something counts on, its day, whether that day's month is
    frozen by then, and the month.
    """

    __slots__ = ("days", "since", "until")

    def __init__(self, since: int, until: int) -> None:
        self.since, self.until = since, until
        self.days: dict[int, tuple[str, bool, str]] = {}


class Posting:
    """Keeps the documents of subjects, and posts what they count for."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self._spans: list[_Span] = []
        self._now = _Span(0, 0)

    def begin(self, event: Event, rows: Rows, key: str, **document: Any) -> None:
        """A new subject."""
        row = rows.new(SUBJECTS, key, document=document)
        row[POSTED] = None
        row[WAITING] = self._span(event.at)

    def document(self, event: Event, rows: Rows, key: str) -> dict[str, Any] | None:
        """The document of a subject, to be changed in place; None for one that is not known, which counts nowhere.

        A value within it may belong to another subject's document too: replace it, and leave it as it is.
        """
        row = rows.edit(SUBJECTS, key)
        if row is None:
            return None
        span, waiting = self._span(event.at), row.get(WAITING)
        if waiting is not span:
            if waiting is not None:
                self.settle(row, rows)
            elif POSTED not in row:
                # Loaded anew. Everything that waited was posted when it was written.
                row[POSTED] = _posted(row["document"])
            row[WAITING] = span
        document: dict[str, Any] = row["document"]
        return document

    def settle(self, row: Row, rows: Rows) -> None:
        """Post what waits."""
        span: _Span | None = row.pop(WAITING, None)
        if span is None:
            return
        before, after = row[POSTED], _posted(row["document"])
        if before != after:
            counted = rows.counted(INDICATOR_COUNTS)
            if before is not None:
                self._post(counted, before, -1, span)
            self._post(counted, after, 1, span)
            row[POSTED] = after

    def _post(self, counted: dict[Key, list[int]], posted: Posted, sign: int, span: _Span) -> None:
        """Add what a subject counts for, or take it back, as something that happened in that span."""
        (department, street, community, grid, item, kind), contributed = posted
        days = span.days
        for indicator, at, numerator, denominator in contributed:
            found = days.get(at // QUARTER)
            if found is None:
                found = days[at // QUARTER] = self._day(at, span)
            day, late, month = found
            key = (indicator, day, department, street, community, grid, item, kind, late, month)
            amounts = counted.get(key)
            if amounts is None:
                counted[key] = [sign * numerator, sign * denominator]
            else:
                amounts[0] += sign * numerator
                amounts[1] += sign * denominator

    def _day(self, at: int, span: _Span) -> tuple[str, bool, str]:
        day = local_day(at, self.timing.zone)
        return day, self.timing.freezes_at(int(day[:4]), int(day[5:7])) <= span.since, day[:7]

    def _span(self, at: int) -> _Span:
        """The span in which a moment lies: one and the same object for all moments of it."""
        now = self._now
        if not now.since < at <= now.until:
            known = (span for span in self._spans if span.since < at <= span.until)
            now = self._now = next(known, None) or self._found(at)
        return now

    def _found(self, at: int) -> _Span:
        day = local_day(at, self.timing.zone)
        following = int(day[:4]) * 12 + int(day[5:7])  # months are counted from January as 0
        months = (divmod(following - back, 12) for back in range(MONTHS + 1))
        freezes = [self.timing.freezes_at(year, month + 1) for year, month in months]
        span = _Span(max(each for each in freezes if each < at), min(each for each in freezes if each >= at))
        self._spans.append(span)
        return span
