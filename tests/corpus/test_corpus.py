"""What an older release wrote can be read for ever: every event type has a frozen sample that loads."""

import json
from typing import Any

import pytest

from store.errors import UnknownTopic, UnreadableEvent
from tests.corpus.make import MAPPER, PLAYS, Sample, played, read, wanted

SAMPLES = read()
COLUMNS = {"originator_id", "originator_version"}


def load(sample: Sample) -> Any:
    return MAPPER.decode(*sample.stored)


def doctored(sample: Sample, **state: object) -> Sample:
    return sample._replace(state=state)


def test_every_event_type_has_a_sample_in_the_version_in_which_it_is_written() -> None:
    missing = wanted() - {sample.key for sample in SAMPLES}
    assert not missing, f"run python -m tests.corpus.make to add {sorted(missing)}"


def test_no_sample_stands_for_a_type_that_was_forgotten() -> None:
    forgotten = {sample.topic for sample in SAMPLES} - set(MAPPER.topics)
    assert not forgotten, "a topic that was once written must be readable for ever"
    assert len({sample.key for sample in SAMPLES}) == len(SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.topic}-{sample.class_version}")
def test_a_sample_loads_and_is_written_again_as_it_was(sample: Sample) -> None:
    event = load(sample)
    assert type(event) is MAPPER.topics[sample.topic]
    if (sample.topic, sample.class_version) in wanted():
        # A field that was added since, with a default, is not in the sample and is left out here.
        again = json.loads(event.model_dump_json(exclude=COLUMNS, exclude_unset=True))
        assert again == {name: value for name, value in sample.state.items() if name != "class_version"}
    assert MAPPER.to_domain_event(MAPPER.to_stored_event(event)) == event


def test_a_field_that_the_type_no_longer_has_is_noticed_in_every_sample() -> None:
    unnoticed = []
    for sample in SAMPLES:
        try:
            load(doctored(sample, **sample.state, formerly="so called"))
        except UnreadableEvent:
            continue
        unnoticed.append(sample.topic)
    assert not unnoticed


def test_a_field_that_was_renamed_or_taken_away_is_noticed_in_every_sample() -> None:
    """Each sample stands for its type with one field under another name: it must load in no case."""
    unnoticed = []
    for sample in SAMPLES:
        for field in sample.state:
            renamed = {(f"{name}_" if name == field else name): value for name, value in sample.state.items()}
            try:
                load(doctored(sample, **renamed))
            except UnreadableEvent:
                continue
            unnoticed.append(f"{sample.topic}.{field}")
    assert not unnoticed


def test_a_field_that_must_be_there_may_not_go_missing() -> None:
    sample = next(each for each in SAMPLES if each.topic == "response.arrival-missed.v1")
    without = {name: value for name, value in sample.state.items() if name != "again_at"}
    with pytest.raises(UnreadableEvent, match="again_at"):
        load(doctored(sample, **without))


def test_a_topic_that_was_renamed_is_noticed() -> None:
    with pytest.raises(UnknownTopic, match=r"report\.handed-in"):
        load(SAMPLES[0]._replace(topic="report.handed-in.v1"))


def test_the_plays_beside_the_corpus_still_run() -> None:
    topics = {sample.topic for sample in played(PLAYS)}
    assert {"case.listing-missed.v1", "standing.ladder-step-withdrawn.v1", "person.annual-assessment-made.v1"} <= topics
