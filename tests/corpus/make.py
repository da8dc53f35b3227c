"""Adds a sample to the frozen corpus for every event type and class version that has none yet.

    python -m tests.corpus.make

Lines that stand are never changed: they are what an older release wrote. Where a type cannot be read any more, the
type is what has to change, by a new class version with an upcast. Samples come from the scenarios, and from the plays
beside this file for what no scenario reaches; extend a play when a new type stays without a sample.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from desk.unit import KINDS
from shaoxiang.clock import VirtualClock
from shaoxiang.parts import house_in_memory, load_rules
from shaoxiang.player import Player, read_scenario
from shaoxiang.resources import load_city, scenario_files
from store.mapper import EventMapper

FOLDER = Path(__file__).parent
CORPUS = FOLDER / "events.jsonl"
PLAYS = sorted((FOLDER / "plays").glob("*.json"))
MAPPER = EventMapper(KINDS)

Key = tuple[str, int]
"""A topic and a class version."""


class Sample(NamedTuple):
    """One stored event, in the fields of one line of the corpus."""

    topic: str
    class_version: int
    stream: str
    version: int
    state: dict[str, object]

    @property
    def key(self) -> Key:
        """What the sample stands for."""
        return self.topic, self.class_version

    @property
    def stored(self) -> tuple[UUID, int, str, bytes]:
        """The stored row, in the order in which the mapper decodes one."""
        state = json.dumps(self.state, ensure_ascii=False, separators=(",", ":"))
        return UUID(self.stream), self.version, self.topic, state.encode()


def wanted() -> set[Key]:
    """Every event type that can be recorded today, in the version in which it is written."""
    return {(topic, getattr(kind, "class_version", 1)) for topic, kind in MAPPER.topics.items()}


def read() -> list[Sample]:
    """The samples that stand."""
    if not CORPUS.exists():
        return []
    return [Sample(**json.loads(line)) for line in CORPUS.read_text(encoding="utf-8").splitlines()]


def played(files: Iterable[Path]) -> Iterator[Sample]:
    """Every event that comes of playing some scenario files, each in a house of its own."""
    for path in files:
        scenario = read_scenario(path)
        city = load_city().with_extra([each.model_dump(exclude_none=True) for each in scenario.organisations])
        clock = VirtualClock(scenario.steps[0].at)
        house = house_in_memory(load_rules(), city, clock.now)
        try:
            outcome = Player(house, clock, scenario).play()
            if outcome.wrong:
                msg = f"{path.name}: {outcome.wrong[0]}"
                raise ValueError(msg)
            for _, stream, version, topic, state in house.log.raw(0, 1_000_000):
                class_version = getattr(MAPPER.topics[topic], "class_version", 1)
                yield Sample(topic, class_version, str(UUID(bytes=stream)), version, json.loads(state))
        finally:
            house.close()


def main() -> None:
    """Write what is missing behind what stands, and say what is missing still."""
    missing = wanted() - {sample.key for sample in read()}
    found: dict[Key, Sample] = {}
    for sample in played([*scenario_files(), *PLAYS]):
        if sample.key in missing:
            found.setdefault(sample.key, sample)
    with CORPUS.open("a", encoding="utf-8") as file:
        for key in sorted(found):
            file.write(json.dumps(found[key]._asdict(), ensure_ascii=False) + "\n")
    for topic, version in sorted(missing - set(found)):
        print(f"No play records {topic} in version {version}: extend one in {FOLDER / 'plays'}.")  # noqa: T201
    print(f"{len(found)} samples added to {CORPUS}.")  # noqa: T201


if __name__ == "__main__":
    main()
