"""What tables that were loaded in PostgreSQL still need before people use them: indexes, statistics and a vacuum.

As many tables at a time are worked on as there are cores, the largest first: in this order nobody is left with a large
one at the end, when the others have nothing to do any more.
"""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import structlog
from sqlalchemy import Engine
from sqlalchemy.schema import CreateIndex

from projections.physical import TableSet
from projections.tables import ViewTable

SORTING_MEMORY = "512MB"
"""What the server may use to sort a table, for each of those that are worked on at a time."""

log = structlog.get_logger(__name__)


def index(engine: Engine, tables: TableSet, tag: str) -> None:
    """Give the tables their keys and indexes, under names that end in the tag, and their statistics."""
    largest = _largest_first(engine, tables)
    statements = [
        str(CreateIndex(each).compile(dialect=engine.dialect))
        for declared in largest
        for each in tables.indexes(declared, tag)
    ]

    def run(statement: str) -> None:
        with engine.connect() as db, db.begin():
            # What is not on disk yet is visible to all for no vacuum.
            db.exec_driver_sql("SET LOCAL synchronous_commit = on")
            db.exec_driver_sql(f"SET LOCAL maintenance_work_mem = '{SORTING_MEMORY}'")
            db.exec_driver_sql("SET LOCAL max_parallel_maintenance_workers = 0")
            db.exec_driver_sql(statement)

    names = [tables.name(declared) for declared in largest]
    _each(run, statements)
    _each(run, [f"ANALYZE {name}" for name in names])
    _each(run, [f"ALTER TABLE {name} RESET (autovacuum_enabled)" for name in names])


def vacuum(engine: Engine, tables: TableSet) -> None:
    """Vacuum the tables: until then no index answers alone, and autovacuum would come when people use them.

    Rows that somebody's older transaction may not see keep a table from that; a warning then names it.
    """

    def run(name: str) -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.exec_driver_sql(f"VACUUM (TRUNCATE FALSE) {name}")
            [pages] = db.exec_driver_sql(
                f"SELECT relpages - relallvisible FROM pg_class WHERE oid = '{name}'::regclass"  # noqa: S608 - names are declared in code
            ).one()
        if pages:
            log.warning("a folded table is slow to read until it is vacuumed", table=name, pages=pages)

    _each(run, [tables.name(declared) for declared in _largest_first(engine, tables)])


def _each(work: Callable[[str], None], on: Iterable[str]) -> None:
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        list(threads.map(work, on))


def _largest_first(engine: Engine, tables: TableSet) -> list[ViewTable]:
    with engine.connect() as db:
        sizes = {
            declared: db.exec_driver_sql(f"SELECT pg_table_size('{tables.name(declared)}')").scalar() or 0
            for declared in tables.tables
        }
    return sorted(tables.tables, key=lambda declared: -sizes[declared])
