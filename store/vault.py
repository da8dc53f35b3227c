"""The vault: who a person is, apart from every event, each field encrypted under that person's own key.

Events cannot be unwritten, so they carry a person's id alone. A person's key is wrapped by the master key; destroying
it erases the person for good while every event stays as it was (Personal Information Protection Law, article 47).
"""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import Invalid, Unknown, WrongState
from store.database import Place, Statements, open_database
from store.errors import WrongKey
from store.migrations import VAULT

ERASED = "已删除"
NAME_LENGTH = 100
PHONE_LENGTH = 40
_KEY_BYTES = 32
_NONCE_BYTES = 12
_MOBILE_DIGITS = 11
_LANDLINE_DIGITS = 7


@dataclass(frozen=True, repr=False)
class Identity:
    """Who a person is, in clear. It prints as nothing, so that no log can tell."""

    name: str
    phone: str | None

    def __repr__(self) -> str:
        return "Identity(…)"


@dataclass(frozen=True)
class Masked:
    """As much of a person as may be shown: the first character of the name, the ends of the number."""

    name: str
    phone: str | None
    erased: bool = False


def master_key(path: Path) -> bytes:
    """The 32 bytes in the key file, which is created, readable by its owner alone, when there is none.

    Raises WrongKey when the file does not hold exactly a key, or when others on the machine may read it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if path.stat().st_mode & 0o077:
            msg = f"the key file {path} may be read by others: run chmod 600 on it, and consider who has read it"
            raise WrongKey(msg) from None
    else:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
    return _checked(path.read_bytes(), str(path))


class Vault:
    """The migrated vault, a file or a database, opened with the 32 bytes of the master key.

    Raises StoreMissing, StoreAway, NotMigrated, NewerStore or WrongKey.
    """

    def __init__(self, place: Place, key: bytes) -> None:
        self._master = AESGCM(_checked(key, "the master key that was handed in"))
        self._database = open_database(place, VAULT)

    def check(self) -> None:
        """Prove that the master key opens what is kept; raises WrongKey. Nothing kept yet proves nothing."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT person_id, wrapped FROM person_key WHERE wrapped IS NOT NULL").fetchone()
        if row is not None:
            self._unwrap(UUID(bytes=row[0]), row[1])

    def register(self, person_id: UUID, name: str, phone: str | None = None) -> None:
        """Keep who the person is; doing it again with the same id corrects what was kept.

        Raises Invalid for a blank or too long name or number, WrongState for a person who was erased.
        """
        _check_lengths(name, phone)
        with self._database.writing(person_id) as connection:
            row = _key_row(connection, person_id)
            if row is None:
                key = secrets.token_bytes(_KEY_BYTES)
                wrapped = _seal(self._master, key, _about(person_id, "key"))
                connection.execute("INSERT INTO person_key VALUES (?, ?)", (person_id.bytes, wrapped))
            elif row[0] is None:
                msg = f"Person {person_id} was erased and cannot be registered again: use a new id."
                raise WrongState(msg, person=str(person_id))
            else:
                key = self._unwrap(person_id, row[0])
                connection.execute("DELETE FROM person WHERE person_id = ?", (person_id.bytes,))
            fields = {"name": name} if phone is None else {"name": name, "phone": phone}
            for field, value in fields.items():
                sealed = _seal(AESGCM(key), value.encode(), _about(person_id, field))
                connection.execute("INSERT INTO person VALUES (?, ?, ?)", (person_id.bytes, field, sealed))

    def masked(self, person_id: UUID) -> Masked:
        """What may be shown of the person, erased or not. Raises Unknown, or WrongKey for altered bytes."""
        identity = self._read(person_id)
        if identity is None:
            return Masked(ERASED, None, erased=True)
        return Masked(_mask_name(identity.name), identity.phone and _mask_phone(identity.phone))

    def reveal(self, person_id: UUID) -> Identity:
        """Who the person is. The caller has recorded that somebody looks.

        Raises Unknown, WrongState for a person who was erased, or WrongKey for altered bytes.
        """
        identity = self._read(person_id)
        if identity is None:
            msg = f"Person {person_id} was erased: nothing is left to reveal."
            raise WrongState(msg, person=str(person_id))
        return identity

    def erase(self, person_id: UUID) -> None:
        """Destroy the person's key and fields for good; doing it again does nothing. Raises Unknown.

        Copies of the vault that were made before still hold the key, so they have to be destroyed too; on PostgreSQL
        that includes its write-ahead log and archive.
        """
        with self._database.writing(person_id) as connection:
            if _key_row(connection, person_id) is None:
                raise _unknown(person_id)
            destroy(connection, person_id)
        self._database.forget()

    def close(self) -> None:
        """Close it; safe to do twice."""
        self._database.close()

    def _read(self, person_id: UUID) -> Identity | None:
        with self._database.reading() as connection:
            # One statement, so that a correction or an erasure in between cannot show half of each.
            rows = connection.execute(
                "SELECT k.wrapped, p.field, p.sealed FROM person_key k LEFT JOIN person p USING (person_id) "
                "WHERE person_id = ?",
                (person_id.bytes,),
            ).fetchall()
        if not rows:
            raise _unknown(person_id)
        if rows[0][0] is None:
            return None
        key = AESGCM(self._unwrap(person_id, rows[0][0]))
        fields = {field: _open(key, sealed, _about(person_id, field)).decode() for _, field, sealed in rows}
        return Identity(fields["name"], fields.get("phone"))

    def _unwrap(self, person_id: UUID, wrapped: bytes) -> bytes:
        return _open(self._master, wrapped, _about(person_id, "key"))


def destroy(connection: Statements, person_id: UUID) -> None:
    """Destroy a person's key and fields. The key's row stays: it tells an erased person from one whom nobody knows."""
    connection.execute("UPDATE person_key SET wrapped = NULL WHERE person_id = ?", (person_id.bytes,))
    connection.execute("DELETE FROM person WHERE person_id = ?", (person_id.bytes,))


def _checked(key: bytes, place: str) -> bytes:
    if len(key) != _KEY_BYTES:
        msg = f"{place} holds {len(key)} bytes, and a master key has {_KEY_BYTES}: restore it from where it is kept"
        raise WrongKey(msg)
    return key


def _check_lengths(name: str, phone: str | None) -> None:
    # The message never repeats the value: it is somebody's.
    if not name.strip() or len(name) > NAME_LENGTH:
        msg = f"The name must have 1 to {NAME_LENGTH} characters and not be blank."
        raise Invalid(msg, field="name")
    if phone is not None and (not phone.strip() or len(phone) > PHONE_LENGTH):
        msg = f"The phone number must have 1 to {PHONE_LENGTH} characters and not be blank."
        raise Invalid(msg, field="phone")


def _key_row(connection: Statements, person_id: UUID) -> tuple[bytes | None] | None:
    row: tuple[bytes | None] | None = connection.execute(
        "SELECT wrapped FROM person_key WHERE person_id = ?", (person_id.bytes,)
    ).fetchone()
    return row


def _about(person_id: UUID, field: str) -> bytes:
    """Binds what is encrypted to its person and field, so that one row's bytes are worth nothing in another."""
    return person_id.bytes + field.encode()


def _seal(cipher: AESGCM, clear: bytes, about: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, clear, about)


def _open(cipher: AESGCM, sealed: bytes, about: bytes) -> bytes:
    try:
        return cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about)
    except InvalidTag:
        msg = "a row of the vault does not open: either the master key is another one, or the row was altered"
        raise WrongKey(msg) from None


def _unknown(person_id: UUID) -> Unknown:
    return Unknown(f"There is no person {person_id} in the vault.", person=str(person_id))


def _mask_name(name: str) -> str:
    # At most two stars, because the length of a longer name tells something too.
    return name[0] + "*" * min(len(name) - 1, 2) if len(name) > 1 else "*"


def _mask_phone(phone: str) -> str:
    number = "".join(character for character in phone if character.isalnum())
    if len(number) >= _MOBILE_DIGITS:
        return f"{number[:3]}****{number[-4:]}"
    return f"****{number[-2:]}" if len(number) >= _LANDLINE_DIGITS else "****"
