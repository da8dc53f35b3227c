"""However the history is asked for, and in however many pages: all of it that was wanted is told, in order, once."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID, uuid5

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bench.histories import NAMES, MemoryLog, Story, interleaved
from domain.dispatch.facts import standing as standings
from domain.dispatch.standing import standing_id
from domain.kernel import Fact
from projections import history, recalling
from projections.projector import Projector
from projections.recalling import Line, Wanted, page, timeline
from projections.storage import ViewStore
from projections.times import HOUR, micros
from store.recorder import RawEvent
from tests.projections.conftest import LEAD
from tests.projections.kit import VIEWS, folded


def _told() -> list[Fact]:
    """A city's facts, in no order of times, with a department's record among them."""
    facts = list(interleaved(300, seed=9, open_cases=6))
    story, record = Story(3, seed=9), standing_id(LEAD)
    story.at = facts[200].timestamp
    opened = story.fact(standings.StandingOpened, record, department=LEAD)
    marked = story.fact(standings.MarkEntered, record, mark="remind", response=story.response())
    return [*facts[:200], opened, marked, *facts[200:]]


FACTS = _told()
LOG = MemoryLog(FACTS)
LINES: list[Line] = [recalling._line(raw) for raw in LOG.rows]
TIMES = sorted({line["at"] for line in LINES})


@pytest.fixture(scope="module")
def views() -> Iterator[ViewStore]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(history, "STRETCH", 20)
        yield folded(FACTS).store


def asked(
    views: ViewStore, log: MemoryLog, wanted: Wanted, limit: int = 7, most_pages: int = 1000
) -> tuple[list[int], list[int]]:
    """The positions that all pages tell, and how many lines each page had."""
    positions: list[int] = []
    sizes: list[int] = []
    place: int | None = None
    with views.reading() as db:
        while len(sizes) < most_pages:
            lines, place = page(db, log, wanted, place, limit)
            positions += [line["position"] for line in lines]
            sizes.append(len(lines))
            if place is None:
                return positions, sizes
    pytest.fail("the pages have no end")


@st.composite
def questions(draw: st.DrawFn) -> Wanted:
    names = ("case_id", "stream", "actor", "organisation", "role", "kind", "topic", "imported")
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=3))
    # All of one line, so that something matches as a rule, and sometimes of two.
    lines = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=2))
    equal = {name: draw(st.sampled_from(lines))[name] for name in chosen}
    since, until = (draw(st.none() | st.sampled_from(TIMES)) for _ in range(2))
    return Wanted(equal, since, until, falling=draw(st.booleans()))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(wanted=questions(), limit=st.integers(1, 40), steps=st.sampled_from([(1, 2), (5, 30), (2_000, 8_000)]))
@pytest.mark.parametrize("persons", [0, 1, 16])
def test_all_pages_of_a_question_tell_what_matches_in_order_and_once(
    wanted: Wanted,
    limit: int,
    steps: tuple[int, int],
    persons: int,
    views: ViewStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recalling, "STEPS", steps)
    monkeypatch.setattr(recalling, "PERSONS", persons)
    expected = [line["position"] for line in LINES if wanted.holds(line)]
    found, sizes = asked(views, LOG, wanted, limit)
    assert found == (expected[::-1] if wanted.falling else expected)
    assert max(sizes) <= limit


def test_both_stores_tell_the_same(store: ViewStore, views: ViewStore) -> None:
    Projector(LOG, store, VIEWS).catch_up()
    for name in ("actor", "organisation", "stream", "case_id"):
        for line in LINES[::40] + LINES[200:202]:
            wanted = Wanted({name: line[name]}, falling=True)
            assert asked(store, LOG, wanted) == asked(views, LOG, wanted)


def test_a_page_looks_at_a_bounded_part_of_the_log(views: ViewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalling, "STEPS", (10, 20))
    with views.reading() as db:
        lines, place = page(db, LOG, Wanted({"role": "nobody"}), None, 5)
    assert (lines, place) == ([], 6 + 10 + 20)


def test_the_few_acts_of_a_person_are_found_at_once_however_long_the_log_is(
    views: ViewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalling, "STEPS", (1, 1))
    marked = LINES[201]
    only = [line for line in LINES if line["actor"] == marked["actor"]]
    with views.reading() as db:
        lines, _ = page(db, LOG, Wanted({"actor": marked["actor"]}), None, len(only))
    assert [line["position"] for line in lines] == [line["position"] for line in only]


@pytest.mark.parametrize(("falling", "place"), [(False, 10_000), (True, 0)])
def test_from_a_place_beyond_what_is_wanted_nothing_is_told(store: ViewStore, place: int, *, falling: bool) -> None:
    Projector(LOG, store, VIEWS).catch_up()
    with store.reading() as db:
        assert page(db, LOG, Wanted({}, TIMES[0], TIMES[-1], falling=falling), place, 5) == ([], None)


def test_whoever_never_acted_has_no_history(views: ViewStore) -> None:
    for equal in ({"actor": str(uuid5(NAMES, "nobody"))}, {"organisation": "no such"}, {"stream": str(Story(77).case)}):
        assert asked(views, LOG, Wanted(equal)) == ([], [0])


def test_what_happened_last_is_found_at_once_by_its_time(views: ViewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalling, "STEPS", (1, 1))
    ordered = sorted(FACTS, key=lambda fact: fact.timestamp)
    store, last = folded(ordered).store, micros(ordered[-1].timestamp)
    with store.reading() as db:
        lines, _ = page(db, MemoryLog(ordered), Wanted({}, since=last), None, 2 * history.STRETCH)
    assert lines[-1]["position"] == len(ordered)
    assert asked(store, MemoryLog(ordered), Wanted({}, since=last + 2 * HOUR)) == ([], [0])


def test_an_event_that_nobody_can_read_hides_no_other(views: ViewStore) -> None:
    log = MemoryLog(FACTS)
    position, stream, version, topic, _ = log.rows[4]
    log.rows[4] = (position, stream, version, topic, b"{broken")
    with views.reading() as db:
        lines, _ = page(db, log, Wanted({}), None, 10)
        within, _ = page(db, log, Wanted({}, since=TIMES[0]), None, 10)
    assert [line["position"] for line in lines] == list(range(1, 11))
    assert (lines[4]["topic"], lines[4]["at"], lines[4]["actor"], lines[4]["facts"]) == (topic, None, None, {})
    assert 5 not in [line["position"] for line in within]


class Detached(MemoryLog):
    """A log from which some events were taken out."""

    def __init__(self, facts: Sequence[Fact], gone: range) -> None:
        super().__init__(facts)
        self.gone = gone

    def raw(self, after: int, limit: int) -> list[RawEvent]:
        return [row for row in self.rows[after:] if row[0] not in self.gone][:limit]

    def before(self, position: int, limit: int) -> list[RawEvent]:
        return [row for row in super().before(position, len(self.rows)) if row[0] not in self.gone][:limit]

    def at(self, positions: Sequence[int]) -> dict[int, RawEvent]:
        return {at: row for at, row in super().at(positions).items() if at not in self.gone}


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("name", ["actor", "organisation", "role"])
def test_what_was_taken_out_of_the_log_is_left_out_and_what_lies_behind_it_is_told(
    views: ViewStore, name: str, *, falling: bool
) -> None:
    log = Detached(FACTS, range(50, 250))
    value = LINES[20][name]
    found, _ = asked(views, log, Wanted({name: value}, falling=falling), limit=3)
    expected = [line["position"] for line in LINES if line[name] == value and line["position"] not in log.gone]
    assert found == (expected[::-1] if falling else expected)


def test_a_case_tells_what_a_departments_record_says_of_it(views: ViewStore) -> None:
    case = UUID(LINES[201]["case_id"])
    with views.reading() as db:
        told = timeline(db, LOG, case)
    assert [line["topic"] for line in told if line["kind"] == "standing"] == [
        "standing.opened.v1", "standing.mark-entered.v1",
    ]  # fmt: skip
    positions = [line["position"] for line in told]
    assert positions == sorted(positions)


def test_what_the_reader_may_not_see_is_left_out_and_the_page_is_full_all_the_same(views: ViewStore) -> None:
    def visible(lines: list[Line]) -> list[Line]:
        return [line for line in lines if line["kind"] == "response"]

    expected: list[dict[str, Any]] = visible(LINES)
    with views.reading() as db:
        lines, place = page(db, LOG, Wanted({}), None, 9, visible)
    assert [line["position"] for line in lines] == [line["position"] for line in expected[:9]]
    assert place == expected[8]["position"]
