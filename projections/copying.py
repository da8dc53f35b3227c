"""Rows as the text that PostgreSQL's COPY reads.

Made by hand, a whole table at a time, because that is much quicker than handing the driver one row after the other.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

_NONE, _NULL = "None", "null"
"""What stands for no value: what Python prints for it, and what JSON does."""

_SEPARATOR, _END, _ESCAPE = "\t", "\n", "\\"
_ESCAPES = str.maketrans(
    {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": "\N{REPLACEMENT CHARACTER}"}
)  # fmt: skip
_SUSPECT = ("\r", "\0", _ESCAPE)
_JSON_SEPARATORS = bytes.maketrans(b",", b"\t")


class Copied(NamedTuple):
    """A statement, and the text that it takes in."""

    statement: str
    text: bytes


def copied(table: str, columns: str, rows: Sequence[tuple[Any, ...]]) -> Copied:
    """What adds rows, of which there is at least one, to a table. `columns` as SQL lists them."""
    said = _out_of_json(rows)
    text, null = (_printed(rows), _NONE) if said is None else (said, _NULL)
    return Copied(f"COPY {table} ({columns}) FROM STDIN (FORMAT TEXT, NULL '{null}')", text)


def _out_of_json(rows: Sequence[tuple[Any, ...]]) -> bytes | None:
    """The rows, a line each, as JSON without its own marks; None where any of those stands in a text.

    That is twice as quick as printing them, but a document, being JSON itself, has commas and quotes.
    """
    whole = orjson.dumps(rows)
    commas = len(rows) * len(rows[0]) - 1
    if whole.count(b",") != commas or b"\\" in whole or b'"null"' in whole:
        return None
    return whole[2:-2].translate(_JSON_SEPARATORS, b'"').replace(b"]\t[", b"\n") + b"\n"


def _printed(rows: Sequence[tuple[Any, ...]]) -> bytes:
    """The rows, a line each. Text is written as it stands where nothing in it could be mistaken for a separator."""
    width = len(rows[0])
    line = _SEPARATOR.join(["%s"] * width) + _END
    whole = "".join([line % values for values in rows])
    if _plain(whole, len(rows), width) and not _says_none(rows):
        return whole.encode()
    return "".join([_careful(line, values, width) for values in rows]).encode()


def _plain(whole: str, rows: int, width: int) -> bool:
    return (
        whole.count(_SEPARATOR) == rows * (width - 1)
        and whole.count(_END) == rows
        and not any(mark in whole for mark in _SUSPECT)
    )


def _says_none(rows: Sequence[tuple[Any, ...]]) -> bool:
    """Whether any text reads like no value."""
    return any(_NONE in column for column in zip(*rows, strict=True))


def _careful(line: str, values: tuple[Any, ...], width: int) -> str:
    plain = line % values
    if _plain(plain, 1, width) and _NONE not in plain:
        return plain
    return line % tuple(_escaped(value) if isinstance(value, str) else value for value in values)


def _escaped(value: str) -> str:
    # An escaped letter stands for itself, and no longer reads like no value.
    return rf"\{_NONE}" if value == _NONE else value.translate(_ESCAPES)
