"""Bearer tokens: each stands for an actor of the city. The secret is told once and kept only as a SHA-256 hash.

A fast hash is right here and would be wrong for passwords: the secret is 256 random bits, which nobody can guess.
"""

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from pydantic import AwareDatetime

from domain.errors import Unknown
from domain.kernel import Frozen
from store.database import Place, open_database
from store.migrations import ACCESS

_PREFIX = "shx_"


class Issued(NamedTuple):
    """A new token: its id, for revoking it, and the secret, which is never shown again."""

    id: UUID
    secret: str


class Token(Frozen):
    """A token without its secret: whom it stands for, in which role, for which organisation (code), and how shown."""

    id: UUID
    person: UUID
    role: str
    organisation: str
    name: str
    created_at: AwareDatetime
    revoked_at: AwareDatetime | None = None


_COLUMNS = "id, person, role, organisation, name, created_at, revoked_at"


class Tokens:
    """Open the migrated access file or database. Raises StoreMissing, StoreAway, NotMigrated or NewerStore."""

    def __init__(self, place: Place) -> None:
        self._database = open_database(place, ACCESS)

    def create(self, person: UUID, role: str, organisation: str, name: str, at: datetime) -> Issued:
        """A new token for that actor, created at the aware moment `at`; `name` is what the console shows."""
        issued = Issued(uuid4(), _PREFIX + secrets.token_urlsafe(32))
        row = (issued.id.bytes, person.bytes, role, organisation, name, at.isoformat(), _hash(issued.secret))
        with self._database.writing() as connection:
            connection.execute(f"INSERT INTO token ({_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, NULL, ?)", row)  # noqa: S608 - only a constant goes in
        return issued

    def lookup(self, secret: str) -> Token | None:
        """The token with that secret, or None when there never was one or it was revoked.

        The row is found by the hash, so how long that takes tells nothing about any secret.
        """
        wanted = _hash(secret)
        with self._database.reading() as connection:
            row = connection.execute(
                f"SELECT hash, {_COLUMNS} FROM token WHERE hash = ? AND revoked_at IS NULL",  # noqa: S608 - as above
                (wanted,),
            ).fetchone()
        if row is None or not hmac.compare_digest(row[0], wanted):
            return None
        return _token(row[1:])

    def revoke(self, token_id: UUID, at: datetime) -> None:
        """End the token at once, in every process; doing it again keeps the first time. Raises Unknown."""
        with self._database.writing() as connection:
            changed = connection.execute(
                "UPDATE token SET revoked_at = COALESCE(revoked_at, ?) WHERE id = ?", (at.isoformat(), token_id.bytes)
            ).rowcount
        if changed != 1:
            msg = f"There is no token {token_id}."
            raise Unknown(msg, token=str(token_id))

    def list(self) -> "list[Token]":
        """All tokens, revoked ones too, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM token ORDER BY rowid").fetchall()  # noqa: S608 - as above
        return [_token(row) for row in rows]

    def close(self) -> None:
        """Close it; safe to do twice."""
        self._database.close()


def _hash(secret: str) -> bytes:
    # A header may hold any text; none of it may break the look-up.
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _token(row: tuple[Any, ...]) -> Token:
    token_id, person, role, organisation, name, created_at, revoked_at = row
    return Token(
        id=UUID(bytes=token_id),
        person=UUID(bytes=person),
        role=role,
        organisation=organisation,
        name=name,
        created_at=datetime.fromisoformat(created_at),
        revoked_at=revoked_at and datetime.fromisoformat(revoked_at),
    )
