"""Questions that are asked often: put into the driver's words once, and given nothing but their values afterwards.

For each asking SQLAlchemy looks up what it compiled, and builds an execution and a result around the driver's own. For
a page of a list that took as long as the driver did, where others had asked for something else in between.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Connection, Dialect
from sqlalchemy.sql.selectable import SelectBase

__all__ = ["Ready"]

Values = Mapping[str, Any]
NOTHING: Values = {}


class _Said(NamedTuple):
    """A statement as a driver takes it.

    `names` are its parameters in order, `given` what some of them always are. `truths` are the places of a row where a
    number stands for yes or no: SQLite knows nothing else.
    """

    text: str
    positional: bool
    names: tuple[str, ...]
    given: Values
    truths: tuple[int, ...]


class Ready:
    """A statement to be asked again and again, on either store. Values that differ stand in it by name."""

    def __init__(self, make: Callable[[], SelectBase]) -> None:
        """`make` puts the statement together. It is not kept itself: it is many times as large as its text."""
        self._make = make
        self._by_driver: dict[str, _Said] = {}

    def rows(self, db: Connection, values: Values = NOTHING) -> list[tuple[Any, ...]]:
        """What is found with these values; those that it does not know are left out. Raises KeyError for a lack."""
        said = self._by_driver.get(db.dialect.name)
        if said is None:
            said = self._by_driver[db.dialect.name] = _said(self._make(), db.dialect)
        given = said.given
        found = [given[name] if name in given else values[name] for name in said.names]
        parameters: Any = tuple(found) if said.positional else dict(zip(said.names, found, strict=True))
        rows: Any = db.exec_driver_sql(said.text, parameters).all()
        return [_with_truths(row, said.truths) for row in rows] if said.truths else rows


def _with_truths(row: Any, places: tuple[int, ...]) -> tuple[Any, ...]:
    values = list(row)
    for place in places:
        values[place] = None if values[place] is None else bool(values[place])
    return tuple(values)


def _said(statement: SelectBase, dialect: Dialect) -> _Said:
    compiled: Any = statement.compile(dialect=dialect)
    asked = {name for name, bound in compiled.binds.items() if bound.required}
    # Lists of values are written out, for which every parameter must have one.
    written = compiled.construct_expanded_state(dict.fromkeys(asked))
    given = {name: value for name, value in written.parameters.items() if name not in asked}
    columns = () if dialect.supports_native_boolean else enumerate(statement.selected_columns)
    truths = tuple(place for place, column in columns if isinstance(column.type, Boolean))
    names = written.positiontup if compiled.positional else written.parameters
    return _Said(written.statement, compiled.positional, tuple(names), given, truths)
