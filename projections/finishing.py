"""What tables that were loaded in PostgreSQL still need before people use them: sums, indexes, statistics, a vacuum.

Several tables at once are worked on, the largest first: in this order nobody is left with a large one at the end, when
the others have nothing to do any more.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Engine
from sqlalchemy.schema import CreateIndex

from projections.physical import PARTS, TableSet, additions
from projections.tables import Counter, ViewTable

SORTING_MEMORY = "512MB"
"""What the server may use to sort a table, for each of those that are worked on at a time."""

log = structlog.get_logger(__name__)

_Piece = TypeVar("_Piece")
_Table = TypeVar("_Table", bound=ViewTable)


def add_up(engine: Engine, tables: TableSet, at_once: int) -> None:
    """Add up the parts of the counters."""

    def run(counter: Counter) -> None:
        with engine.connect() as db, db.begin():
            db.exec_driver_sql("SET LOCAL enable_seqscan = on")
            db.exec_driver_sql(f"SET LOCAL work_mem = '{SORTING_MEMORY}'")
            for statement in additions(counter, tables):
                db.exec_driver_sql(statement)

    _each(run, _largest_first(engine, tables, tables.counters, PARTS), at_once)


def index(engine: Engine, tables: TableSet, at_once: int, tag: str) -> None:
    """Give the tables their keys and indexes, under names that end in the tag, and their statistics."""
    largest = _largest_first(engine, tables, tables.tables)
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
    _each(run, statements, at_once)
    _each(run, [f"ANALYZE {name}" for name in names], at_once)
    _each(run, [f"ALTER TABLE {name} RESET (autovacuum_enabled)" for name in names], at_once)


def vacuum(engine: Engine, tables: TableSet, at_once: int) -> None:
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

    _each(run, [tables.name(declared) for declared in _largest_first(engine, tables, tables.tables)], at_once)


def _each(work: Callable[[_Piece], None], on: Iterable[_Piece], at_once: int) -> None:
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(work, on))


def _largest_first(engine: Engine, tables: TableSet, some: Iterable[_Table], suffix: str = "") -> list[_Table]:
    with engine.connect() as db:
        sizes = {
            declared: db.exec_driver_sql(f"SELECT pg_table_size('{tables.name(declared)}{suffix}')").scalar() or 0
            for declared in some
        }
    return sorted(sizes, key=lambda declared: -sizes[declared])
