"""The parts of a house, put together: log, rules, city, desk, views, sweeper. Wiring builds them for each use."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import CollectorRegistry

from desk.desk import Desk
from desk.unit import KINDS
from desk.world import Photos, Vault, World
from domain.policy.rules import Rules
from domain.registry.organisations import City
from projections.due import earliest
from projections.projector import BATCH, POLL_SECONDS, Projector
from projections.registry import views
from projections.storage import ViewStore
from projections.times import micros, moment
from projections.timing import RulesTiming
from scheduler.sweep import DueView, Sweeper, SweepMetrics
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


@dataclass(frozen=True)
class House:
    """Everything that works together on one store."""

    log: EventLog
    world: World
    desk: Desk
    projector: Projector
    views: ViewStore
    sweeper: Sweeper
    registry: CollectorRegistry

    def next_due_after(self, at: datetime) -> datetime | None:
        """When something is due next, later than a moment, as far as the due view knows."""
        with self.views.reading() as db:
            found = earliest(db, after=micros(at))
        return moment(found) if found is not None else None

    def close(self) -> None:
        """Give the files back."""
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
) -> House:
    """Put a house together on a log and a views' database."""
    world = World(log=log, rules=rules, city=city, now=now, vault=vault, photos=photos, digest_key=digest_key)
    desk = Desk(world)
    projector = Projector(log, view_store, views(RulesTiming(rules)), batch=batch, poll_seconds=poll_seconds)
    registry = CollectorRegistry()
    sweeper = Sweeper(DueView(view_store.engine), desk, SweepMetrics(registry), settle=settle)
    return House(log, world, desk, projector, view_store, sweeper, registry)


def house_in_memory(rules: Rules, city: City, now: Callable[[], datetime]) -> House:
    """A house of which nothing outlives the process, for plays and tests."""
    return assemble(EventLog.in_memory(KINDS), ViewStore(None), rules, city, now, settle=timedelta(0))
