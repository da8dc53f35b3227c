"""Events come back from the log exactly as they were recorded, or not at all."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import CaseAggregate, Opening, event
from store.errors import NewerStore, UnknownTopic, UnreadableEvent
from store.mapper import EventMapper, topics_of
from tests.store.aggregates import KINDS, Bell, Colour, Lamp, a_bell, a_lamp, act

MAPPER = EventMapper(KINDS)


def lit(**facts: Any) -> Lamp.LampLit:
    return Lamp.LampLit(originator_id=UUID(int=7), originator_version=2, **act().stamp, **facts)


@given(st.lists(st.sampled_from(Colour)).map(tuple), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_an_event_comes_back_equal_and_of_the_same_types(colours: tuple[Colour, ...], lasting: timedelta) -> None:
    recorded = lit(colours=colours, lasting=lasting)
    back = MAPPER.to_domain_event(MAPPER.to_stored_event(recorded))
    assert back == recorded
    assert type(back) is Lamp.LampLit
    assert all(isinstance(colour, Colour) for colour in back.colours)


@given(st.text())
def test_any_text_comes_back_to_the_letter(text: str) -> None:
    lamp = Lamp.open(Lamp.LampHung, UUID(int=7), act(), street=text.encode(errors="replace").decode())
    recorded = lamp.pending_events[0]
    assert MAPPER.to_domain_event(MAPPER.to_stored_event(recorded)) == recorded


def test_the_state_leaves_out_what_has_columns_of_its_own() -> None:
    stored = MAPPER.to_stored_event(a_lamp().pending_events[0])
    assert stored.topic == "test-lamp.hung.v1"
    assert not {"originator_id", "originator_version", "topic"} & set(json.loads(stored.state))


def test_an_event_of_a_type_outside_the_given_aggregates_is_refused() -> None:
    with pytest.raises(UnknownTopic, match=r"test-bell\.hung\.v1"):
        EventMapper([Lamp]).to_stored_event(a_bell().pending_events[0])


def test_a_stored_topic_that_no_aggregate_declares_is_refused_by_name() -> None:
    stored = replace(MAPPER.to_stored_event(lit(colours=())), topic="lamp.stolen.v1")
    with pytest.raises(UnknownTopic, match=r"'lamp\.stolen\.v1'.*does not know"):
        MAPPER.to_domain_event(stored)


def test_a_topic_is_never_taken_for_an_import_path() -> None:
    stored = replace(MAPPER.to_stored_event(lit(colours=())), topic="tests.store.aggregates:Lamp.LampLit")
    with pytest.raises(UnknownTopic):
        MAPPER.to_domain_event(stored)


@pytest.mark.parametrize("state", [b"", b"{}", b"not json", b"[1]", b'{"secret": "\xff"}'])
def test_bytes_that_are_no_event_are_refused_with_their_place(state: bytes) -> None:
    with pytest.raises(UnreadableEvent, match=f"{UUID(int=7)}/2 does not fit"):
        MAPPER.decode(UUID(int=7), 2, "test-lamp.lit.v1", state)


def test_an_unknown_field_is_refused_and_its_value_kept_out_of_the_message() -> None:
    state = MAPPER.to_stored_event(lit(colours=())).state
    with pytest.raises(UnreadableEvent) as refused:
        MAPPER.decode(UUID(int=7), 2, "test-lamp.lit.v1", state[:-1] + b',"owner":"somebody"}')
    assert "owner: extra_forbidden" in str(refused.value)
    assert "somebody" not in str(refused.value)


class Sign(CaseAggregate):
    TOPIC = "test-sign"

    class SignPut(Opening):
        """Once `words` was `text`, and later the language was added."""

        TOPIC: ClassVar[str] = "test-sign.put.v1"
        class_version: ClassVar[int] = 3
        words: str
        language: str

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["words"] = state.pop("text")

        @staticmethod
        def upcast_v2_v3(state: dict[str, Any]) -> None:
            state["language"] = "zh"

    @event(SignPut)
    def __init__(self, words: str) -> None:
        self.words = words


def a_sign_of_today() -> tuple[EventMapper, StoredEvent]:
    mapper = EventMapper([Sign])
    sign = Sign.open(Sign.SignPut, UUID(int=9), act(), words="慢行", language="zh")
    return mapper, mapper.to_stored_event(sign.pending_events[0])


def test_an_event_of_the_first_version_is_upcast_through_every_later_one() -> None:
    mapper, today = a_sign_of_today()
    state = json.loads(today.state)
    del state["class_version"], state["language"]
    state["text"] = state.pop("words")
    assert mapper.to_domain_event(replace(today, state=json.dumps(state).encode())) == mapper.to_domain_event(today)


def test_an_event_of_the_second_version_is_upcast_from_there() -> None:
    mapper, today = a_sign_of_today()
    state = json.loads(today.state) | {"class_version": 2}
    del state["language"]
    assert mapper.to_domain_event(replace(today, state=json.dumps(state).encode())) == mapper.to_domain_event(today)


def test_an_event_of_a_version_to_come_asks_for_the_newer_release() -> None:
    mapper, today = a_sign_of_today()
    state = json.loads(today.state) | {"class_version": 4}
    with pytest.raises(NewerStore, match="newer than 3"):
        mapper.to_domain_event(replace(today, state=json.dumps(state).encode()))


def test_an_old_event_that_the_upcasting_does_not_fit_is_refused_as_unreadable() -> None:
    mapper, today = a_sign_of_today()
    with pytest.raises(UnreadableEvent):
        mapper.to_domain_event(replace(today, state=b'{"class_version":1}'))


def test_the_topics_of_an_aggregate_are_those_it_can_record() -> None:
    expected: dict[str, type[CaseAggregate.Event]] = {
        "test-bell.hung.v1": Bell.BellHung,
        "test-bell.rung.v1": Bell.BellRung,
    }
    assert topics_of(Bell) == expected


def test_an_aggregate_without_a_pinned_topic_is_refused_when_the_mapper_is_made() -> None:
    class Bare(CaseAggregate):
        pass

    with pytest.raises(TypeError, match="Bare pins no topic"):
        EventMapper([Bare])


def test_time_is_stored_in_utc() -> None:
    assert json.loads(MAPPER.to_stored_event(lit(colours=())).state)["timestamp"] == "2022-12-14T04:00:00Z"
