"""Columns of values as arrays in PostgreSQL's binary form, for what is written most.

The driver's own way finds each value's kind anew, in several passes; that was a seventh of what a command cost.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any
from uuid import UUID

from psycopg import pq
from psycopg.abc import Buffer, PyFormat
from psycopg.adapt import Dumper

__all__ = ["Array", "ArrayDumper", "array"]

_HEAD, _LENGTH, _INT4, _INT8 = Struct("!iiiii"), Struct("!i"), Struct("!ii"), Struct("!iq")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL counts microseconds from here."""


def _sized(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _int4(value: int) -> bytes:
    return _INT4.pack(4, value)


def _int8(value: int) -> bytes:
    return _INT8.pack(8, value)


def _moment(value: datetime) -> bytes:
    return _int8((value - _EPOCH) // timedelta(microseconds=1))


def _uuid(value: UUID) -> bytes:
    return _sized(value.bytes)


def _text(value: str) -> bytes:
    return _sized(value.encode())


_KINDS: dict[str, tuple[int, int, Callable[[Any], bytes]]] = {
    "integer": (1007, 23, _int4),
    "bigint": (1016, 20, _int8),
    "uuid": (2951, 2950, _uuid),
    "text": (1009, 25, _text),
    "bytea": (1001, 17, _sized),
    "timestamptz": (1185, 1184, _moment),
}
"""Each type: the object id of its array and its own, which never change, and how a value is written with its length."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array of a type, ready to be sent."""

    oid: int
    data: bytes


def array(kind: str, values: Sequence[Any]) -> Array:
    """The values, none of them None, as an array of a type: integer, bigint, uuid, text, bytea or timestamptz."""
    oid, of, write = _KINDS[kind]
    parts: Iterable[bytes] = map(write, values)
    return Array(oid, _HEAD.pack(1, 0, of, len(values), 1) + b"".join(parts))


class ArrayDumper(Dumper):
    """Hands an array to the driver as it is."""

    format = pq.Format.BINARY

    def get_key(self, obj: Array, format: PyFormat) -> Any:  # noqa: A002, ARG002 - the driver's form
        """Arrays of one type go by one dumper."""
        return self.cls, obj.oid

    def upgrade(self, obj: Array, format: PyFormat) -> "ArrayDumper":  # noqa: A002, ARG002 - the driver's form
        """The dumper of this array's type."""
        made = ArrayDumper(self.cls)
        made.oid = obj.oid
        return made

    def dump(self, obj: Array) -> Buffer:
        """The bytes to be sent."""
        return obj.data
