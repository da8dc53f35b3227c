"""The parts of a house, put together: log, rules, city, desk, views, sweeper. Wiring builds them for each use."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from desk.contention import at_once
from desk.desk import Desk
from desk.unit import KINDS
from desk.world import Photos, Vault, World
from domain.policy.rules import Rules
from domain.registry.organisations import City
from projections.due import earliest
from projections.following import Follower
from projections.projector import BATCH, POLL_SECONDS, Projector
from projections.registry import views
from projections.storage import ViewStore
from projections.times import micros, moment
from projections.timing import RulesTiming
from projections.view import View
from scheduler.sweep import DueView, Sweeper, SweepMetrics, everything
from shaoxiang.resources import documents
from store.log import EventLog


def load_rules(data: Path | None = None, policies: list[dict[str, object]] | None = None) -> Rules:
    """The versioned rules of a data folder; `policies` stand in for the folder's, to rehearse a changed rule."""
    return Rules.from_dicts(
        policies=policies if policies is not None else documents("policy", data),
        calendars=documents("calendar", data),
        catalogues=documents("catalogue", data),
        rubrics=documents("rubric", data),
    )


CATCH_UP_SECONDS = 600
"""How long a command waits for another process to fold what it needs."""

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class _Views:
    """Makes the views anew, in a process that a rebuild starts beside this one."""

    rules: Rules

    def __call__(self) -> tuple[View, ...]:
        return views(RulesTiming(self.rules))


@dataclass(frozen=True)
class Timers:
    """How the timers of a house work: which shards are its own, how many streams fire side by side.

    `settle` is how long a fired row may stay in the views before it is tried again, while they catch up.
    """

    shards: Callable[[], Collection[str] | None] = everything
    threads: int = 1
    settle: timedelta = timedelta(seconds=1)


@dataclass(frozen=True)
class House:
    """Everything that works together on one store. It folds the views itself, or follows a process that does."""

    log: EventLog
    world: World
    desk: Desk
    following: Projector | Follower
    views: ViewStore
    sweeper: Sweeper
    registry: CollectorRegistry

    @property
    def projector(self) -> Projector:
        """The house's own projector. A house that only follows has none, and nobody may ask it to fold."""
        assert isinstance(self.following, Projector), "this house follows its views; open it to fold them"
        return self.following

    def next_due_after(self, at: datetime) -> datetime | None:
        """When something is due next, later than a moment, as far as the due view knows."""
        with self.views.reading() as db:
            found = earliest(db, after=micros(at))
        return moment(found) if found is not None else None

    def catch_up(self) -> None:
        """Let the views have everything that is in the log by now: whoever leads them folds it, else this house does.

        Raises RuntimeError where another process leads and does not get there.
        """
        wanted, backend = self.log.position(), self.views.backend
        until = time.monotonic() + CATCH_UP_SECONDS
        while self._viewed() < wanted:
            if not backend.shared:
                self.projector.catch_up()
            elif backend.try_to_lead():
                try:
                    self.projector.catch_up()
                finally:
                    backend.step_down()
            elif time.monotonic() > until:
                msg = f"The views did not reach position {wanted} in {CATCH_UP_SECONDS} s: see how the workers are."
                raise RuntimeError(msg)
            else:
                time.sleep(LOOK_SECONDS)

    def _viewed(self) -> int:
        with self.views.reading() as db:
            return min((place.position for place in self.views.positions(db)), default=0)

    def close(self) -> None:
        """Give the files and the connections back."""
        self.sweeper.close()
        if isinstance(self.following, Follower):
            self.following.close()
        self.views.close()
        self.log.close()


def assemble(
    log: EventLog,
    view_store: ViewStore,
    rules: Rules,
    city: City,
    now: Callable[[], datetime],
    *,
    vault: Vault | None = None,
    photos: Photos | None = None,
    digest_key: bytes = b"play",
    batch: int = BATCH,
    poll_seconds: float = POLL_SECONDS,
    settle: timedelta = timedelta(seconds=1),
    folds: bool = True,
    timers: Timers | None = None,
    pause: Callable[[int], None] = at_once,
    errand: Callable[[], None] = lambda: None,
) -> House:
    """Put a house together on a log and a views' database; where it does not fold it follows who does.

    `errand` is what its projector does besides, while it leads.
    """
    world = World(
        log=log, rules=rules, city=city, now=now, vault=vault, photos=photos, digest_key=digest_key, pause=pause
    )
    desk = Desk(world)
    following: Projector | Follower
    if folds:
        again = _Views(rules)
        following = Projector(
            log, view_store, again(), batch=batch, poll_seconds=poll_seconds, again=again, errand=errand
        )
    else:
        following = Follower(view_store, log)
    registry = CollectorRegistry()
    timers = timers or Timers(settle=settle)
    due = DueView(view_store.engine, timers.shards)
    sweeper = Sweeper(due, desk, SweepMetrics(registry), settle=timers.settle, threads=timers.threads)
    return House(log, world, desk, following, view_store, sweeper, registry)


def house_in_memory(rules: Rules, city: City, now: Callable[[], datetime]) -> House:
    """A house of which nothing outlives the process, for plays and tests."""
    return assemble(EventLog.in_memory(KINDS), ViewStore(None), rules, city, now, settle=timedelta(0))
