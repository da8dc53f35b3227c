"""Who may look at what: the desk's table of sight, asked of the views, so that a list and a single thing agree."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, bindparam, select

from api.deps import Deps
from api.keeping import kept
from api.scopes import by_name, in_scope, shape_of, values_of
from desk.actors import Actor
from desk.permissions import Sight, sight
from domain.errors import NotPermitted, Unknown
from domain.kernel import Kind
from projections.asking import Ready
from projections.board import BOARD
from projections.events import case_of, kind_of, sibling
from projections.inbox import INBOX
from projections.interviews import INTERVIEWS
from projections.statistics import EVERYTHING, Scope
from projections.tables import Entity

__all__ = [
    "must_see",
    "must_see_cases",
    "must_see_outcomes",
    "seen",
    "seen_in",
    "sees_everything",
    "sight_of",
    "statistical",
]


def sight_of(deps: Deps, actor: Actor) -> Sight:
    """What the actor may read."""
    return sight(actor, deps.city)


def must_see_cases(deps: Deps, actor: Actor) -> Sight:
    """The sight of a role that reads cases; NotPermitted for one that touches none."""
    found = sight_of(deps, actor)
    if not found.cases:
        raise NotPermitted(f"The role {actor.role.value} reads no cases.", role=actor.role.value)
    return found


def must_see_outcomes(deps: Deps, actor: Actor) -> Sight:
    """The sight of a role that reads what came of cases; NotPermitted for one that does not."""
    found = sight_of(deps, actor)
    if not found.outcomes:
        raise NotPermitted(f"The role {actor.role.value} reads no outcomes.", role=actor.role.value)
    return found


def statistical(deps: Deps, reader: Sight) -> Scope:
    """The scope of figures: what lies in the whole city is simply everything, and coarser sums can tell it."""
    return EVERYTHING if sees_everything(deps, reader) else reader.scope


def sees_everything(deps: Deps, reader: Sight) -> bool:
    """Whether every matter of the city lies in the scope, so that nobody need look where one lies."""
    return reader.scope.get("street_prefix") == deps.city.code or bool(reader.scope.get("all"))


def must_see(deps: Deps, db: Connection, actor: Actor, stream: UUID) -> Sight:
    """The actor's sight, where it reaches a stream of a case.

    Raises Unknown where the views have no such stream, NotPermitted where it lies outside the scope.
    """
    found = must_see_cases(deps, actor)
    by_matter, scope = _by_matter(found), found.scope
    asked = kept(
        ("matter", by_matter, shape_of(scope)), lambda: Ready(partial(_matter, scope if by_matter else EVERYTHING))
    )
    matter = asked.rows(db, {**values_of(scope), "matter": case_of(str(stream))})
    if not matter:
        raise Unknown(f"There is no {stream}; a new one shows a moment later, see Prefer: wait.", id=str(stream))
    if not (matter[0][0] if by_matter else seen(db, found, [str(stream)])):
        raise NotPermitted(f"{stream} lies outside what {actor.organisation} may read.", id=str(stream))
    return found


def _matter(scope: Scope) -> Select[Any]:
    """Whether a matter lies in a scope; no row where there is no such matter."""
    matter = BOARD.table.c.id
    inside = in_scope(BOARD, scope, bind=by_name)
    return select(inside).where(matter == bindparam("matter", type_=matter.type))


def _by_matter(reader: Sight) -> bool:
    """Whether who sees a matter sees all that is in it; a department sees its own part alone."""
    return "department" not in reader.scope


def seen_in(db: Connection, reader: Sight, streams: Iterable[str]) -> set[str]:
    """Those streams of one matter that the reader may see, who was found to see the matter (`must_see`)."""
    return set(streams) if _by_matter(reader) else seen(db, reader, streams)


def seen(db: Connection, reader: Sight, streams: Iterable[str]) -> set[str]:
    """Those of the streams that the reader may see.

    A department sees the matters it was called to, and in them its own responses and what became of these.
    """
    asked = set(streams)
    if reader.scope.get("all"):
        return asked
    by_row: dict[tuple[Entity, str], list[str]] = {}
    for stream in asked:
        by_row.setdefault(_decides(stream, alone=not _by_matter(reader)), []).append(stream)
    found: set[str] = set()
    for entity in (BOARD, INBOX, INTERVIEWS):
        keys = [key for table, key in by_row if table is entity]
        column = entity.table.c.id
        query = select(column).where(column.in_(keys), in_scope(entity, reader.scope))
        for key in db.execute(query).scalars() if keys else ():
            found.update(by_row[entity, key])
    return found


def _decides(stream: str, *, alone: bool) -> tuple[Entity, str]:
    """The row whose scope decides about a stream: its matter's, or, for a department, its own."""
    kind: Any = kind_of(stream)
    if alone and kind == Kind.RESPONSE:
        return INBOX, stream
    if alone and kind == Kind.EVALUATION:
        return INBOX, sibling(stream, Kind.RESPONSE)
    if alone and kind == Kind.INTERVIEW:
        return INTERVIEWS, stream
    return BOARD, case_of(stream)
