"""The vault's own note of how far the erasures that the log records were carried out in it.

The note travels with what it speaks of: an older copy of the vault that was put back says itself from where on
persons have to be erased again.
"""

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from store.database import Place, open_database
from store.migrations import VAULT
from store.vault import destroy


class Mark(NamedTuple):
    """An epoch of the log and a position in it; everything up to there was carried out."""

    epoch: int
    position: int


class Erasures:
    """The migrated vault, as far as erasing needs it: without its master key. Opening raises as the vault's does."""

    def __init__(self, place: Place) -> None:
        self._database = open_database(place, VAULT)

    def mark(self) -> Mark:
        """How far it was carried out; (0, 0) where it never was."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT epoch, position FROM erased_until").fetchone()
        return Mark(0, 0) if row is None else Mark(*row)

    def carry_out(self, persons: Iterable[UUID], mark: Mark) -> None:
        """Destroy what is kept of these persons, known or not, erased or not, and note it; all or nothing."""
        with self._database.writing() as connection:
            for person in persons:
                destroy(connection, person)
            connection.execute("DELETE FROM erased_until")
            connection.execute("INSERT INTO erased_until (epoch, position) VALUES (?, ?)", mark)
        self._database.forget()

    def close(self) -> None:
        """Close it; safe to do twice."""
        self._database.close()
