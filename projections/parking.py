"""Cases put aside: what waits, and how somebody asks that it be folded again."""

from typing import NamedTuple

from sqlalchemy import Connection, case, func, select

from projections.storage import PARKED
from store.recorder import RawEvent

_COLUMN = PARKED.c


class Parked(NamedTuple):
    """A case that was put aside: why, from which position on, and how many of its events wait."""

    case_id: str
    position: int
    topic: str
    error: str
    waiting: int


def parked_cases(db: Connection) -> list[Parked]:
    """The cases that were put aside, by the position of the event that failed."""
    counts = select(_COLUMN.case_id, func.count()).group_by(_COLUMN.case_id)
    waiting: dict[str, int] = {row[0]: row[1] for row in db.execute(counts)}
    failed = select(_COLUMN.case_id, _COLUMN.position, _COLUMN.topic, _COLUMN.error).where(_COLUMN.error.is_not(None))
    rows = db.execute(failed.order_by(_COLUMN.position))
    return [Parked(found, position, topic, error, waiting[found]) for found, position, topic, error in rows]


def positions_aside(db: Connection) -> frozenset[int]:
    """The positions of all events that were put aside."""
    return frozenset(db.execute(select(_COLUMN.position)).scalars())


def positions_of(db: Connection, case_id: str) -> list[int]:
    """The positions of a case's events that were put aside, in order."""
    query = select(_COLUMN.position).where(_COLUMN.case_id == case_id).order_by(_COLUMN.position)
    return list(db.execute(query).scalars())


def waiting_cases(db: Connection) -> dict[str, bool]:
    """The cases that wait, and whether somebody asked to fold them again."""
    asked = func.max(case((_COLUMN.retry, 1), else_=0))
    return {found: bool(again) for found, again in db.execute(select(_COLUMN.case_id, asked).group_by(_COLUMN.case_id))}


def ask(db: Connection) -> None:
    """Ask the leader to fold all of them again."""
    db.execute(PARKED.update().where(_COLUMN.error.is_not(None)).values(retry=True))


def answer(db: Connection, case_id: str) -> None:
    """Say that a case was tried and stays aside."""
    db.execute(PARKED.update().where(_COLUMN.case_id == case_id).values(retry=None))


def put_aside(db: Connection, raw: RawEvent, case_id: str, error: str | None) -> None:
    """Put an event aside with its case; `error` where it is the one that failed."""
    db.execute(PARKED.insert().values(position=raw[0], case_id=case_id, topic=raw[3], error=error))


def take_back(db: Connection, case_id: str) -> None:
    """Nothing of the case waits any more."""
    db.execute(PARKED.delete().where(_COLUMN.case_id == case_id))


def forget_folded(db: Connection, until: int, aside: frozenset[int]) -> None:
    """What lies up to a position and is not aside has been folded meanwhile, in all views."""
    db.execute(PARKED.delete().where(_COLUMN.position <= until, _COLUMN.position.not_in(aside)))
