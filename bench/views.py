"""What the benches of the views share: a filled log, views beside it, and the raw ceilings of reading and writing."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from bench.filling import fill
from bench.harness import Sample, measure, real_folder
from bench.postgres import Postgres, quarter_of_memory
from desk.unit import KINDS
from projections.bulk import BAND_EVENTS
from projections.copying import copied
from projections.events import decode
from projections.folding import Folder
from projections.physical import SCRATCH, Load, TableSet, loads
from projections.registry import views
from projections.storage import ViewStore
from projections.timing import RulesTiming
from projections.view import View, empty_rows
from shaoxiang.house import migrate_all
from shaoxiang.parts import load_rules
from shaoxiang.settings import Settings
from store.log import EventLog

SERVER = {"shared_buffers": quarter_of_memory(), "max_wal_size": "16GB", "checkpoint_timeout": "30min"}
"""A server for one database on a machine with some memory; it syncs like any other."""

Fill = Callable[[str | Path, int], object]
"""Puts about so many events into a migrated, empty log."""


def traffic(target: str | Path, events: int) -> None:
    """A city's traffic."""
    fill(target, events=events, commands=False)


@dataclass(frozen=True)
class Place:
    """A filled log, and how to open views beside it; `again` makes the views in any process."""

    log: EventLog
    open: Callable[[], ViewStore]
    again: Callable[[], tuple[View, ...]]
    server: Postgres | None = None
    views: tuple[View, ...] = field(default=())

    def fresh(self) -> ViewStore:
        """Views of which nothing is folded yet."""
        store = self.open()
        with store.writing() as db:
            for name in _tables(store, db):
                db.exec_driver_sql(f"DROP TABLE {name}")
        store.prepare(self.views)
        return store


@contextmanager
def place(store: str, events: int, filled: Fill = traffic) -> Iterator[Place]:
    """A log of about so many events on the kind of store, on a real disk; gone afterwards."""
    with ExitStack() as stack:
        folder = stack.enter_context(real_folder())
        server = stack.enter_context(Postgres.start(settings=SERVER)) if store == "postgres" else None
        url = None if server is None else server.create("bench")
        settings = Settings.model_validate({"dir": folder, "database": url})
        migrate_all(settings)
        filled(url or settings.log_db, events)
        yield stack.enter_context(placed(settings, server))


@contextmanager
def placed(settings: Settings, server: Postgres | None) -> Iterator[Place]:
    """Views beside the log of a store that is there."""
    again, url = partial(views, RulesTiming(load_rules())), settings.database_url
    opened = partial(ViewStore, settings.views_db) if url is None else partial(ViewStore.connect, url)
    with EventLog.open(settings.log_db, KINDS, read_only=True) if url is None else EventLog.connect(url, KINDS) as log:
        yield Place(log, opened, again, server, again())


def read(where: Place, events: int) -> Sample:
    """The reading ceiling: read the log case by case and decode every event, and nothing else, in one process."""
    assert where.log.bands is not None
    told = 0
    with where.log.bands.open() as reader:
        bands = list(islice(reader.bands(BAND_EVENTS), max(1, events // BAND_EVENTS)))

        def work() -> None:
            nonlocal told
            for band in bands:
                for raw in reader.read(band, where.log.position()):
                    decode(raw)
                    told += 1

        sample = measure(1, work)
    return sample._replace(events=told)


class Rows:
    """The rows of a part of the log, as a rebuild would write them; and the writing ceiling."""

    def __init__(self, where: Place, events: int) -> None:
        """Fold about so many events and keep what comes of them."""
        self._where = where
        self.events = self.rows = 0
        self.bands: list[list[Load]] = []
        folder, rows = Folder(where.views), empty_rows(where.views)
        assert where.log.bands is not None
        with where.log.bands.open() as reader:
            for band in islice(reader.bands(BAND_EVENTS), max(1, events // BAND_EVENTS)):
                raws = reader.read(band, where.log.position())
                folder.fold(raws, rows)
                self.bands.append(loads(rows.changes(coarser=False)))
                rows.forget()
                self.events += len(raws)
        self.rows = sum(len(load.rows) for band in self.bands for load in band)

    def write(self) -> Sample:
        """COPY or executemany of the rows ready-made, into tables without an index, a transaction for each band."""
        store = self._where.open()
        tables = TableSet(self._where.views, SCRATCH)
        with store.writing() as db:
            store.create_for_loading(db, tables)
        ready = [[_ready(tables, load, shared=store.backend.shared) for load in band] for band in self.bands]

        def work() -> None:
            for band in ready:
                with store.backend.loading() as db:
                    driver: Any = db.connection.driver_connection
                    for statement, values in band:
                        if store.backend.shared:
                            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                                copy.write(values)
                        else:
                            driver.executemany(statement, values)

        sample = measure(self.events, work)
        with store.writing() as db:
            store.drop(db, tables)
        store.close()
        return sample


def _ready(tables: TableSet, load: Load, *, shared: bool) -> tuple[str, Any]:
    name = tables.name(load.table) + load.suffix
    if shared:
        return copied(name, load.table.columns, load.rows, load.table.documents)
    return f"INSERT INTO {name} VALUES ({', '.join('?' * len(load.table.columns))})", load.rows  # noqa: S608 - names are declared in code


def _tables(store: ViewStore, db: Any) -> list[str]:
    from sqlalchemy import inspect  # noqa: PLC0415 - only here

    names: list[str] = inspect(db).get_table_names()
    return [name for name in names if not (store.backend.shared and name == "schema_version")]
