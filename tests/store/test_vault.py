"""Persons apart: shown masked, revealed on purpose, erased for good."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.errors import Invalid, Unknown, WrongState
from store.database import Place
from store.errors import NotMigrated, StoreMissing, WrongKey
from store.migrations import VAULT, migrate
from store.vault import ERASED, Identity, Masked, Vault, destroy, master_key

KEY = bytes(range(32))
CALLER = UUID(int=5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "vault.db"
    migrate(path, VAULT)
    return path


@pytest.fixture(params=["file", "url"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def vault(place: Place) -> Iterator[Vault]:
    with closing(Vault(place, KEY)) as vault:
        vault.register(CALLER, "来电人一", "13812345678")
        yield vault


@pytest.fixture
def kept(file: Path) -> Iterator[Vault]:
    """A vault in a file, whose bytes can be looked at."""
    with closing(Vault(file, KEY)) as vault:
        vault.register(CALLER, "来电人一", "13812345678")
        yield vault


def everything_on_disk(file: Path) -> bytes:
    return b"".join(each.read_bytes() for each in file.parent.iterdir() if each.is_file())


def test_a_person_is_revealed_as_registered(vault: Vault) -> None:
    identity = vault.reveal(CALLER)
    assert (identity.name, identity.phone) == ("来电人一", "13812345678")


def test_a_person_is_shown_masked(vault: Vault) -> None:
    assert vault.masked(CALLER) == Masked("来**", "138****5678", erased=False)


@pytest.mark.parametrize(
    ("name", "phone", "masked_name", "masked_phone"),
    [
        ("张三", "138-1234-5678", "张*", "138****5678"),
        ("张", "62001234", "*", "****34"),
        ("A caller", "12345", "A**", "****"),
        ("张三", None, "张*", None),
    ],
)
def test_masking_shows_little_of_whatever_was_given(
    vault: Vault, name: str, phone: str | None, masked_name: str, masked_phone: str | None
) -> None:
    person = uuid4()
    vault.register(person, name, phone)
    assert vault.masked(person) == Masked(masked_name, masked_phone)


def test_registering_again_changes_nothing_and_corrects_what_differs(vault: Vault) -> None:
    vault.register(CALLER, "来电人一", "13812345678")
    assert vault.masked(CALLER).phone == "138****5678"
    vault.register(CALLER, "来电人二")
    assert vault.reveal(CALLER) == Identity("来电人二", None)


def test_an_erased_person_is_gone_and_says_so(vault: Vault) -> None:
    vault.erase(CALLER)
    vault.erase(CALLER)
    assert vault.masked(CALLER) == Masked(ERASED, None, erased=True)
    with pytest.raises(WrongState, match="erased"):
        vault.reveal(CALLER)
    with pytest.raises(WrongState, match="erased"):
        vault.register(CALLER, "来电人一")


def test_erasing_leaves_no_byte_of_the_key_on_disk(file: Path, kept: Vault) -> None:
    with closing(sqlite3.connect(file)) as connection:
        (wrapped,) = connection.execute("SELECT wrapped FROM person_key").fetchone()
        sealed = [row[0] for row in connection.execute("SELECT sealed FROM person")]
    assert wrapped in everything_on_disk(file)
    kept.erase(CALLER)
    assert not [secret for secret in (wrapped, *sealed) if secret in everything_on_disk(file)]


def test_erasing_one_person_leaves_the_others(vault: Vault) -> None:
    other = uuid4()
    vault.register(other, "来电人二")
    vault.erase(CALLER)
    assert vault.reveal(other).name == "来电人二"


def test_only_those_who_write_about_the_same_person_wait_for_each_other(url: str) -> None:
    """On a database of many processes, where reports of many people come in at once."""
    other = uuid4()
    with closing(Vault(url, KEY)) as here, closing(Vault(url, KEY)) as there, ThreadPoolExecutor(2) as pool:
        here.register(CALLER, "来电人一")
        with here._database.writing(CALLER):
            there.register(other, "来电人二")
            same = pool.submit(there.register, CALLER, "来电人三")
            whole = pool.submit(_destroy_all, there, (CALLER, other))
            done, waiting = wait([same, whole], timeout=0.5)
            assert (done, waiting) == (set(), {same, whole})
        wait([same, whole])
        assert there.masked(other).erased


def _destroy_all(vault: Vault, persons: tuple[UUID, ...]) -> None:
    """As erasures are carried out again in an older copy: about everybody at once."""
    with vault._database.writing() as connection:
        for person in persons:
            destroy(connection, person)


@pytest.mark.parametrize("ask", ["masked", "reveal", "erase"])
def test_a_person_who_was_never_registered_is_unknown(vault: Vault, ask: str) -> None:
    with pytest.raises(Unknown, match="no person"):
        getattr(vault, ask)(uuid4())


def test_nothing_personal_lies_on_disk_in_clear(file: Path, kept: Vault) -> None:
    assert kept.masked(CALLER).name == "来**"
    stored = everything_on_disk(file)
    assert "来电人一".encode() not in stored
    assert b"13812345678" not in stored


def test_an_identity_prints_as_nothing(vault: Vault) -> None:
    assert repr(vault.reveal(CALLER)) == str(vault.reveal(CALLER)) == "Identity(…)"


@pytest.mark.parametrize(
    ("name", "phone", "field"),
    [
        ("", None, "name"),
        ("  ", None, "name"),
        ("长" * 101, None, "name"),
        ("来", "", "phone"),
        ("来", "1" * 41, "phone"),
    ],
)
def test_a_blank_or_long_name_or_number_is_refused_without_repeating_it(
    vault: Vault, name: str, phone: str | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        vault.register(uuid4(), name, phone)
    assert refused.value.details == {"field": field}
    assert "长" not in refused.value.message


def test_another_master_key_opens_nothing(place: Place, vault: Vault) -> None:
    assert vault.masked(CALLER).erased is False
    with closing(Vault(place, bytes(32))) as other, pytest.raises(WrongKey, match="master key is another one"):
        other.reveal(CALLER)


SWAPPED_FIELDS = """UPDATE person SET sealed = (SELECT sealed FROM person WHERE field = 'phone' AND person_id = :one)
    WHERE field = 'name' AND person_id = :one"""
SWAPPED_KEYS = """UPDATE person_key SET wrapped = (SELECT wrapped FROM person_key WHERE person_id = :two)
    WHERE person_id = :one"""
SWAPPED_PERSONS = """UPDATE person
    SET sealed = (SELECT sealed FROM person other WHERE other.person_id = :two AND other.field = person.field)
    WHERE person_id = :one"""


@pytest.mark.parametrize("swap", [SWAPPED_FIELDS, SWAPPED_KEYS, SWAPPED_PERSONS])
def test_a_row_moved_to_another_field_or_person_does_not_open(file: Path, kept: Vault, swap: str) -> None:
    other = uuid4()
    kept.register(other, "来电人二", "13900000000")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(swap, {"one": CALLER.bytes, "two": other.bytes})
    with pytest.raises(WrongKey):
        kept.reveal(CALLER)


def test_a_whole_person_moved_to_another_id_does_not_open(file: Path, kept: Vault) -> None:
    other = uuid4()
    kept.register(other, "来电人二", "13900000000")
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(SWAPPED_KEYS, {"one": CALLER.bytes, "two": other.bytes})
        connection.execute(SWAPPED_PERSONS, {"one": CALLER.bytes, "two": other.bytes})
    with pytest.raises(WrongKey):
        kept.reveal(CALLER)


def test_the_vault_opens_again_with_the_same_key(place: Place, vault: Vault) -> None:
    vault.close()
    with closing(Vault(place, KEY)) as again:
        assert again.reveal(CALLER).name == "来电人一"


def test_a_vault_must_be_there_and_migrated(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing):
        Vault(tmp_path / "none.db", KEY)
    (tmp_path / "empty.db").touch()
    with pytest.raises(NotMigrated, match="the vault"):
        Vault(tmp_path / "empty.db", KEY)


def test_the_key_file_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    first = master_key(path)
    assert (len(first), path.stat().st_mode & 0o777) == (32, 0o600)
    assert master_key(path) == first
    assert master_key(tmp_path / "other.key") != first


def test_a_key_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    master_key(path)
    path.chmod(0o640)
    with pytest.raises(WrongKey, match="chmod 600"):
        master_key(path)


def test_a_key_of_the_wrong_length_is_refused(tmp_path: Path, file: Path) -> None:
    path = tmp_path / "master.key"
    path.touch(mode=0o600)
    with pytest.raises(WrongKey, match="holds 0 bytes"):
        master_key(path)
    with pytest.raises(WrongKey, match="16 bytes"):
        Vault(file, bytes(16))
