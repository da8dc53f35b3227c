"""A view: one question, its tables, and a visible map from event topics to the handlers that fold them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from projections.events import Event
from projections.rows import Rows, Settle
from projections.tables import Entity, ViewTable

Handler = Callable[[Event, Rows], None]


@dataclass(frozen=True)
class View:
    """One question answered from the log.

    `name` carries a version: a view whose meaning changes gets a new one and is folded afresh. `handles` and
    `ignores` together name every topic there is, so that a new event cannot be forgotten. `reads` names other
    views' entities that the handlers look at: those views are folded first, from the same events. `settles` are
    called with each changed row of their entity just before it is written, for what need not be done at every event.
    """

    name: str
    question: str
    tables: tuple[ViewTable, ...]
    handles: Mapping[str, Handler]
    ignores: frozenset[str]
    reads: tuple["View", ...] = field(default=())
    settles: Mapping[Entity, Settle] = field(default_factory=dict)

    @property
    def entities(self) -> tuple[Entity, ...]:
        """The tables whose rows are read while folding."""
        return tuple(table for table in self.tables if isinstance(table, Entity))


def closure(views: Iterable[View]) -> tuple[View, ...]:
    """The views together with all that they read, each once, and each after what it reads."""
    ordered: dict[str, View] = {}

    def visit(view: View) -> None:
        for other in view.reads:
            visit(other)
        ordered.setdefault(view.name, view)

    for view in views:
        visit(view)
    return tuple(ordered.values())


def empty_rows(views: Iterable[View]) -> Rows:
    """Memory for folding these views, with nothing in it yet."""
    views = tuple(views)
    settles = {entity: settle for view in views for entity, settle in view.settles.items()}
    return Rows((entity for view in views for entity in view.entities), settles)
