"""The working calendar: slots, holidays, make-up days, short days, and years without data."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import chinese_calendar
import pytest
from pydantic import ValidationError

from domain.errors import Unknown
from domain.policy.calendar import CalendarData, Calendars
from tests.domain.policy.given import OFFICE, document, local, shown

HOUR = timedelta(hours=1)


def calendars(**changes: Any) -> Calendars:
    return Calendars([CalendarData.model_validate(document("calendar/cn.json") | changes)])


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-02-13 16:30", 2, "2026-02-14 09:30"),
        ("2026-02-14 16:30", 2, "2026-02-24 09:30"),
        ("2022-12-14 11:00", 2, "2022-12-14 14:00"),
        ("2022-12-14 15:30", 2, "2022-12-14 17:30"),
        ("2022-12-14 10:00", 2, "2022-12-14 12:00"),
        ("2022-12-14 12:00", 1, "2022-12-14 14:00"),
        ("2022-12-14 12:30", 1, "2022-12-14 14:00"),
        ("2022-12-14 17:30", 1, "2022-12-15 09:30"),
        ("2022-12-14 17:30", 0, "2022-12-14 17:30"),
        ("2022-12-14 20:00", 0, "2022-12-15 08:30"),
        ("2022-12-17 10:00", 8, "2022-12-19 17:30"),
        ("2022-12-30 16:30", 2, "2023-01-03 09:30"),
        ("2022-12-14 08:30", 2080, "2023-12-27 17:30"),
    ],
)
def test_working_time_is_added_in_the_slots_only(start: str, hours: int, end: str) -> None:
    assert shown(OFFICE.add_working(local(start), hours * HOUR)) == end


def test_the_result_is_in_utc() -> None:
    assert OFFICE.add_working(local("2022-12-14 09:00"), HOUR) == datetime(2022, 12, 14, 2, tzinfo=UTC)
    assert OFFICE.close_of(date(2022, 12, 14)).tzinfo is UTC
    assert OFFICE.next_working_moment(local("2022-12-14 09:00")).tzinfo is UTC


@pytest.mark.parametrize(
    ("at", "state", "then"),
    [
        ("2022-12-14 08:29:59", "closed", "2022-12-14 08:30"),
        ("2022-12-14 08:30", "open", "2022-12-14 08:30"),
        ("2022-12-14 12:00", "open", "2022-12-14 12:00"),
        ("2022-12-14 12:00:01", "closed", "2022-12-14 13:00"),
        ("2022-12-14 17:30", "open", "2022-12-14 17:30"),
        ("2022-12-14 17:30:01", "closed", "2022-12-15 08:30"),
        ("2022-12-31 10:00", "closed", "2023-01-03 08:30"),
        ("2026-02-14 10:00", "open", "2026-02-14 10:00"),
    ],
)
def test_opening_and_closing_time_are_working_time(at: str, state: str, then: str) -> None:
    assert OFFICE.is_working_moment(local(at)) is (state == "open")
    assert shown(OFFICE.next_working_moment(local(at))) == then


def test_holidays_and_make_up_days_beat_the_weekday() -> None:
    assert OFFICE.is_working_day(date(2026, 2, 14)), "a Saturday that is made up"
    assert not OFFICE.is_working_day(date(2026, 2, 16)), "a Monday in the Spring Festival"
    assert not OFFICE.is_working_day(date(2026, 2, 8)), "a plain Sunday"
    assert OFFICE.is_working_day(date(2026, 2, 9)), "a plain Monday"


def test_working_days_are_counted_after_one_day_and_through_another() -> None:
    wednesday, next_wednesday = date(2022, 12, 14), date(2022, 12, 21)
    assert OFFICE.working_days_between(wednesday, next_wednesday) == 5
    assert OFFICE.working_days_between(wednesday, wednesday) == 0
    assert OFFICE.working_days_between(next_wednesday, wednesday) == 0
    assert OFFICE.working_days_between(date(2022, 12, 30), date(2023, 1, 3)) == 1
    assert OFFICE.nth_working_day(wednesday, 5) == next_wednesday
    assert OFFICE.nth_working_day(wednesday, 0) == wednesday
    assert OFFICE.nth_working_day(date(2022, 12, 31), 1) == date(2023, 1, 3)
    assert OFFICE.nth_working_day(date(2022, 12, 14), 13 + 249) == date(2024, 1, 2)


def test_working_time_between_two_moments_leaves_out_lunch_nights_and_holidays() -> None:
    assert OFFICE.working_between(local("2022-12-14 11:00"), local("2022-12-14 14:00")) == 2 * HOUR
    assert OFFICE.working_between(local("2022-12-14 18:00"), local("2022-12-15 08:00")) == timedelta()
    assert OFFICE.working_between(local("2022-12-30 16:30"), local("2023-01-03 09:30")) == 2 * HOUR
    assert OFFICE.working_between(local("2022-12-15 09:00"), local("2022-12-14 09:00")) == timedelta()
    assert OFFICE.working_between(local("2021-12-31 17:30"), local("2023-01-01 00:00")) == 249 * 8 * HOUR


def test_segments_are_the_working_stretches() -> None:
    found = OFFICE.segments(local("2022-12-30 16:30"), local("2023-01-03 13:15"))
    assert [(shown(since), shown(until)) for since, until in found] == [
        ("2022-12-30 16:30", "2022-12-30 17:30"),
        ("2023-01-03 08:30", "2023-01-03 12:00"),
        ("2023-01-03 13:00", "2023-01-03 13:15"),
    ]
    assert OFFICE.segments(local("2022-12-14 12:00"), local("2022-12-14 13:00")) == ()


def test_a_short_day_closes_early_and_may_differ_by_slot_table() -> None:
    tables = [
        {"name": "office", "spans": [["08:30", "12:00"], ["13:00", "17:30"]]},
        {"name": "hall", "spans": [["09:00", "17:00"]], "short_spans": [["09:00", "11:00"]]},
    ]
    short = calendars(short_days={"2026-02-14": [["08:30", "12:00"]]}, slots=tables)
    office, hall = short.get("cn-2026-1", "office"), short.get("cn-2026-1", "hall")
    assert shown(office.close_of(date(2026, 2, 14))) == "2026-02-14 12:00"
    assert shown(hall.close_of(date(2026, 2, 14))) == "2026-02-14 11:00"
    assert shown(office.add_working(local("2026-02-14 11:00"), 2 * HOUR)) == "2026-02-24 09:30"


@pytest.mark.parametrize("year", range(2022, 2027))
def test_the_seed_agrees_with_a_second_source_on_every_day(year: int) -> None:
    days = [date(year, 1, 1) + timedelta(days=n) for n in range(366)]
    ours = {day: OFFICE.is_working_day(day) for day in days if day.year == year}
    assert ours == {day: chinese_calendar.is_workday(day) for day in ours}


def test_a_year_without_data_falls_back_to_weekdays_and_raises_an_alert() -> None:
    assert OFFICE.is_working_day(date(2030, 10, 1)), "a Tuesday, although it will be a holiday"
    (alert,) = calendars().alerts(2030)
    assert (alert.kind, alert.year, alert.version) == ("missing", 2030, "cn-2026-1")
    assert "2030" in alert.message


def test_a_provisional_year_raises_an_alert_and_an_announced_one_does_not() -> None:
    assert [alert.kind for alert in calendars().alerts(2027)] == ["provisional"]
    assert calendars().alerts(2026) == ()


def test_each_moment_has_the_calendar_in_force_and_old_versions_stay() -> None:
    first = CalendarData.model_validate(document("calendar/cn.json"))
    second = first.model_copy(
        update={"version": "cn-2026-2", "in_force_from": local("2026-06-01 00:00"), "holidays": frozenset()}
    )
    both = Calendars([second, first])
    assert both.current(local("2026-05-31 23:59")).version == "cn-2026-1"
    assert both.current(local("2026-06-01 00:00")).version == "cn-2026-2"
    assert not both.get("cn-2026-1", "office").is_working_day(date(2026, 10, 1))
    assert both.get("cn-2026-2", "office").is_working_day(date(2026, 10, 1))
    assert both.get("cn-2026-1", "office") is both.get("cn-2026-1", "office")


@pytest.mark.parametrize(("version", "slots"), [("cn-1999-1", "office"), ("cn-2026-1", "moon")])
def test_an_unknown_version_or_slot_table_is_refused(version: str, slots: str) -> None:
    with pytest.raises(Unknown):
        calendars().get(version, slots)


@pytest.mark.parametrize(
    "changes",
    [
        {"slots": []},
        {"slots": [{"name": "office", "spans": []}]},
        {"slots": [{"name": "office", "spans": [["12:00", "08:30"]]}]},
        {"slots": [{"name": "office", "spans": [["08:30", "12:00"], ["11:00", "17:30"]]}]},
        {"slots": [{"name": "a", "spans": [["08:30", "12:00"]]}, {"name": "a", "spans": [["08:30", "12:00"]]}]},
        {"short_days": {"2026-02-14": []}},
        {"workdays": ["2026-10-01"]},
        {"provisional": [2029]},
        {"surprise": 1},
    ],
)
def test_a_calendar_that_contradicts_itself_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        calendars(**changes)


def test_what_has_no_answer_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a working day"):
        OFFICE.close_of(date(2022, 12, 17))
    with pytest.raises(ValueError, match="no zone"):
        OFFICE.local_date(datetime(2022, 12, 14, 9))  # noqa: DTZ001 - the naive time is the point
    with pytest.raises(ValueError, match="negative"):
        OFFICE.add_working(local("2022-12-14 09:00"), -HOUR)
    with pytest.raises(ValueError, match="negative"):
        OFFICE.nth_working_day(date(2022, 12, 14), -1)
    with pytest.raises(ValueError, match="count from 1"):
        OFFICE.close_after(local("2022-12-14 09:00"), 0)


def test_slots_follow_the_organisation() -> None:
    window, market = (calendars().get("cn-2026-1", name) for name in ("window", "market"))
    assert window.slots.spans[0] == (time(9), time(12))
    assert shown(window.add_working(local("2022-12-14 16:30"), HOUR)) == "2022-12-15 09:30"
    assert shown(market.add_working(local("2022-12-14 16:30"), HOUR)) == "2022-12-14 17:30"
