"""Rows as the text that PostgreSQL's COPY reads.

Made by hand, a whole table at a time, because that is much quicker than handing the driver one row after the other.
"""

from collections.abc import Sequence
from typing import Any

NULL = "None"
"""What stands for no value: what Python prints for it."""

_SEPARATOR, _END, _ESCAPE = "\t", "\n", "\\"
_ESCAPES = str.maketrans(
    {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": "\N{REPLACEMENT CHARACTER}"}
)  # fmt: skip
_SUSPECT = ("\r", "\0", _ESCAPE)


def statement(table: str, columns: str) -> str:
    """The statement that takes in what `text` makes."""
    return f"COPY {table} ({columns}) FROM STDIN (FORMAT TEXT, NULL '{NULL}')"


def text(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """The rows, a line each. Text is written as it stands where nothing in it could be mistaken for a separator."""
    width = len(rows[0])
    line = _SEPARATOR.join(["%s"] * width) + _END
    whole = "".join([line % values for values in rows])
    if _plain(whole, len(rows), width) and not _says_null(rows):
        return whole.encode()
    return "".join([_careful(line, values, width) for values in rows]).encode()


def _plain(whole: str, rows: int, width: int) -> bool:
    return (
        whole.count(_SEPARATOR) == rows * (width - 1)
        and whole.count(_END) == rows
        and not any(mark in whole for mark in _SUSPECT)
    )


def _says_null(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether any text reads like no value."""
    return any(NULL in column for column in zip(*rows, strict=True))


def _careful(line: str, values: tuple[Any, ...], width: int) -> str:
    plain = line % values
    if _plain(plain, 1, width) and NULL not in plain:
        return plain
    return line % tuple(_escaped(value) if isinstance(value, str) else value for value in values)


def _escaped(value: str) -> str:
    # An escaped letter stands for itself, and no longer reads like no value.
    return rf"\{NULL}" if value == NULL else value.translate(_ESCAPES)
