"""How many clocks run, by place or department: counted as they start and end, so that nobody counts them to know.

What runs is some twentieth of six weeks' cases; a dashboard that counted it anew would grow with the city. Drills are
left out.
"""

from typing import Any

from sqlalchemy import BigInteger, Column, Text

from projections.rows import Rows
from projections.tables import Counter, Entity, Row

COUNTED = "counted!"
"""The private key of a row under which stands where it was counted last; None for nowhere."""

Where = tuple[str, ...] | None


class Running:
    """The counter of an entity's rows that have a due time, by some of their columns.

    Whoever changes such a row takes it from `edit`, and lets `count` look at it before it is written.
    """

    def __init__(self, entity: Entity, due: str, by: tuple[str, ...]) -> None:
        """`due` is the column that is empty where nothing runs."""
        self.entity, self.by, self._due = entity, by, due
        columns: list[Column[Any]] = [Column(name, Text, primary_key=True) for name in by]
        self.table = Counter(f"{entity.name}_running", *columns, Column("running", BigInteger))

    def edit(self, rows: Rows, key: str) -> Row | None:
        """The row under a key, to be changed in place, or None."""
        row = rows.edit(self.entity, key)
        if row is not None and COUNTED not in row:
            # New, or loaded anew: it was counted as it was written.
            row[COUNTED] = self._where(row)
        return row

    def count(self, row: Row, rows: Rows) -> None:
        """Count the row where it belongs now, and no more where it was counted before."""
        before, after = row.get(COUNTED), self._where(row)
        if before != after:
            counted = rows.counted(self.table)
            for where, amount in ((before, -1), (after, 1)):
                if where is not None:
                    counted.setdefault(where, [0])[0] += amount
            row[COUNTED] = after

    def _where(self, row: Row) -> Where:
        if row[self._due] is None or row["drill"]:
            return None
        return tuple(row[name] or "" for name in self.by)
