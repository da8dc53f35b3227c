"""Asking for figures gives the same on both databases."""

from calendar import monthrange
from datetime import date

from bench.histories import MemoryLog, interleaved
from projections.indicators import INDICATORS, TENTHS
from projections.projector import Projector
from projections.statistics import SCORE, day_and_month, indicators
from projections.storage import ViewStore
from tests.projections.kit import VIEWS


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
