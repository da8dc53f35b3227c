"""Columns of values as PostgreSQL's array literals: a statement takes in all rows of a table by them, in one message.

Made out of JSON, because that is much quicker than handing the driver one value after the other.
"""

from collections.abc import Sequence
from typing import Any

import orjson

from projections.tables import ViewTable

_SHARED = (b"\\\\", b'\\"')
"""What JSON and an array literal escape alike."""

_BY_HAND = str.maketrans({"\\": r"\\", '"': r"\"", "\0": "\N{REPLACEMENT CHARACTER}"})
"""How a text is escaped in which JSON escapes more than that. A NUL is what the database cannot keep."""

_KINDS = {str: "text", int: "bigint", bool: "boolean", float: "double precision"}


def unnested(table: ViewTable, columns: Sequence[str]) -> str:
    """What stands for rows with these columns of the table in a statement that is given an array literal for each."""
    marks = ", ".join(f"%s::{_KINDS[table.table.columns[name].type.python_type]}[]" for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    return f"unnest({marks}) AS given ({names})"


def literals(rows: Sequence[tuple[Any, ...]]) -> list[str]:
    """The rows, of which there is at least one, as an array literal a column."""
    return [_literal(column) for column in zip(*rows, strict=True)]


def _literal(values: tuple[Any, ...]) -> str:
    said = orjson.dumps(values)
    if b"\\" in said and _only_json(said):
        return "{" + ",".join(map(_by_hand, values)) + "}"
    return "{" + said[1:-1].decode() + "}"


def _only_json(said: bytes) -> bool:
    """Whether anything is escaped in a way that JSON alone knows, such as the end of a line."""
    for shared in _SHARED:
        said = said.replace(shared, b"")
    return b"\\" in said


def _by_hand(value: object) -> str:
    if isinstance(value, str):
        return f'"{value.translate(_BY_HAND)}"'
    return orjson.dumps(value).decode()
