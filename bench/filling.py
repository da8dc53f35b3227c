"""Fills an empty log with a city's traffic, made of copies, so that a bench has a million cases within minutes.

    uv run python -m bench.filling .bench/city/log.db --cases 20000
    uv run python -m bench.filling postgresql://… --events 1000000

The store must be migrated. Officers come in through the desk, cases by COPY or executemany; positions, counters and
command rows are left as the desk would have left them, so that the product can go on working on the log.
"""

import argparse
import json
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from struct import Struct
from typing import Protocol

from desk.desk import Desk
from desk.unit import KINDS
from desk.world import World
from shaoxiang.parts import load_rules
from shaoxiang.resources import load_city
from shaoxiang.traffic.copies import CommandText, Copies, Row, Written
from shaoxiang.traffic.officers import register
from shaoxiang.traffic.templates import BASE, Template, monday, pool
from store.log import EventLog

CACHE = Path(".bench")
TEMPLATES, WEEKS = 4000, 4
BATCH_ROWS = 20_000

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
"""PostgreSQL's own; its times are microseconds since then."""


@dataclass(frozen=True)
class Filled:
    """What was put into a log, where it ends, and how long it took. `reports` counts merged ones too."""

    reports: int
    events: int
    commands: int
    position: int
    first_week: str
    until: str
    seconds: float
    events_per_second: float


class Sink(Protocol):
    """A log's tables, open for filling; the log may be used after `finish`."""

    def take(self, events: Sequence[tuple[int, Row]], commands: Sequence[tuple[int, CommandText]]) -> None:
        """Add rows, each with its position, in order."""

    def finish(self, position: int, counters: Iterable[tuple[str, int]]) -> None:
        """Put sequence and counters where they belong, and commit."""


def weeks_from(first: date, count: int) -> list[date]:
    """So many Mondays from one on."""
    return [first + timedelta(weeks=n) for n in range(count)]


def templates(count: int = TEMPLATES, seed: int = 1) -> list[Template]:
    """The templates for benches, kept under .bench/."""
    return pool(load_city(), load_rules(), count, seed, CACHE)


def copies_for(
    made: Sequence[Template], *, cases: int, seed: int, weeks: Sequence[date], digest_key: bytes = b"play",
    until: datetime | None = None, commands: bool = True,
) -> Copies:  # fmt: skip
    """The copies that `fill` writes for the same arguments."""
    return Copies(
        made, load_rules(), load_city(), seed=seed, cases=cases, weeks=weeks, until=until, digest_key=digest_key,
        commands=commands,
    )  # fmt: skip


def fill(
    target: str | Path, *, cases: int | None = None, events: int | None = None, seed: int = 1,
    weeks: Sequence[date] = (), until: datetime | None = None, made: Sequence[Template] = (), commands: bool = True,
    digest_key: bytes = b"play",
) -> Filled:  # fmt: skip
    """Fill the empty, migrated log at a PostgreSQL URL (as its owner) or in an SQLite file.

    Say how many `cases`, or about how many `events`: then it ends with the transaction that reaches them. `weeks` are
    the Mondays of the weeks in which cases begin (four ordinary ones, unless said); `until` is when the log ends
    (on the Thursday afternoon of the last of them, unless said).
    """
    made = made or templates()
    weeks = weeks or weeks_from(BASE, WEEKS)
    if cases is None:
        assert events is not None, "say how many cases, or how many events"
        cases = cases_for(made, events, len(weeks))
    copies = copies_for(
        made, cases=cases, seed=seed, weeks=weeks, digest_key=digest_key, until=until, commands=commands
    )
    began = time.monotonic()
    first = _prepare(target, monday(weeks[0], copies.rules) - timedelta(days=1))
    written = Counted(copies.written(), first, events)
    sink: Sink = _Postgres(str(target)) if _is_postgres(target) else _Sqlite(Path(target))
    for batch in written.batches():
        sink.take(*batch)
    sink.finish(written.position, copies.numbers.items())
    seconds = time.monotonic() - began
    return Filled(
        reports=written.reports, events=written.position - first, commands=written.commands, position=written.position,
        first_week=weeks[0].isoformat(), until=written.last.isoformat(), seconds=round(seconds, 2),
        events_per_second=round((written.position - first) / seconds),
    )  # fmt: skip


def cases_for(made: Sequence[Template], events: int, weeks: int) -> int:
    """How many cases make at least so many events, with a little to spare for what the last week leaves open."""
    each = sum(len(unit.facts) for template in made for unit in template.units) / len(made)
    return int(events / each * (1 + 0.5 / weeks)) + 10


@dataclass
class Counted:
    """Gives transactions their positions, and stops once there are enough."""

    source: Iterator[Written]
    position: int
    enough: int | None
    reports: int = 0
    commands: int = 0
    last: datetime = _EPOCH

    def batches(self) -> Iterator[tuple[list[tuple[int, Row]], list[tuple[int, CommandText]]]]:
        """Rows with their positions, batch by batch."""
        events: list[tuple[int, Row]] = []
        commands: list[tuple[int, CommandText]] = []
        end = None if self.enough is None else self.position + self.enough
        unit: Written | None = None
        for unit in self.source:
            for row in unit.rows:
                self.position += 1
                events.append((self.position, row))
                self.reports += row[2] == "report.submitted.v1"
            if unit.command is not None:
                commands.append((self.position, unit.command))
            if end is not None and self.position >= end:
                break
            if len(events) >= BATCH_ROWS:
                yield events, commands
                self.commands += len(commands)
                events, commands = [], []
        if unit is not None and unit.rows:
            self.last = _time_of(unit.rows[-1])
        yield events, commands
        self.commands += len(commands)


def _time_of(row: Row) -> datetime:
    return datetime.fromisoformat(json.loads(row[3])["timestamp"])


def _is_postgres(target: str | Path) -> bool:
    return isinstance(target, str) and target.startswith(("postgresql://", "postgres://"))


def _prepare(target: str | Path, at: datetime) -> int:
    """Put the officers on the register, in an empty log; answers its position."""
    log = EventLog.connect(str(target), KINDS) if _is_postgres(target) else EventLog.open(Path(target), KINDS)
    with closing(log):
        if log.position():
            msg = f"The log holds {log.position()} events already: fill an empty one."
            raise ValueError(msg)
        world = World(log=log, rules=load_rules(), city=load_city(), now=lambda: at)
        register(Desk(world), world.city, at)
        return log.position()


class _Sqlite:
    """An SQLite log; batches are committed as they come, since one transaction would keep it all in the WAL."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA synchronous=OFF")

    def take(self, events: Sequence[tuple[int, Row]], commands: Sequence[tuple[int, CommandText]]) -> None:
        """See `Sink`."""
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?)", ((at, *row) for at, row in events))
        self._db.executemany(
            "INSERT INTO command VALUES (?, ?, ?, ?, ?, ?, ?)", ((*row[:5], at, row.at) for at, row in commands)
        )
        self._db.execute("COMMIT")

    def finish(self, position: int, counters: Iterable[tuple[str, int]]) -> None:
        """See `Sink`."""
        del position  # AUTOINCREMENT goes on from the highest id by itself.
        self._db.executemany("INSERT INTO counter VALUES (?, ?)", counters)
        self._db.execute("ANALYZE")
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()


_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_END = b"\xff\xff"
_EVENT = Struct(">hiqi16siii")
_COMMAND = Struct(">hi16si16si")
_LAST = Struct(">iqiq")
_LENGTH = Struct(">i")


class _Postgres:
    """A PostgreSQL log, filled in one transaction by COPY in the binary form, which is put together here."""

    def __init__(self, url: str) -> None:
        # The driver is an extra.
        import psycopg  # noqa: PLC0415

        self._db = psycopg.connect(url)

    def take(self, events: Sequence[tuple[int, Row]], commands: Sequence[tuple[int, CommandText]]) -> None:
        """See `Sink`."""
        self._copy("log.event (position, originator_id, originator_version, topic, state)", map(_event, events))
        columns = "log.command (id, actor, name, request_hash, result, position, at)"
        self._copy(columns, map(_command, commands))

    def finish(self, position: int, counters: Iterable[tuple[str, int]]) -> None:
        """See `Sink`."""
        with self._db.cursor() as cursor:
            cursor.executemany("INSERT INTO log.counter VALUES (%s, %s)", list(counters))
            cursor.execute("SELECT setval('log.position', %s)", (position,))
        self._db.commit()
        self._db.execute("ANALYZE log.event")
        self._db.execute("ANALYZE log.command")
        self._db.commit()
        self._db.close()

    def _copy(self, into: str, rows: Iterable[bytes]) -> None:
        with self._db.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.write(b"".join((_SIGNATURE, *rows, _END)))


def _event(numbered: tuple[int, Row]) -> bytes:
    position, (stream, version, topic, state) = numbered
    name = topic.encode()
    head = _EVENT.pack(5, 8, position, 16, stream, 4, version, len(name))
    return b"".join((head, name, _LENGTH.pack(len(state)), state))


def _command(numbered: tuple[int, CommandText]) -> bytes:
    position, row = numbered
    words = [word.encode() for word in (row.name, row.request_hash, row.result)]
    at = (datetime.fromisoformat(row.at) - _EPOCH) // timedelta(microseconds=1)
    head = _COMMAND.pack(7, 16, row.id, 16, row.actor, len(words[0]))
    texts = b"".join((words[0], *(_LENGTH.pack(len(word)) + word for word in words[1:])))
    return b"".join((head, texts, _LAST.pack(8, position, 8, at)))


def main() -> None:
    """Fill the log named on the command line."""
    parser = argparse.ArgumentParser(prog="bench.filling", description=__doc__)
    parser.add_argument("target", help="a postgresql:// URL, or the path of a migrated log.db")
    parser.add_argument("--cases", type=int)
    parser.add_argument("--events", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weeks", type=int, default=WEEKS)
    parser.add_argument("--templates", type=int, default=TEMPLATES)
    given = parser.parse_args()
    filled = fill(
        given.target, cases=given.cases, events=given.events, seed=given.seed, weeks=weeks_from(BASE, given.weeks),
        made=templates(given.templates),
    )  # fmt: skip
    print(json.dumps(asdict(filled), indent=2))


if __name__ == "__main__":
    main()
