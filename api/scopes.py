"""What a reader may see, as a condition on a view's columns: the city's, a division's, a department's, a person's own.

A condition is made from the kind of scope alone where values are given by name: then a statement is put together once,
and asked with each reader's own values.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, false, func, or_, select, true

from projections.asking import Ready
from projections.board import BOARD, CONCERNS
from projections.inbox import INBOX
from projections.tables import ViewTable

__all__ = [
    "FEW",
    "LARGER_DIVISIONS",
    "STREET_DIGITS",
    "Bind",
    "Columns",
    "Scope",
    "by_name",
    "by_value",
    "fixed_by",
    "has_few",
    "in_scope",
    "shape_of",
    "values_of",
]

Scope = Mapping[str, Any]
Columns = Any
Bind = Callable[[Any, str, Any], Any]
"""How a value gets into a condition, given the column that it is compared with and the value's name."""

STREET_DIGITS = 9
LARGER_DIVISIONS = (4, 6)
"""Digits of a city and a district: matters that no street has taken on yet lie in one of these."""

FEW = 5_000
"""So many rows are looked at whole, in whatever order they lie."""


def by_value(column: Any, name: str, value: Any) -> Any:  # noqa: ARG001 - the form is given
    """The value itself: the statement is for this one alone."""
    return value


def by_name(column: Any, name: str, value: Any) -> Any:  # noqa: ARG001 - the form is given
    """A name; whoever asks gives the value, and without it nothing is asked."""
    return bindparam(name, type_=column.type)


def in_scope(
    view: ViewTable, scope: Scope, columns: Columns = None, *, few: bool = True, bind: Bind = by_value
) -> ColumnElement[bool]:
    """The filter that keeps a reader to what it may see, on the view's own columns where no others are given.

    `few` says that the reader's own matters are few enough to begin with. With `by_name`, `values_of` the scope must be
    given when the statement is asked.
    """
    columns = view.table.c if columns is None else columns
    if scope.get("all"):
        return true()
    if code := scope.get("department"):
        return _of_department(columns, code, bind, few=few)
    if (prefix := scope.get("street_prefix")) is not None:
        return _in_jurisdiction(columns, prefix, bind)
    if person := scope.get("person"):
        return _concerning(columns, str(person), bind, few=few)
    return false()


def shape_of(scope: Scope) -> tuple[object, ...]:
    """What of a scope decides how its condition looks; two of the same shape differ in their values alone."""
    return tuple((kind, value and _looks(kind, value)) for kind, value in scope.items())


def _looks(kind: str, value: Any) -> object:
    """What of a value decides how a condition looks: of a division, how many digits its code has."""
    return len(value) if kind == "street_prefix" else bool(value)


def values_of(scope: Scope) -> dict[str, Any]:
    """The values of a scope, by the names in its condition."""
    prefix: str | None = scope.get("street_prefix")
    who = scope.get("department") or scope.get("person")
    found = {} if who is None else {"who": str(who)}
    if prefix is not None:
        found |= {"prefix": prefix} | {f"larger_{digits}": prefix[:digits] for digits in LARGER_DIVISIONS}
    return found


def fixed_by(scope: Scope, view: ViewTable) -> dict[str, tuple[Any, ...]]:
    """The columns of which the scope leaves only some values."""
    prefix = scope.get("street_prefix")
    if "jurisdiction" in view.columns and prefix is not None and len(prefix) >= STREET_DIGITS:
        return {"jurisdiction": (prefix, *(prefix[:digits] for digits in LARGER_DIVISIONS))}
    department = scope.get("department")
    if department is not None:
        return {name: (department,) for name in ("recipient", "department") if name in view.columns}
    return {}


def has_few(db: Connection, view: ViewTable, scope: Scope) -> bool:
    """Whether the scope is a person's or department's own matters, and these are few."""
    who = scope.get("person") or scope.get("department")
    if who is None or view is not BOARD:
        return False
    [(counted,)] = _SOME.rows(db, {"who": str(who)})
    return bool(counted <= FEW)


_OWN = CONCERNS.table.c
_SOME = Ready(
    lambda: select(func.count()).select_from(
        select(_OWN.case_id).where(_OWN.who == bindparam("who", type_=_OWN.who.type)).limit(FEW + 1).subquery()
    )
)


def _of_department(columns: Columns, code: str, bind: Bind, *, few: bool) -> ColumnElement[bool]:
    """What is addressed to the department; of matters, those it was called to."""
    for column in ("recipient", "department"):
        if column in columns:
            equal: ColumnElement[bool] = columns[column] == bind(columns[column], "who", code)
            return equal
    if "stream" in columns:
        inbox = INBOX.table.c
        mine = inbox.department == bind(inbox.department, "who", code)
        return select(inbox.id).where(inbox.id == columns["stream"], mine).exists()
    return _concerning(columns, code, bind, few=few)


def _concerning(columns: Columns, who: str, bind: Bind, *, few: bool) -> ColumnElement[bool]:
    own = _OWN.who == bind(_OWN.who, "who", who)
    if "case_id" not in columns and few:
        mine: ColumnElement[bool] = columns["id"].in_(select(_OWN.case_id).where(own))
        return mine
    case = columns["case_id"] if "case_id" in columns else columns["id"]
    return select(_OWN.case_id).where(own, _OWN.case_id == case).exists()


def _in_jurisdiction(columns: Columns, prefix: str, bind: Bind) -> ColumnElement[bool]:
    """What lies in the division; a street also sees what no street has taken on yet, as it may be the first to act."""
    if "jurisdiction" in columns:
        area = columns["jurisdiction"]
        # A division's code is digits, so nothing in it stands for something else.
        inside: ColumnElement[bool] = area.startswith(bind(area, "prefix", prefix), escape="/")
        if len(prefix) < STREET_DIGITS:
            return inside
        return or_(inside, area.in_([bind(area, f"larger_{digits}", prefix[:digits]) for digits in LARGER_DIVISIONS]))
    board = BOARD.table.alias()
    within = _in_jurisdiction(board.c, prefix, bind)
    return select(board.c.id).where(board.c.id == columns["case_id"], within).exists()
