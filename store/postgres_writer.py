"""The one connection of this process that writes to the log on PostgreSQL, and what happens when it breaks.

Nobody knows then whether the last commit took effect. So before a unit is written again the log is asked, under the
name that the unit has there: its command row, or the bytes of its first event, which hold who did what and when. Even
a server process that went on without us cannot make a unit happen twice: the second one finds the first one's rows.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg
from psycopg import errors
from psycopg.types.numeric import Int4

from store.arrays import Array, ArrayDumper, array
from store.connecting import PLANS, Connection, away, connect, full, is_away, make_durable
from store.errors import Conflict, DuplicateCommand, StoreAway, StoreError
from store.recorder import CommandRow, Unit

Answer = int | Exception

_EVENTS = ("integer", "uuid", "integer", "text", "bytea")
_COMMANDS = ("integer", "integer", "uuid", "uuid", "text", "text", "text", "timestamptz")
_READS = ("integer", "uuid", "integer")
_COUNTERS = ("integer", "text", "bigint")
_KINDS = ("integer", "boolean", *(f"{kind}[]" for kind in (*_EVENTS, *_COMMANDS, *_READS, *_COUNTERS)))
_ARGUMENTS = ", ".join(f"%b::{kind}" for kind in _KINDS)
_APPEND = f"SELECT drawn, head, refusals FROM log.append({_ARGUMENTS})".encode()  # noqa: S608 - our own words
_COMMAND = b"SELECT id, actor, name, request_hash, result, position, at FROM log.command WHERE id = %b"
_FIRST = b"SELECT topic, state FROM log.event WHERE originator_id = %b AND originator_version = %b"
_LAST = b"SELECT position FROM log.event WHERE originator_id = %b AND originator_version = %b"
# The function looks anew after each wait, and its statements are planned once, whatever is appended.
OPTIONS = (
    f"-c default_transaction_isolation=read\\ committed -c plan_cache_mode=force_generic_plan {PLANS} -c timezone=UTC"
)
# After a crash, a server shows what its standby may not have yet. A commit waits for all that lies before it, and one
# that writes nothing would wait for nothing.
_SETTLED = "SELECT pg_logical_emit_message(true, 'shaoxiang', '')"
_PAUSE_SECONDS = 0.1

CONFIRMATION = Unit((), {}, None, {})
"""Stores nothing: once it is answered, all that the log showed before is where an acknowledged unit has to be."""


class Writer:
    """Writes batches of units that do not touch each other. Used by one thread at a time."""

    def __init__(self, url: str, patience: float) -> None:
        """Nothing is connected yet; `patience` is how many seconds a batch is tried again on fresh connections."""
        self._url = url
        self._patience = patience
        self._connection: Connection | None = None

    def write(self, units: Sequence[Unit]) -> Sequence[Answer]:
        """Write them in one transaction; answers for each its position, or why it is not stored."""
        answers: dict[int, Answer] = {}
        self._write(dict(enumerate(units)), answers, time.monotonic() + self._patience, doubted=False)
        return [answers[number] for number in range(len(units))]

    def close(self) -> None:
        """Close the connection; the next write makes another one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _write(self, rest: dict[int, Unit], answers: dict[int, Answer], deadline: float, *, doubted: bool) -> None:
        """Answer all of the rest. What is once known to be stored stays so, whatever becomes of the others."""
        while rest:
            try:
                self._attempt(rest, answers, doubted=doubted)
            except (psycopg.Error, StoreAway) as problem:
                if isinstance(problem, errors.DiskFull) and not is_away(problem):
                    answers |= {number: full(problem) for number in rest}
                    return
                self.close()
                gone = isinstance(problem, StoreAway) or is_away(problem)
                if gone and time.monotonic() > deadline:
                    answers |= {number: away(problem) for number in rest}
                    return
                if not gone and len(rest) > 1:
                    # One of them is at fault, and the others need not suffer for it.
                    for number, unit in rest.items():
                        self._write({number: unit}, answers, deadline, doubted=doubted)
                    return
                if not gone:
                    answers |= {number: _explained(problem) for number in rest}
                    return
                doubted = True
                time.sleep(_PAUSE_SECONDS)
            except BaseException:
                # Ctrl-C, in the middle of an answer perhaps: the next one needs a connection in order.
                self.close()
                raise

    def _attempt(self, rest: dict[int, Unit], answers: dict[int, Answer], *, doubted: bool) -> None:
        """Try once to answer the rest, of which nothing is left then. In doubt, what is there already is found.

        The first attempt may still have been at work when it was looked for. Then this one waited for it, and was
        refused because of it: so what is refused in doubt is looked for again.
        """
        connection = self._connected()
        if doubted:
            found = _found(connection, rest)
            answers |= found
            for number in found:
                del rest[number]
        if rest:
            appended = dict(zip(rest, _append(connection, list(rest.values())), strict=True))
            if doubted:
                refused = {number: unit for number, unit in rest.items() if not isinstance(appended[number], int)}
                appended |= _found(connection, refused)
            answers |= appended
            rest.clear()

    def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._url, OPTIONS)
            make_durable(self._connection)
            self._connection.adapters.register_dumper(Array, ArrayDumper)
        return self._connection


def stored_command(connection: Connection, command_id: UUID) -> CommandRow | None:
    """The stored command, or None."""
    row = connection.execute(_COMMAND, (command_id,), prepare=True, binary=True).fetchone()
    if row is None:
        return None
    return CommandRow.model_validate(dict(zip(_COMMAND_FIELDS, row, strict=True)))


def settle(connection: Connection) -> None:
    """Wait until all that this session may see is where an acknowledged unit has to be."""
    connection.execute(_SETTLED)


_COMMAND_FIELDS = ("id", "actor", "name", "request_hash", "result", "position", "at")


def _stored(connection: Connection, unit: Unit) -> int | None:
    """The unit's position when exactly this unit is in the log already."""
    if unit.command is not None:
        row = stored_command(connection, unit.command.id)
        same = row is not None and row.model_copy(update={"position": 0}) == unit.command
        return row.position if row is not None and same else None
    if not unit.events:
        return None
    first, last = unit.events[0], unit.events[-1]
    found = connection.execute(_FIRST, (first.originator_id, Int4(first.originator_version))).fetchone()
    if found != (first.topic, first.state):
        return None
    position = connection.execute(_LAST, (last.originator_id, Int4(last.originator_version))).fetchone()
    return None if position is None else int(position[0])


def _found(connection: Connection, units: Mapping[int, Unit]) -> dict[int, Answer]:
    """The positions of those units that are in the log already, and where an acknowledged unit has to be."""
    looked_for = {number: _stored(connection, unit) for number, unit in units.items()}
    found: dict[int, Answer] = {number: position for number, position in looked_for.items() if position is not None}
    if found:
        settle(connection)
    return found


def _append(connection: Connection, units: Sequence[Unit]) -> list[Answer]:
    arguments = _arguments(units)
    row = connection.execute(_APPEND, arguments, prepare=True, binary=True).fetchone()
    assert row is not None
    if CONFIRMATION in units:
        settle(connection)
    drawn, head, refusals = row
    answers: list[Answer] = []
    end = 0
    for unit, refusal in zip(units, refusals, strict=True):
        end += len(unit.events)
        if refusal is not None:
            answers.append(_refused(unit, refusal))
        else:
            answers.append(drawn[end - 1] if unit.events else head)
    return answers


def _refused(unit: Unit, refusal: str) -> Conflict:
    if unit.command is not None and refusal == "command":
        return DuplicateCommand(unit.command.id)
    return Conflict(f"{refusal}: load it and decide again")


def _explained(problem: Exception) -> Exception:
    if isinstance(problem, errors.UniqueViolation):
        return Conflict("the unit stores the same thing twice, or somebody wrote beside the log: load and decide again")
    if isinstance(problem, errors.CheckViolation):
        return StoreError("the year of the log that this stream belongs to is detached: attach it again to write there")
    if isinstance(problem, errors.InsufficientPrivilege):
        return StoreError(f"the database's role may not write the log ({problem}): run `shaoxiang migrate` for it")
    return problem


def _arguments(units: Sequence[Unit]) -> list[Any]:
    """The function's arguments: a column for each thing, None where there is nothing to tell."""
    numbered = list(enumerate(units, start=1))
    return [
        Int4(len(units)),
        any(not unit.events for unit in units),
        *_columns(_EVENTS, _events(numbered)),
        *_columns(_COMMANDS, _commands(numbered)),
        *_columns(_READS, ((n, stream, at) for n, unit in numbered for stream, at in _looked_at(unit).items())),
        *_columns(_COUNTERS, ((n, name, at) for n, unit in numbered for name, at in unit.counters.items())),
    ]


def _looked_at(unit: Unit) -> dict[UUID, int]:
    """The versions that streams must have: those that were read, and those that the unit goes on from.

    That a version is free does not say that the one before it is there: a standby that takes over may lack it.
    """
    before: dict[UUID, int] = {}
    for event in unit.events:
        before.setdefault(UUID(str(event.originator_id)), event.originator_version - 1)
    # A stream that begins is new when its first version is free.
    return {stream: version for stream, version in before.items() if version} | dict(unit.reads)


def _events(numbered: Sequence[tuple[int, Unit]]) -> Iterator[tuple[Any, ...]]:
    for number, unit in numbered:
        for event in unit.events:
            yield number, event.originator_id, event.originator_version, event.topic, event.state


def _commands(numbered: Sequence[tuple[int, Unit]]) -> Iterator[tuple[Any, ...]]:
    """Each with the number of its last event among those of the batch; 0 when it recorded none."""
    end = 0
    for number, unit in numbered:
        end += len(unit.events)
        if (row := unit.command) is not None:
            last = end if unit.events else 0
            yield number, last, row.id, row.actor, row.name, row.request_hash, row.result, row.at


def _columns(kinds: Sequence[str], rows: Iterator[tuple[Any, ...]]) -> Sequence[Array | None]:
    columns = list(zip(*rows, strict=True))
    return (
        [array(kind, column) for kind, column in zip(kinds, columns, strict=True)] if columns else [None] * len(kinds)
    )
