"""Random clocks agree with a second account of the same rules, in every unit, slot table and year."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.policy.deadlines import Clock, Limit, Stage, Unit, start_clock
from domain.policy.explain import SegmentKind, explain
from tests.domain.policy import oracle
from tests.domain.policy.given import POLICY, RULES, ZONE
from tests.domain.policy.oracle import Account

LARGEST = {
    Unit.MINUTES: 600,
    Unit.URGENT_HOURS: 72,
    Unit.WORKING_HOURS: 60,
    Unit.WORKING_DAYS: 30,
    Unit.NATURAL_DAYS: 60,
}
WAITS = st.one_of(
    st.integers(0, 3 * 3600).map(lambda seconds: timedelta(seconds=seconds)),
    st.integers(0, 20 * 24 * 60).map(lambda count: timedelta(minutes=count)),
    st.integers(0, 14).map(lambda days: timedelta(days=days)),
)
EDGES = ["00:00", "07:00", "08:30", "09:00", "11:30", "12:00", "13:00", "13:30", "17:00", "17:30", "18:30", "23:59:59"]


@st.composite
def moments(draw: st.DrawFn) -> datetime:
    """A naive local time from 2022 to 2027, often at the edge of a slot."""
    day = draw(st.dates(datetime(2022, 1, 1).date(), datetime(2027, 12, 31).date()))  # noqa: DTZ001 - local days
    if draw(st.booleans()):
        return datetime.fromisoformat(f"{day} {draw(st.sampled_from(EDGES))}")
    return datetime.combine(day, draw(st.times()).replace(microsecond=0))


@st.composite
def kept(draw: st.DrawFn) -> tuple[Clock, Account]:
    """A clock and its account after the same history of up to three pauses, each begun before it was due."""
    unit, slots = draw(st.sampled_from(Unit)), draw(st.sampled_from(sorted(oracle.TABLES)))
    start, amount = draw(moments()), draw(st.integers(0, LARGEST[unit]))
    account = Account(str(unit), amount, slots, start)
    calendar = RULES.calendar_version("cn-2026-1", slots)
    clock = start_clock(Stage.DISPOSAL, Limit(amount=amount, unit=unit), aware(start), calendar, "rule", POLICY)
    cursor = start
    for _ in range(draw(st.integers(0, 3))):
        if cursor > account.due:
            break
        since = cursor + (account.due - cursor) * draw(st.sampled_from([0, 1, 2, 3, 7, 10])) // 10
        cursor = since + draw(WAITS)
        account.pause(since, cursor)
        clock = clock.pause(aware(since), "paused").resume(aware(cursor), calendar, "resumed")
    return clock, account


def aware(at: datetime) -> datetime:
    """A naive local time as aware UTC."""
    return at.replace(tzinfo=ZONE).astimezone(UTC)


@given(kept())
def test_the_due_time_is_the_one_of_the_second_account(both: tuple[Clock, Account]) -> None:
    clock, account = both
    assert clock.due_at == aware(account.due)


@given(kept())
def test_the_warning_is_the_first_moment_of_the_share(both: tuple[Clock, Account]) -> None:
    clock, account = both
    budget = account.used(account.due)
    if not budget:
        assert clock.warn_at is None
        return
    assert clock.warn_at is not None
    warned = clock.warn_at.astimezone(ZONE).replace(tzinfo=None)
    tick = timedelta(microseconds=1)
    assert account.used(warned) * 100 >= budget * POLICY.warn_percent > account.used(warned - tick) * 100


@given(kept())
def test_the_explanation_adds_up_to_the_limit(both: tuple[Clock, Account]) -> None:
    clock, account = both
    calendar = RULES.calendar_of(clock)
    counted = [part.amount for part in explain(clock, calendar) if part.kind is SegmentKind.COUNTED]
    if clock.limit.unit is Unit.WORKING_DAYS:
        assert sum(counted) == clock.limit.amount
    else:
        assert sum(counted) == pytest.approx(account.used(account.due).total_seconds())


@given(kept(), moments())
def test_working_time_and_segments_agree_with_the_second_account(both: tuple[Clock, Account], at: datetime) -> None:
    clock, account = both
    calendar = RULES.calendar_of(clock)
    since, until = sorted((account.start, account.start + (at - account.start) // 20))
    assert calendar.working_between(aware(since), aware(until)) == oracle.spent(account.slots, since, until)
    expected = [(aware(start), aware(end)) for start, end in oracle.stretches(account.slots, since, until)]
    assert list(calendar.segments(aware(since), aware(until))) == expected
