"""Forms: what the desk stored, with holes where another case of the same course differs.

Between weeks that are alike in the calendar a case differs from its copy in four things only: the first twelve bytes of
its ids, the dates of its times, the case's number, and the ids that are hashed from others (a timer's command, a
citizen). So a stored text is cut at these once, and a copy is filled in without being read again.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from hashlib import sha1
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from desk.desk import FIRINGS
from desk.handlers.reports import CITIZENS

PREFIX_CHARACTERS = 28
"""How much of an id's text the streams and commands of one case share: its first twelve bytes."""

DAYS_BEFORE = 1
"""A week begins on a Monday of the site, which may still be Sunday in UTC."""

DAYS_KEPT = 120
"""How many days from there on a copy may mention."""

NUMBER, TIMER, CITIZEN, LADDER = -1, -2, -3, -4
"""Holes that are no dates; dates count from 0, the first of the days kept."""

_DATE = rb"\d{4}-\d{2}-\d{2}(?=T)"
_LADDER = rb'"standing\.[^"]+"(?:,"standing\.[^"]+")*'
_VERSION_5, _VARIANT = 0x5000, 0x8000

Dates = tuple[bytes, ...]
"""The days that a week's copies may mention, as they are written."""


class Form(NamedTuple):
    """A text with holes, and which hole takes what."""

    text: bytes
    holes: tuple[int, ...]

    def filler(self) -> Callable[[Sequence[Any]], Any]:
        """What picks a copy's values for the holes, in order."""
        return itemgetter(*self.holes) if self.holes else _nothing


def _nothing(_: Sequence[Any]) -> tuple[()]:
    return ()


def dates_from(monday: date) -> Dates:
    """The days that copies beginning in a week may mention."""
    first = monday - timedelta(days=DAYS_BEFORE)
    return tuple((first + timedelta(days=n)).isoformat().encode() for n in range(DAYS_KEPT))


def day_of(text: bytes, dates: Dates) -> int:
    """Which of the days kept a date is. Raises ValueError for one that lies outside."""
    return dates.index(text)


def cut(text: bytes, dates: Dates, others: dict[bytes, int]) -> Form:
    """A form of a stored text: holes for its dates, for what stands in `others`, and for the ladder's topics."""
    words = [re.escape(word) for word in others if word]
    pattern = re.compile(b"|".join([*words, _DATE, _LADDER]))
    holes: list[int] = []
    pieces: list[bytes] = []
    at = 0
    for found in pattern.finditer(text):
        word = found.group()
        if word in others:
            holes.append(others[word])
        elif word.startswith(b'"standing.'):
            holes.append(LADDER)
        else:
            holes.append(day_of(word, dates))
        pieces += [text[at : found.start()].replace(b"%", b"%%"), b"%b"]
        at = found.end()
    pieces.append(text[at:].replace(b"%", b"%%"))
    return Form(b"".join(pieces), tuple(holes))


class Fired(NamedTuple):
    """Under which id a timer acted: of which stream, and at which time of which day."""

    family: int
    suffix: bytes
    day: int
    time: bytes

    def command_id(self, prefixes: Sequence[bytes], dates: Dates) -> bytes:
        """The id as text, on a copy."""
        return hashed(FIRINGS, b"%b%b/%bT%b" % (prefixes[self.family], self.suffix, dates[self.day], self.time))


def fired(command_id: UUID, streams: Sequence[UUID], at: datetime, families: Sequence[bytes], dates: Dates) -> Fired:
    """Which stream's timer acted under an id. Raises LookupError where none did."""
    for stream in streams:
        if uuid5(FIRINGS, f"{stream}/{at.isoformat()}") == command_id:
            day, _, time = at.isoformat().encode().partition(b"T")
            text = str(stream).encode()
            prefix, suffix = text[:PREFIX_CHARACTERS], text[PREFIX_CHARACTERS:]
            return Fired(families.index(prefix), suffix, day_of(day, dates), time)
    msg = f"no timer of the case acted under {command_id} at {at.isoformat()}"
    raise LookupError(msg)


def citizen(command_id: bytes) -> bytes:
    """The id of a reporter, as text, from the text of the command's that named them."""
    return hashed(CITIZENS, command_id + b"/reporter")


def hashed(namespace: UUID, name: bytes) -> bytes:
    """The text of `uuid5`, some three times as fast."""
    digest = sha1(namespace.bytes + name, usedforsecurity=False).digest()
    third = int.from_bytes(digest[6:8]) & 0x0FFF | _VERSION_5
    fourth = int.from_bytes(digest[8:10]) & 0x3FFF | _VARIANT
    return b"%b-%b-%04x-%04x-%b" % (
        digest[:4].hex().encode(), digest[4:6].hex().encode(), third, fourth, digest[10:16].hex().encode()
    )  # fmt: skip
