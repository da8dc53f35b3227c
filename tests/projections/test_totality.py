"""No event can be forgotten by a view, and no view can name an event that does not exist."""

import re

import pytest

from desk.unit import KINDS
from projections import topics
from projections.view import View, closure
from store.mapper import EventMapper
from tests.projections.kit import VIEWS


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
class TestEveryView:
    def test_handles_or_ignores_every_event_there_is(self, view: View) -> None:
        assert set(view.handles) | view.ignores == topics.ALL

    def test_does_not_ignore_what_it_handles(self, view: View) -> None:
        assert set(view.handles) & view.ignores == set()

    def test_carries_its_version_in_the_names_of_its_tables(self, view: View) -> None:
        assert re.fullmatch(r"[a-z_]+_\d+", view.name)
        assert all(table.name.startswith(view.name) for table in view.tables)

    def test_asks_a_question(self, view: View) -> None:
        assert view.question.endswith("?")


def test_the_events_the_views_know_are_the_events_the_store_knows() -> None:
    assert set(EventMapper(KINDS).topics) == topics.ALL


def test_a_view_is_folded_after_those_it_reads() -> None:
    for view in VIEWS:
        names = [each.name for each in closure(VIEWS)]
        assert all(names.index(other.name) < names.index(view.name) for other in view.reads)


def test_asking_for_one_view_brings_those_it_reads() -> None:
    due = next(view for view in VIEWS if view.name == "due_1")
    assert [view.name for view in closure([due])] == ["board_2", "inbox_2", "due_1"]
