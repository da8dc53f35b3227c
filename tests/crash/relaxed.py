"""The command line over a log that is not synced as it must be: the control by which the test of syncing can fail.

The environment's RELAXED_SYNCHRONOUS is the value of SQLite's pragma that every connection of the log gets.
"""

import os

from eventsourcing.sqlite import SQLiteConnection

from shaoxiang.cli import main
from store import sqlite

VARIABLE = "RELAXED_SYNCHRONOUS"


class RelaxedPool(sqlite._Pool):
    """The log's connections, each told to sync less."""

    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().sqlite_cursor.execute(f"PRAGMA synchronous={os.environ[VARIABLE]}")
        return connection


if __name__ == "__main__":
    sqlite._Pool = RelaxedPool  # type: ignore[misc]
    main()
