"""Clocks: how they start, pause, move and end, and what light they show."""

from datetime import timedelta

import pytest

from domain.policy.deadlines import Clock, EntryKind, Light, Limit, Stage, fixed_clock
from domain.policy.explain import SegmentKind, explain
from tests.domain.policy.given import (
    OFFICE,
    POLICY,
    RULES,
    local,
    minutes,
    natural_days,
    shown,
    started,
    urgent_hours,
    working_days,
    working_hours,
)


def paused(clock: Clock, since: str, until: str) -> Clock:
    """The clock after one pause."""
    return clock.pause(local(since), "suspended").resume(local(until), OFFICE, "resumed")


@pytest.mark.parametrize(
    ("limit", "at", "due"),
    [
        (working_hours(2), "2026-02-13 16:30", "2026-02-14 09:30"),
        (working_hours(2), "2026-02-14 16:30", "2026-02-24 09:30"),
        (working_days(3), "2026-09-30 10:00", "2026-10-10 17:30"),
        (working_days(5), "2026-02-12 09:00", "2026-02-26 17:30"),
        (working_days(5), "2022-12-14 13:00", "2022-12-21 17:30"),
        (working_hours(1), "2022-12-14 13:00", "2022-12-14 14:00"),
        (working_hours(4), "2023-03-06 09:40", "2023-03-06 14:40"),
        (working_hours(2), "2022-12-14 19:00", "2022-12-15 10:30"),
        (working_hours(2), "2022-12-14 17:30", "2022-12-15 10:30"),
        (working_hours(8), "2022-12-14 08:30", "2022-12-14 17:30"),
        (working_days(1), "2022-12-17 10:00", "2022-12-19 17:30"),
        (working_days(1), "2022-12-16 23:00", "2022-12-19 17:30"),
        (natural_days(15), "2023-03-01 09:00", "2023-03-16 09:00"),
        (natural_days(2), "2022-12-31 22:00", "2023-01-02 22:00"),
        (urgent_hours(24), "2022-12-14 23:00", "2022-12-15 23:00"),
        (minutes(30), "2022-12-14 23:50", "2022-12-15 00:20"),
        (minutes(0), "2022-12-14 23:50", "2022-12-14 23:50"),
    ],
)
def test_a_clock_is_due_when_its_limit_is_used(limit: Limit, at: str, due: str) -> None:
    assert shown(started(limit, at).due_at) == due


def test_a_clock_remembers_what_it_was_started_by() -> None:
    clock = started(working_hours(2), "2022-12-14 09:00")
    assert (clock.policy, clock.calendar, clock.slots, clock.rule) == ("2026-1", "cn-2026-1", "office", "disposal.item")
    assert RULES.calendar_of(clock) is OFFICE
    assert Clock.model_validate_json(clock.model_dump_json()) == clock


def test_an_appointed_time_is_the_due_time_itself() -> None:
    clock = started(working_hours(2), "2022-12-14 09:00", appointed="2022-12-16 09:00")
    assert clock.appointed
    assert shown(clock.due_at) == "2022-12-16 09:00"
    assert clock.limit == working_hours(2)
    assert shown(clock.allowance_again(OFFICE)) == "2022-12-16 11:00"


def test_a_fixed_clock_ends_when_somebody_said() -> None:
    clock = fixed_clock(Stage.LISTING, local("2022-12-20 20:00"), local("2022-12-14 09:00"), OFFICE, "listing", POLICY)
    assert shown(clock.due_at) == "2022-12-20 20:00"
    assert shown(paused(clock, "2022-12-15 09:00", "2022-12-15 12:00").due_at) == "2022-12-20 23:00"


@pytest.mark.parametrize(
    ("limit", "at", "since", "until", "due"),
    [
        (working_hours(4), "2022-12-14 09:00", "2022-12-14 10:00", "2022-12-15 09:00", "2022-12-15 12:00"),
        (working_hours(4), "2022-12-14 09:00", "2022-12-14 10:00", "2022-12-14 20:00", "2022-12-15 11:30"),
        (working_hours(2), "2022-12-14 16:30", "2022-12-14 18:00", "2022-12-15 08:00", "2022-12-15 09:30"),
        (working_hours(2), "2022-12-14 16:30", "2022-12-14 17:30", "2022-12-15 08:30", "2022-12-15 09:30"),
        (working_hours(2), "2022-12-14 16:30", "2022-12-14 17:29:59", "2022-12-15 08:30", "2022-12-15 09:30:01"),
        (working_hours(2), "2022-12-14 09:00", "2022-12-14 11:00", "2022-12-14 15:00", "2022-12-14 15:00"),
        (working_days(5), "2022-12-14 13:00", "2022-12-15 09:00", "2022-12-15 16:00", "2022-12-21 17:30"),
        (working_days(5), "2022-12-14 13:00", "2022-12-15 23:00", "2022-12-16 01:00", "2022-12-22 17:30"),
        (working_days(5), "2022-12-14 13:00", "2022-12-16 09:00", "2022-12-18 16:00", "2022-12-21 17:30"),
        (working_days(5), "2022-12-14 13:00", "2022-12-16 09:00", "2022-12-19 08:00", "2022-12-22 17:30"),
        (working_days(5), "2022-12-14 13:00", "2022-12-14 14:00", "2022-12-21 09:00", "2022-12-28 17:30"),
        (working_days(1), "2022-12-14 13:00", "2022-12-15 17:30", "2022-12-16 09:00", "2022-12-16 17:30"),
        (natural_days(2), "2022-12-14 13:00", "2022-12-15 13:00", "2022-12-25 14:30", "2022-12-26 14:30"),
        (minutes(30), "2022-12-14 13:00", "2022-12-14 13:10", "2022-12-14 13:15:07", "2022-12-14 13:35:07"),
        (urgent_hours(24), "2022-12-14 13:00", "2022-12-14 14:00", "2022-12-14 15:00", "2022-12-15 14:00"),
    ],
)
def test_a_pause_moves_the_due_time_by_the_rule_of_its_unit(
    limit: Limit, at: str, since: str, until: str, due: str
) -> None:
    assert shown(paused(started(limit, at), since, until).due_at) == due


def test_a_pause_moves_an_appointment_like_its_allowance() -> None:
    by_hours = started(working_hours(2), "2022-12-14 09:00", appointed="2022-12-16 09:00")
    assert shown(paused(by_hours, "2022-12-15 09:00", "2022-12-16 08:30").due_at) == "2022-12-16 17:30"
    around_the_clock = started(urgent_hours(1), "2022-12-14 09:00", appointed="2022-12-16 09:00")
    assert shown(paused(around_the_clock, "2022-12-15 09:00", "2022-12-16 08:30").due_at) == "2022-12-17 08:30"


def test_a_pause_outside_the_slots_leaves_even_an_appointment_outside_them_alone() -> None:
    clock = started(working_hours(2), "2022-12-14 09:00", appointed="2022-12-16 07:00")
    assert shown(paused(clock, "2022-12-15 18:00", "2022-12-15 20:00").due_at) == "2022-12-16 07:00"
    assert shown(paused(clock, "2022-12-15 17:00", "2022-12-15 17:10").due_at) == "2022-12-16 08:40"


def test_pauses_add_up_and_each_is_written_down() -> None:
    clock = paused(started(working_hours(4), "2022-12-14 09:00"), "2022-12-14 10:00", "2022-12-14 11:00")
    clock = paused(clock, "2022-12-14 14:00", "2022-12-14 15:00")
    assert shown(clock.due_at) == "2022-12-14 16:00"
    assert [(shown(line.due_before), shown(line.due_after)) for line in clock.ledger] == [
        ("2022-12-14 14:00", "2022-12-14 15:00"),
        ("2022-12-14 15:00", "2022-12-14 16:00"),
    ]
    assert clock.ledger[0].because == "suspended resumed"


def test_a_missed_clock_never_moves_again() -> None:
    missed = started(working_hours(1), "2022-12-14 13:00").miss()
    assert shown(missed.missed_at) == "2022-12-14 14:00"
    assert missed.pause(local("2022-12-14 15:00"), "suspended") == missed
    assert missed.extend(local("2022-12-20 09:00"), local("2022-12-14 15:00"), OFFICE, "extended") == missed
    assert missed.reappoint(local("2022-12-20 09:00"), local("2022-12-14 15:00"), OFFICE, "moved") == missed
    assert missed.miss() == missed
    assert missed.open
    assert not missed.running


def test_a_clock_past_its_due_time_does_not_pause_although_no_timer_came_yet() -> None:
    clock = started(working_hours(1), "2022-12-14 13:00")
    assert clock.pause(local("2022-12-14 14:00"), "completed").paused
    assert clock.pause(local("2022-12-14 14:00:01"), "completed") == clock


def test_pausing_twice_and_resuming_what_runs_change_nothing() -> None:
    clock = started(working_hours(2), "2022-12-14 09:00")
    assert clock.resume(local("2022-12-14 09:30"), OFFICE, "resumed") == clock
    once = clock.pause(local("2022-12-14 09:30"), "completed")
    assert once.pause(local("2022-12-14 10:00"), "suspended") == once


def test_what_people_do_at_the_due_moment_is_on_time_and_only_then_the_timer_comes() -> None:
    clock = started(working_hours(1), "2022-12-14 13:00")
    due, before = local("2022-12-14 14:00"), local("2022-12-14 13:59:59")
    assert clock.meet(due).missed_at is None
    assert clock.overdue(due)
    assert not clock.overdue(before)
    assert not clock.pause(before, "suspended").overdue(local("2022-12-20 09:00"))
    assert not clock.meet(due).overdue(due)
    assert not clock.stop(before).overdue(due)


def test_what_comes_late_misses_the_due_time_and_not_the_moment_it_came() -> None:
    clock = started(working_hours(1), "2022-12-14 13:00").meet(local("2022-12-14 14:00:01"))
    assert shown(clock.missed_at) == "2022-12-14 14:00"
    assert not clock.open


def test_an_earlier_time_that_the_street_confirms_cancels_the_miss() -> None:
    clock = started(working_hours(1), "2022-12-14 13:00").miss()
    late = clock.meet(local("2022-12-14 15:00"))
    assert late.meet(local("2022-12-14 13:50")).missed_at is None
    assert shown(late.meet(local("2022-12-14 16:00")).missed_at) == "2022-12-14 14:00"


def test_a_passed_verification_makes_the_submission_the_disposal_time() -> None:
    submitted = local("2022-12-21 17:30")
    clock = started(working_days(5), "2022-12-14 13:00").pause(submitted, "completed").meet(submitted)
    assert (clock.met_at, clock.missed_at, clock.paused_at) == (submitted, None, None)


def test_a_stopped_clock_keeps_its_miss_and_nothing_else_happens_to_it() -> None:
    clock = started(working_hours(1), "2022-12-14 13:00").miss().stop(local("2022-12-14 15:00"))
    assert shown(clock.missed_at) == "2022-12-14 14:00"
    assert not clock.open
    assert clock.stop(local("2022-12-14 16:00")) == clock
    assert clock.extend(local("2022-12-20 09:00"), local("2022-12-14 16:00"), OFFICE, "extended") == clock


def test_an_extension_replaces_the_due_time_and_later_pauses_add_to_it() -> None:
    clock = started(natural_days(15), "2023-03-01 09:00")
    assert shown(clock.longest_extension(OFFICE)) == "2023-03-31 09:00"
    clock = clock.extend(local("2023-03-31 09:00"), local("2023-03-14 10:00"), OFFICE, "granted")
    assert shown(clock.due_at) == "2023-03-31 09:00"
    assert (clock.ledger[0].kind, clock.ledger[0].because) == (EntryKind.EXTENSION, "granted")
    assert shown(paused(clock, "2023-03-20 09:00", "2023-03-21 09:00").due_at) == "2023-04-01 09:00"
    assert shown(clock.longest_extension(OFFICE)) == "2023-04-15 09:00"


@pytest.mark.parametrize(
    ("limit", "at", "longest"),
    [
        (working_days(5), "2022-12-14 13:00", "2022-12-28 17:30"),
        (working_hours(4), "2022-12-14 09:00", "2022-12-15 09:00"),
        (working_hours(2), "2022-12-14 15:30", "2022-12-15 10:30"),
        (urgent_hours(24), "2022-12-14 13:00", "2022-12-16 13:00"),
    ],
)
def test_one_extension_moves_at_most_by_the_original_limit(limit: Limit, at: str, longest: str) -> None:
    assert shown(started(limit, at).longest_extension(OFFICE)) == longest


def test_an_extended_due_keeps_its_time_of_day_when_days_are_added() -> None:
    clock = started(working_days(2), "2022-12-14 13:00")
    clock = clock.extend(local("2022-12-19 11:15"), local("2022-12-15 10:00"), OFFICE, "granted")
    assert shown(clock.longest_extension(OFFICE)) == "2022-12-21 11:15"
    assert shown(paused(clock, "2022-12-16 09:00", "2022-12-19 09:00").due_at) == "2022-12-20 11:15"


def test_moving_an_appointment_moves_the_arrival() -> None:
    clock = started(working_hours(2), "2022-12-14 09:00", appointed="2022-12-16 09:00")
    clock = clock.reappoint(local("2022-12-19 15:00"), local("2022-12-15 10:00"), OFFICE, "moved")
    assert shown(clock.due_at) == "2022-12-19 15:00"
    assert clock.appointed
    assert clock.ledger[0].kind is EntryKind.APPOINTMENT


def test_a_correction_counts_anew_from_the_start_with_the_pauses_there_were() -> None:
    clock = paused(started(working_days(5), "2022-12-14 13:00"), "2022-12-14 14:00", "2022-12-14 15:00")
    clock = clock.recompute(working_hours(4), OFFICE, "corrected", "disposal.item", POLICY, local("2022-12-14 15:30"))
    assert shown(clock.due_at) == "2022-12-15 09:00"
    assert clock.limit == working_hours(4)
    assert [line.kind for line in clock.ledger] == [EntryKind.PAUSE, EntryKind.RECOMPUTED]
    again = clock.recompute(working_days(2), OFFICE, "corrected", "disposal.item", POLICY, local("2022-12-14 16:00"))
    assert shown(again.due_at) == "2022-12-16 17:30"


def test_a_correction_to_a_shorter_limit_leaves_no_pause_that_began_after_the_new_due_time() -> None:
    clock = started(working_days(5), "2022-12-14 09:00")
    waiting = clock.pause(local("2022-12-14 14:00"), "suspended")
    at = local("2022-12-14 15:00")
    short = waiting.recompute(urgent_hours(2), OFFICE, "corrected", "disposal.item", POLICY, at)
    assert (shown(short.due_at), short.paused, short.overdue(at)) == ("2022-12-14 11:00", False, True)
    resumed = paused(clock, "2022-12-14 14:00", "2022-12-16 14:00")
    short = resumed.recompute(urgent_hours(2), OFFICE, "corrected", "disposal.item", POLICY, local("2022-12-16 15:00"))
    assert shown(short.due_at) == "2022-12-14 11:00"
    longer = waiting.recompute(working_days(2), OFFICE, "corrected", "disposal.item", POLICY, at)
    assert longer.paused


def test_a_correction_judges_a_miss_again() -> None:
    missed = started(urgent_hours(2), "2022-12-14 09:00").miss()
    anew = missed.recompute(working_days(5), OFFICE, "corrected", "x", POLICY, local("2022-12-14 15:00"))
    assert anew.missed_at is None
    assert anew.running


def test_late_by_n_working_days_ends_at_the_close_of_the_nth() -> None:
    clock = started(working_days(5), "2022-12-14 13:00")
    assert clock.within_working_days(local("2022-12-22 17:30"), 1, OFFICE)
    assert not clock.within_working_days(local("2022-12-22 17:30:01"), 1, OFFICE)
    assert clock.within_working_days(local("2022-12-26 17:30"), 3, OFFICE)
    at_noon = started(working_hours(3), "2022-12-14 08:30")
    assert at_noon.within_working_days(local("2022-12-15 17:30"), 1, OFFICE)


@pytest.mark.parametrize(
    ("limit", "at", "warn"),
    [
        (working_days(5), "2022-12-14 13:00", "2022-12-20 16:36"),
        (working_hours(4), "2022-12-14 15:00", "2022-12-15 09:12"),
        (working_hours(2), "2022-12-14 16:30", "2022-12-15 09:06"),
        (natural_days(15), "2023-03-01 09:00", "2023-03-13 09:00"),
        (minutes(30), "2022-12-14 23:50", "2022-12-15 00:14"),
        (minutes(0), "2022-12-14 23:50", None),
    ],
)
def test_the_warning_comes_when_four_fifths_of_the_budget_are_used(limit: Limit, at: str, warn: str | None) -> None:
    assert shown(started(limit, at).warn_at) == warn


def test_the_warning_moves_with_the_due_time_and_leaves_pauses_out() -> None:
    clock = started(working_hours(5), "2022-12-14 08:30")
    assert shown(clock.warn_at) == "2022-12-14 13:30"
    assert shown(paused(clock, "2022-12-14 09:30", "2022-12-14 11:30").warn_at) == "2022-12-14 15:30"
    assert shown(paused(clock, "2022-12-14 14:00", "2022-12-14 16:00").warn_at) == "2022-12-14 13:30"
    extended = clock.extend(local("2022-12-15 09:30"), local("2022-12-14 09:00"), OFFICE, "granted")
    assert shown(extended.warn_at) == "2022-12-14 16:42"


def test_the_light_is_green_then_yellow_then_red() -> None:
    clock = started(working_days(5), "2022-12-14 13:00")
    lights = [
        clock.light(local(at), OFFICE)
        for at in ("2022-12-14 13:00", "2022-12-20 16:35:59", "2022-12-20 16:36", "2022-12-21 17:30")
    ]
    assert lights == [Light.GREEN, Light.GREEN, Light.YELLOW, Light.YELLOW]
    assert clock.light(local("2022-12-21 17:30:01"), OFFICE) is Light.RED


def test_the_light_stays_as_it_was_when_the_clock_was_paused_or_ended() -> None:
    clock, early, late = started(minutes(30), "2022-12-14 13:00"), local("2022-12-14 13:10"), local("2022-12-15 13:00")
    assert clock.pause(early, "suspended").light(late, OFFICE) is Light.GREEN
    assert clock.meet(early).light(late, OFFICE) is Light.GREEN
    assert clock.stop(early).light(late, OFFICE) is Light.GREEN
    assert clock.meet(local("2022-12-14 13:30:01")).light(late, OFFICE) is Light.RED


def test_why_this_deadline_for_working_hours() -> None:
    clock = paused(started(working_hours(4), "2022-12-14 10:00"), "2022-12-14 11:00", "2022-12-14 14:00")
    assert [(part.kind, shown(part.since), shown(part.until), part.amount) for part in explain(clock, OFFICE)] == [
        (SegmentKind.COUNTED, "2022-12-14 10:00", "2022-12-14 11:00", 3600.0),
        (SegmentKind.PAUSED, "2022-12-14 11:00", "2022-12-14 14:00", 7200.0),
        (SegmentKind.COUNTED, "2022-12-14 14:00", "2022-12-14 17:00", 10800.0),
    ]
    assert {part.rule for part in explain(clock, OFFICE)} == {"disposal.item"}
    assert explain(clock, OFFICE)[1].because == "suspended resumed"


def test_why_this_deadline_for_working_days() -> None:
    clock = paused(started(working_days(3), "2022-12-14 13:00"), "2022-12-15 10:00", "2022-12-16 10:00")
    clock = clock.extend(local("2022-12-21 11:00"), local("2022-12-19 09:00"), OFFICE, "granted")
    found = explain(clock, OFFICE)
    counted = [shown(part.since) for part in found if part.kind is SegmentKind.COUNTED]
    assert counted == ["2022-12-15 08:30", "2022-12-19 08:30", "2022-12-20 08:30", "2022-12-21 08:30"]
    assert shown(max(part.until for part in found if part.until)) == "2022-12-21 11:00"
    moves = [(part.since, part.until, part.amount, part.because) for part in found if part.kind is SegmentKind.MOVED]
    assert moves == [(local("2022-12-20 17:30"), local("2022-12-21 11:00"), 1.0, "granted")]


def test_while_a_pause_lasts_it_has_no_end_and_nothing_after_it_is_counted() -> None:
    clock = started(natural_days(2), "2022-12-14 13:00").pause(local("2022-12-15 01:00"), "suspended")
    counted, waiting = explain(clock, OFFICE)
    assert (counted.amount, waiting.until, waiting.because) == (timedelta(hours=12).total_seconds(), None, "suspended")
