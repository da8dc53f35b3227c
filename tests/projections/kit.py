"""What the tests of the views share: logs in memory, projectors on throw-away databases, and all rows at a glance."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.histories import MemoryLog
from desk.unit import KINDS
from domain.kernel import Fact
from domain.policy.rules import Rules
from projections.projector import Projector
from projections.registry import views
from projections.storage import ViewStore
from projections.tables import Row, ViewTable
from projections.timing import RulesTiming
from projections.view import View
from shaoxiang.resources import documents
from store.log import EventLog
from store.migrations import migrate

RULES = Rules.from_dicts(*(documents(kind) for kind in ("policy", "calendar", "catalogue", "rubric")))
TIMING = RulesTiming(RULES)
VIEWS = views(TIMING)
AGAIN = partial(views, TIMING)
"""Makes the same views in another process."""

Everything = dict[str, list[tuple[Any, ...]]]


def folded(facts: Iterable[Fact], path: Path | None = None) -> Projector:
    """A projector that has folded these facts, every one of them."""
    projector = Projector(MemoryLog(list(facts)), ViewStore(path), VIEWS)
    projector.catch_up()
    assert projector.parked() == []
    return projector


def stored(facts: Iterable[Fact], path: Path) -> EventLog:
    """A log in a file that holds these facts."""
    migrate(path)
    log = EventLog.open(path, KINDS)
    log.append(list(facts))
    return log


def everything(store: ViewStore, chosen: Iterable[View] = VIEWS) -> Everything:
    """Every row of every table, in order of the keys."""
    with store.reading() as db:
        return {
            declared.name: [tuple(row) for row in db.execute(select(declared.table).order_by(*_key(declared)))]
            for view in chosen
            for declared in view.tables
        }


def rows_of(projector: Projector, declared: ViewTable) -> list[Row]:
    """The rows of one table as dicts, in order of the key; documents are parsed."""
    with projector.store.reading() as db:
        found = db.execute(select(declared.table).order_by(*_key(declared))).all()
    read = getattr(declared, "read", lambda values: dict(zip(declared.columns, values, strict=True)))
    return [read(tuple(values)) for values in found]


def only(rows: list[Row]) -> Row:
    """The one row there is."""
    assert len(rows) == 1, rows
    return rows[0]


def _key(declared: ViewTable) -> list[Any]:
    return [declared.table.c[name] for name in declared.key]
