"""How a list is walked: along an index that its table declares, so that no page reads more than a bounded part of it.

A page follows one index in the order that was asked for, from where the last page ended. What the index does not
answer is looked at row by row. Where the first look does not fill the page, what was asked for is rare: if one of its
conditions alone leaves `FEW` rows, these are looked at whole, and otherwise a page ends after `STEPS` rows. It may
therefore be short, and names where to go on.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Integer,
    Select,
    Subquery,
    and_,
    bindparam,
    func,
    literal_column,
    select,
    text,
    tuple_,
    union_all,
)

from api.keeping import kept
from api.scopes import FEW, Columns
from projections.asking import Ready
from projections.tables import Indexed, ViewTable, always

__all__ = ["STEPS", "Leg", "Place", "Question", "Row", "Walked", "legs", "narrowed", "place_in", "place_of", "walk"]

STEPS = (500, 2_000, 8_000)
"""How many rows one page looks through at a time, in growing steps. The first is enough for whatever is not rare."""

BRANCHES = 16
"""In how many places of an index one page may look, each of them in order."""

Row = tuple[Any, ...]
"""A row in the order of its table's columns."""

Place = tuple[Any, ...]
"""Where a row stands in an order: the value sorted by, and the row's key."""


class Leg(NamedTuple):
    """One part of an order: sorted by a column, upwards or downwards, `missing` where that is for rows without it."""

    column: str
    falling: bool
    missing: str | None = None


def legs(sort: str, tails: Mapping[str, str]) -> tuple[Leg, ...]:
    """The parts of an order, one after another. What has no time comes last, in the order that `tails` names."""
    column, falling = sort.removeprefix("-"), sort.startswith("-")
    tail = tails.get(column)
    if tail is None:
        return (Leg(column, falling),)
    return (Leg(column, falling), Leg(tail.removeprefix("-"), tail.startswith("-"), missing=column))


class Question(NamedTuple):
    """What is asked of a table.

    `holds` makes the whole condition from columns. `fixed` are columns of which only these values are wanted; `asked`
    are the filters, by which an index knows whether it holds all that matches. `within` is a range of the column
    `timed`. `values` are what stands in the conditions by name: questions of one `shape` differ in these, and in the
    values that are fixed, alone. `small` says that few rows can match at all; None, that nobody has counted. `narrow`
    is the index by which they were found few.
    """

    table: ViewTable
    holds: Callable[[Columns], ColumnElement[bool]]
    fixed: Mapping[str, tuple[Any, ...]]
    asked: Mapping[str, Any]
    timed: str | None
    within: Callable[[Columns], Sequence[ColumnElement[bool]]]
    shape: Hashable
    values: Mapping[str, Any]
    small: bool | None = None
    narrow: Indexed | None = None

    def named(self) -> dict[str, Any]:
        """All values by the names that stand for them in statements."""
        fixed = {
            _of(column, number): value for column, values in self.fixed.items() for number, value in enumerate(values)
        }
        return {**self.values, **fixed}

    def fixing(self, column: Column[Any]) -> list[Any]:
        """What stands in statements for the values that a column may have."""
        return [
            bindparam(_of(column.name, number), type_=column.type) for number in range(len(self.fixed[column.name]))
        ]


def _of(column: str, number: int) -> str:
    return f"fixed_{column}_{number}"


class Walked(NamedTuple):
    """Rows that match, and where to go on; None where the leg ends."""

    rows: list[Row]
    onward: Place | None


def walk(db: Connection, question: Question, leg: Leg, place: Place | None, need: int, step: int) -> Walked:
    """Up to `need` rows of a leg behind a place, looking through `step` rows at most."""
    index = None if question.small else _index(question, leg)
    counts = tuple((column, len(values)) for column, values in question.fixed.items())
    form = (question.shape, counts, question.small, question.narrow, leg, place is None)
    values = question.named() | {"need": need} | {f"place_{number}": at for number, at in enumerate(place or ())}
    if index is None or index.whole:
        whole = kept((*form, "whole"), lambda: Ready(partial(_whole, question, leg, begins=place is None)))
        rows = whole.rows(db, values)
        return Walked(rows, place_in(question.table, leg, rows[-1]) if len(rows) == need else None)
    matching, ends = kept((*form, index, step), lambda: _in_steps(question, leg, index, step, begins=place is None))
    rows = matching.rows(db, values)
    if len(rows) == need:
        return Walked(rows, place_in(question.table, leg, rows[-1]))
    return Walked(rows, next(map(tuple, ends.rows(db, values)), None))


def narrowed(db: Connection, question: Question) -> Question:
    """The question, with the index by which one of its conditions alone leaves few rows, if there is such."""
    counted = set()
    for index in question.table.indexes:
        first = index.columns[0]
        rows = (first if first in question.fixed else None, index.where)
        if rows in counted:
            # Another index of the very same rows.
            continue
        if index.when(question.asked) and (first in question.fixed or index.when is not always):
            counted.add(rows)
            some = select(_plain(1)).select_from(question.table.table).limit(_plain(FEW + 1))
            if index.where is not None:
                some = some.where(text(f"({index.where})"))
            if first in question.fixed:
                some = some.where(question.table.table.c[first].in_(question.fixed[first]))
            if db.execute(select(func.count()).select_from(some.subquery())).scalar_one() <= FEW:
                return question._replace(small=True, narrow=index)
    return question._replace(small=False)


def _in_steps(question: Question, leg: Leg, index: Indexed, step: int, *, begins: bool) -> tuple[Ready, Ready]:
    """Along an index, a number of rows at a time: those that match, and where the last one stands."""

    def look() -> tuple[Subquery, list[Column[Any]]]:
        looked = _looked(question, leg, index, step, begins=begins).subquery()
        return looked, _order(question.table, leg, looked.c)

    def matching() -> Select[Any]:
        looked, order = look()
        return select(looked).where(_holds(question, leg, looked.c)).order_by(*_sorted(order, leg)).limit(NEED)

    def last() -> Select[Any]:
        _, order = look()
        return select(*order).order_by(*_sorted(order, leg)).offset(_plain(step - 1)).limit(_plain(1))

    return Ready(matching), Ready(last)


def _whole(question: Question, leg: Leg, *, begins: bool) -> Select[Any]:
    """From few rows, or from an index that holds every column that may be asked for: found first, read after."""
    table = question.table.table
    order = _order(question.table, leg, table.c)
    found = select(*order).where(_holds(question, leg, table.c), *_behind(order, leg, begins=begins))
    if question.small:
        # What matches is collected before it is sorted: walking in order and hoping for matches could be long.
        fixed = (table.c[column].in_(question.fixing(table.c[column])) for column in question.fixed)
        if question.narrow is not None and question.narrow.where is not None:
            found = found.where(text(f"({question.narrow.where})"))
        collected = found.where(*fixed).cte("collected").prefix_with("MATERIALIZED")
        found, order = select(collected), _order(question.table, leg, collected.c)
    keys = found.order_by(*_sorted(order, leg)).limit(NEED).subquery()
    same = and_(*(table.c[key] == keys.c[key] for key in question.table.key))
    return select(table).join(keys, same).order_by(*_sorted(_order(question.table, leg, keys.c), leg))


NEED = bindparam("need", type_=Integer)


def _index(question: Question, leg: Leg) -> Indexed | None:
    """The first declared index that runs in the leg's order once what stands before it is fixed; None for none.

    Without one, the key itself may give the order; a table whose order nothing gives must be small.
    """
    for index in (*question.table.indexes, Indexed(question.table.key)):
        if leg.column not in index.columns:
            continue
        branches = [len(question.fixed.get(column, ())) for column in index.columns[: index.columns.index(leg.column)]]
        in_order = all(1 <= each <= BRANCHES for each in branches) and sum(each > 1 for each in branches) <= 1
        if in_order and index.when(question.asked):
            return index
    return None


def _looked(question: Question, leg: Leg, index: Indexed, step: int, *, begins: bool) -> Select[Any]:
    """The rows that one step looks at: those of the index, in order, from the place on."""
    table = question.table.table
    order = _order(question.table, leg, table.c)
    range_ = question.within(table.c) if question.timed == leg.column else ()
    query = select(table).where(*_behind(order, leg, begins=begins), *range_)
    if index.where is not None:
        query = query.where(text(f"({index.where})"))
    before = index.columns[: index.columns.index(leg.column)]
    several = [column for column in before if len(question.fixed[column]) > 1]
    fixed = {column: question.fixing(table.c[column]) for column in before}
    query = query.where(*(table.c[column] == fixed[column][0] for column in before if column not in several))
    query = query.order_by(*_sorted(order, leg)).limit(_plain(step))
    if not several:
        return query
    # One place of the index after another, each in order, and merged: a list of values would be sorted as a whole.
    [column] = several
    parts = (select(query.where(table.c[column] == value).subquery()) for value in fixed[column])
    together = union_all(*parts).subquery()
    return select(together).order_by(*_sorted(_order(question.table, leg, together.c), leg)).limit(_plain(step))


def _plain(number: int) -> ColumnElement[int]:
    """A number written out: as a parameter, PostgreSQL would plan for a tenth of the table."""
    return literal_column(str(number), Integer)


def _holds(question: Question, leg: Leg, columns: Columns) -> ColumnElement[bool]:
    present = columns[leg.missing].is_(None) if leg.missing else columns[leg.column].is_not(None)
    return and_(question.holds(columns), present)


def _order(view: ViewTable, leg: Leg, columns: Columns) -> list[Column[Any]]:
    """The columns that make the order total, so that no row is skipped or shown twice."""
    return [columns[name] for name in _names(view, leg)]


def _names(view: ViewTable, leg: Leg) -> tuple[str, ...]:
    return (leg.column, *(key for key in view.key if key != leg.column))


def place_in(view: ViewTable, leg: Leg, row: Row) -> Place:
    """Where a row stands in this order."""
    return tuple(row[view.columns.index(name)] for name in _names(view, leg))


def _sorted(order: Sequence[Column[Any]], leg: Leg) -> list[ColumnElement[Any]]:
    return [column.desc() if leg.falling else column for column in order]


def _behind(order: Sequence[Column[Any]], leg: Leg, *, begins: bool) -> list[ColumnElement[bool]]:
    if begins:
        return []
    here = tuple_(*order)
    there = tuple_(*(bindparam(f"place_{number}", type_=column.type) for number, column in enumerate(order)))
    return [here < there if leg.falling else here > there]


def place_of(view: ViewTable, leg: Leg, values: Sequence[Any]) -> Place | None:
    """Values from outside as a place in this order; None where they cannot be one."""
    columns = [view.table.c[name] for name in _names(view, leg)]
    if len(values) != len(columns):
        return None
    fits = all(_fits(column.type.python_type, value) for column, value in zip(columns, values, strict=True))
    return tuple(values) if fits else None


LARGEST = 2**63 - 1


def _fits(kind: type, value: Any) -> bool:
    if kind is int:
        return type(value) is int and abs(value) <= LARGEST
    # A store may hold any text but one with a zero byte or half a character.
    return isinstance(value, str) and "\0" not in value and not any("\ud800" <= each <= "\udfff" for each in value)
