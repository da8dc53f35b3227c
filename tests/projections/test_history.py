"""The history and the notices of a case, as they are asked for."""

from typing import Any
from uuid import UUID

from bench.histories import MemoryLog, Story
from domain.kernel import Fact
from projections.files import notices
from projections.recalling import timeline
from projections.times import micros
from tests.projections.conftest import LEAD
from tests.projections.kit import folded


def test_the_history_says_who_did_what_and_by_which_rule(story: Story, called: list[Fact]) -> None:
    [first, *_] = _timeline(called, story.case)
    assert (first["topic"], first["role"], first["organisation"]) == (
        "report.submitted.v1",
        "grid_worker",
        story.street,
    )
    assert first["actor"] == str(called[0].meta.actor)
    assert first["rules"][0][:4] == ["triage", "triage/general", "2026-1", "cn-1"]
    assert first["facts"]["description"] == "a sign"


def _timeline(told: list[Fact], member: UUID, as_of: int | None = None) -> list[dict[str, Any]]:
    with folded(told).store.reading() as db:
        return timeline(db, MemoryLog(told), member, as_of)


def test_the_history_can_be_read_as_of_a_moment(story: Story, called: list[Fact]) -> None:
    then = _timeline(called, story.report, as_of=micros(called[0].timestamp))
    assert [row["topic"] for row in then] == ["report.submitted.v1"]
    assert len(_timeline(called, story.report)) == len(called)


def test_the_history_tells_one_case_from_another(called: list[Fact]) -> None:
    assert len(_timeline([*called, *Story(2).reported()], Story(2).case)) == 1


def test_what_was_told_about_a_case_is_found(story: Story, called: list[Fact]) -> None:
    called += story.later(hours=2).arrival_missed(story.response(), LEAD)
    with folded(called).store.reading() as db:
        assert [row["kind"] for row in notices(db, story.case)] == ["urge", "interview"]
        assert notices(db, Story(2).case) == []
        assert len(notices(db)) == 2
