"""Rows as the text that PostgreSQL's COPY reads.

Made by hand, a whole table at a time, because that is much quicker than handing the driver one row after the other.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson

from projections.physical import quoted
from projections.tables import picking

_NONE, _NULL = "None", "null"
"""What stands for no value: what Python prints for it, and what JSON does."""

_SEPARATOR, _END, _ESCAPE = "\t", "\n", "\\"
_ESCAPES = str.maketrans(
    {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r", "\0": "\N{REPLACEMENT CHARACTER}"}
)  # fmt: skip
_SUSPECT = ("\r", "\0", _ESCAPE)
_JSON_SEPARATORS = bytes.maketrans(b",", b"\t")


Values = tuple[Any, ...]
Picking = Callable[[Values], Values]


class Copied(NamedTuple):
    """A statement, and the text that it takes in."""

    statement: str
    text: bytes


def copied(table: str, columns: Sequence[str], rows: Sequence[Values], documents: Sequence[str] = ()) -> Copied:
    """What adds rows, of which there is at least one, to a table. `documents` are the columns that hold JSON."""
    order, scalars, texts = _apart(tuple(columns), tuple(documents))
    said = _out_of_json(rows) if texts is None else _with_documents(list(map(scalars, rows)), list(map(texts, rows)))
    if said is not None:
        return _statement(table, order, _NULL, said)
    return _statement(table, columns, _NONE, _printed(rows))


def _statement(table: str, columns: Iterable[str], null: str, text: bytes) -> Copied:
    return Copied(f"COPY {table} ({quoted(columns)}) FROM STDIN (FORMAT TEXT, NULL '{null}')", text)


@cache
def _apart(columns: tuple[str, ...], documents: tuple[str, ...]) -> tuple[tuple[str, ...], Picking, Picking | None]:
    """The columns with the documents last, and what picks of a row what is none, and the documents, if there are."""
    rest = tuple(name for name in columns if name not in documents)
    scalars, texts = (picking([columns.index(name) for name in names]) for names in (rest, documents))
    return (*rest, *documents), scalars, texts if documents else None


def _with_documents(rows: Sequence[Values], documents: Sequence[tuple[str, ...]]) -> bytes | None:
    """The rows, a line each, with their documents as they stand; None where a mark of the format's stands in one.

    JSON has no tabs or ends of lines of its own, so a backslash is all that could be mistaken, or what stands for
    nothing.
    """
    said = _out_of_json(rows)
    texts = "\n".join(map("\t".join, documents)).encode()
    if said is None or b"\\" in texts or any("null" in each for each in documents):
        return None
    return b"\n".join(map(b"\t".join, zip(said.split(b"\n"), texts.split(b"\n"), strict=False))) + b"\n"


def _out_of_json(rows: Sequence[Values]) -> bytes | None:
    """The rows, a line each, as JSON without its own marks; None where any of those stands in a text.

    That is several times as quick as printing them, but a document, being JSON itself, has commas and quotes.
    """
    whole = orjson.dumps(rows)
    commas = len(rows) * len(rows[0]) - 1
    if whole.count(b",") != commas or b"\\" in whole or b'"null"' in whole:
        return None
    return whole[2:-2].translate(_JSON_SEPARATORS, b'"').replace(b"]\t[", b"\n") + b"\n"


def _printed(rows: Sequence[Values]) -> bytes:
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


def _says_none(rows: Sequence[Values]) -> bool:
    """Whether any text reads like no value."""
    return any(_NONE in column for column in zip(*rows, strict=True))


def _careful(line: str, values: Values, width: int) -> str:
    plain = line % values
    if _plain(plain, 1, width) and _NONE not in plain:
        return plain
    return line % tuple(_escaped(value) if isinstance(value, str) else value for value in values)


def _escaped(value: str) -> str:
    # An escaped letter stands for itself, and no longer reads like no value.
    return rf"\{_NONE}" if value == _NONE else value.translate(_ESCAPES)
