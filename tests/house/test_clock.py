"""Time is read in one place, is aware, and never goes back."""

import re
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import time_machine

from shaoxiang.clock import SystemClock, VirtualClock

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = ("domain", "store", "desk", "projections", "scheduler", "api", "shaoxiang")


def test_the_system_clock_stands_still_while_the_machine_is_set_back() -> None:
    clock = SystemClock()
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with time_machine.travel(noon, tick=False) as machine:
        assert clock.now() == noon
        machine.move_to(noon - timedelta(minutes=5))
        assert clock.now() == noon
        machine.move_to(noon + timedelta(seconds=1))
        assert clock.now() == noon + timedelta(seconds=1)


def test_the_system_clock_is_aware_utc() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_a_virtual_clock_goes_forward_only(clock: VirtualClock) -> None:
    start = clock.now()
    clock.advance_to(start + timedelta(hours=1))
    clock.advance_to(start + timedelta(hours=1))
    with pytest.raises(ValueError, match="cannot go back"):
        clock.advance_to(start)
    assert clock.now() == start + timedelta(hours=1)


def test_a_virtual_clock_turns_any_offset_into_utc_and_refuses_naive_time(clock: VirtualClock) -> None:
    local = datetime(2026, 3, 2, 17, 30, tzinfo=timezone(timedelta(hours=8)))
    clock.advance_to(local)
    assert clock.now() == local
    assert clock.now().utcoffset() == timedelta(0)
    with pytest.raises(ValueError, match="no offset"):
        clock.advance_to(datetime(2026, 3, 3))  # noqa: DTZ001 - a naive time is what is refused


def test_no_other_file_reads_the_time() -> None:
    reads = re.compile(r"\b(datetime\.now|utcnow|date\.today|datetime\.today|time\.time(_ns)?)\b\s*\(")
    readers = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if reads.search(path.read_text(encoding="utf-8"))
    }
    assert readers == {"shaoxiang/clock.py"}
