"""Asking for figures gives the same on both databases, and from each table that can tell them."""

from calendar import monthrange
from datetime import date
from typing import Any

import pytest

from bench.histories import MemoryLog, interleaved
from projections import statistics
from projections.indicators import INDICATORS, TENTHS
from projections.posting import (
    BY_DEPARTMENT,
    BY_DEPARTMENT_MONTH,
    BY_STREET,
    BY_STREET_MONTH,
    INDICATOR_COUNTS,
)
from projections.projector import Projector
from projections.statistics import SCORE, day_and_month, indicators
from projections.storage import ViewStore
from tests.projections.conftest import LEAD, SUPPORT
from tests.projections.kit import VIEWS, folded


def test_a_day_and_its_month_are_what_the_figures_say(store: ViewStore) -> None:
    Projector(MemoryLog(list(interleaved(900, seed=7, open_cases=30))), store, VIEWS).catch_up()
    with store.reading() as db:
        days = indicators(db, by=("day",), names=("valid_report_rate", "whistle_rate"))
        day = date.fromisoformat(max(days, key=lambda figure: figure.denominator).group["day"])
        last = monthrange(day.year, day.month)[1]
        found = day_and_month(db, day, by="department", names=tuple(INDICATORS))
        figures = indicators(db, since=day.replace(day=1), through=day.replace(day=last), by=("department",))
        brought = {figure.indicator: figure.denominator for figure in indicators(db, since=day, through=day)}

    assert (found.day.reported, found.day.filed) == (brought["valid_report_rate"], brought["whistle_rate"])
    assert found.day.reported > 0
    told = {
        (figure.group["department"], figure.indicator): (
            figure.numerator + figure.adjustment_numerator, figure.denominator + figure.adjustment_denominator,
        )
        for figure in figures
        if any(figure[2:])
    }  # fmt: skip
    assert told == {
        (group, name): (numerator / TENTHS if name == SCORE else numerator, denominator)
        for group, own in found.month.items()
        for name, (numerator, denominator) in own.items()
    }


@pytest.mark.parametrize(
    ("since", "through", "whole"),
    [
        (None, None, True),
        (None, date(2024, 2, 29), True),
        (None, date(2024, 2, 28), False),
        (date(2026, 11, 1), None, True),
        (date(2026, 11, 1), date(2026, 12, 31), True),
        (date(2026, 11, 2), date(2026, 12, 31), False),
        (None, date.max, True),
    ],
)
def test_months_are_whole_from_a_first_to_a_last_day(since: date | None, through: date | None, whole: bool) -> None:  # noqa: FBT001
    assert statistics._by_month(since, through, ("month", "department")) is whole
    assert not statistics._by_month(since, through, ("week",))


class TestCoarseTables:
    """The same figures from each table that can tell them."""

    @pytest.mark.parametrize(
        ("asked", "table"),
        [
            ({}, BY_DEPARTMENT_MONTH),
            ({"by": ("department", "quarter")}, BY_DEPARTMENT_MONTH),
            ({"by": ("department", "day")}, BY_DEPARTMENT),
            ({"by": ("week",)}, BY_DEPARTMENT),
            ({"by": ("month", "street")}, BY_STREET_MONTH),
            ({"by": ("street",), "since": date(2026, 3, 1), "through": date(2026, 3, 31)}, BY_STREET_MONTH),
            ({"by": ("street",), "since": date(2026, 3, 1), "through": date(2026, 3, 30)}, BY_STREET),
            ({"since": date(2026, 3, 2)}, BY_DEPARTMENT),
            ({"filters": {"department": LEAD}}, BY_DEPARTMENT_MONTH),
            ({"scope": {"department": SUPPORT}}, BY_DEPARTMENT_MONTH),
            ({"scope": {"street_prefix": "220204"}, "by": ("street", "day")}, BY_STREET),
            ({"scope": {"street_prefix": "220204"}, "by": ("department",)}, INDICATOR_COUNTS),
            ({"by": ("item",)}, INDICATOR_COUNTS),
        ],
    )
    def test_a_coarse_table_tells_the_same_as_the_finest(
        self, asked: dict[str, Any], table: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        projector = folded(interleaved(3000, open_cases=40))
        chosen, choose = [], statistics.coarsest

        def noted(*asked: Any) -> Any:
            chosen.append(choose(*asked))
            return chosen[-1]

        monkeypatch.setattr(statistics, "coarsest", noted)
        with projector.store.reading() as db:
            statistics._query.cache_clear()
            coarse = indicators(db, **asked)
            monkeypatch.setattr(statistics, "coarsest", lambda *_: INDICATOR_COUNTS)
            statistics._query.cache_clear()
            assert coarse == indicators(db, **asked)
        statistics._query.cache_clear()
        assert chosen == [table]
        assert any(figure.denominator for figure in coarse)
