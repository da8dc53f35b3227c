"""What must hold of the log after the run, whatever was killed when. Each check reads the log, and nothing else."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from uuid import UUID

from api.commands import command_id
from desk.actors import SYSTEM
from desk.unit import KINDS
from domain.dispatch.facts.response import UrgeIssued
from domain.policy.deadlines import Clock, Stage
from store.log import EventLog, Recorded
from tests.crash.driver import Answered
from tests.crash.plan import Person

BATCH = 1000


class Audit:
    """The whole log as it lies on disk; it may be taken while a server writes."""

    def __init__(self, path: Path) -> None:
        self.events: list[Recorded] = []
        self._path = path
        with self.log() as log:
            while found := log.events(self.events[-1].position if self.events else 0, BATCH):
                self.events.extend(found)

    def log(self) -> EventLog:
        """The log, opened to be read beside whoever writes it."""
        return EventLog.open(self._path, KINDS, read_only=True)

    # Commands.

    def prove_commands(self, answered: Iterable[Answered], people: Mapping[str, Person], before: int) -> int:
        """Every acknowledged command took effect once, as it was answered, and no other command did.

        `before` is how many commands the store had before the run. A command's events lie side by side in the log and
        end at the position that its answer names, so the answer says exactly which they are. Answers how many of them
        had taken effect already when the attempt began that was answered.
        """
        repeated = 0
        at = {recorded.position: index for index, recorded in enumerate(self.events)}
        owned: Counter[int] = Counter()
        mine: set[UUID] = set()
        with self.log() as log:
            for each in answered:
                identity = command_id(people[each.by].actor.person, each.key)
                mine.add(identity)
                row, answer = log.command(identity), each.answer
                assert row is not None, f"{each.path} was acknowledged, and is lost"
                assert row.position == answer["position"], f"{each.path} was answered for another effect"
                assert row.position in at, f"what {each.path} recorded is lost"
                repeated += row.at < each.asked_at
                last = at[row.position]
                block = range(last - len(answer["events"]) + 1, last + 1)
                topics = [self.events[index].event.TOPIC for index in block]  # type: ignore[attr-defined]
                assert topics == answer["events"], f"{each.path} was answered otherwise than it is recorded"
                owned.update(block)
        assert max(owned.values()) == 1, "two commands were answered with the same events"
        for index, recorded in enumerate(self.events):
            by = recorded.event.meta.command_id
            assert index in owned or by not in mine, f"an acknowledged command acted again at {recorded.position}"
        assert self.commands() == before + len(mine), "the log has commands that nobody was told of"
        return repeated

    def commands(self) -> int:
        """How many commands the log has a row of."""
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as connection:
            count: int = connection.execute("SELECT COUNT(*) FROM command").fetchone()[0]
        return count

    def prove_versions(self) -> None:
        """Every stream counts its events from one, without a gap or a repetition."""
        versions: defaultdict[UUID, list[int]] = defaultdict(list)
        for recorded in self.events:
            versions[recorded.event.originator_id].append(recorded.event.originator_version)
        for stream, found in versions.items():
            assert found == list(range(1, len(found) + 1)), f"stream {stream} has the versions {found}"

    # Clocks.

    def clocks(self) -> dict[tuple[UUID, Stage], Clock]:
        """Every clock as it stands at last."""
        return {
            (recorded.event.originator_id, clock.stage): clock
            for recorded in self.events
            for clock in recorded.event.clocks
        }

    def overdue(self, at: datetime) -> list[tuple[UUID, Stage]]:
        """The clocks that fell due before that moment, and nobody met or called missed. RETURN is but a window."""
        return [key for key, clock in self.clocks().items() if key[1] is not Stage.RETURN and clock.overdue(at)]

    def misses(self) -> Counter[tuple[UUID, Stage]]:
        """How often each clock was called missed: by an event of its own, by the timer, not before it was due."""
        found: Counter[tuple[UUID, Stage]] = Counter()
        for recorded in self.events:
            event = recorded.event
            if event.TOPIC.endswith("-missed.v1"):  # type: ignore[attr-defined]
                [clock] = [clock for clock in event.clocks if clock.missed_at is not None]
                assert event.meta.actor == SYSTEM, f"somebody called a clock missed at {recorded.position}"
                assert clock.due_at <= event.timestamp, f"a clock was called missed too early at {recorded.position}"
                found[event.originator_id, clock.stage] += 1
        return found

    def urges(self) -> Counter[tuple[UUID, Stage | None]]:
        """How often each clock urged when it turned yellow."""
        return Counter(
            (recorded.event.originator_id, recorded.event.stage)
            for recorded in self.events
            if isinstance(recorded.event, UrgeIssued) and recorded.event.cause == "yellow"
        )

    def prove_clocks(self, until: datetime) -> None:
        """Each clock that fell due was called missed exactly once, and none that was met or stopped in time."""
        misses = self.misses()
        for key, clock in self.clocks().items():
            wanted = 1 if clock.missed_at is not None else 0
            assert misses[key] == wanted, f"the clock {key} was called missed {misses[key]} times: {clock}"
            if clock.met_at is not None:
                late = clock.met_at > clock.due_at
                assert (wanted == 1) is late, f"the clock {key} was met {'late' if late else 'in time'}: {clock}"
        assert not self.overdue(until), "clocks fell due, and nobody called them missed"
        assert max(self.urges().values(), default=0) <= 1, "a clock urged twice"
