"""Migrations of the database, and roles that may little."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors

from bench.postgres import Postgres
from store.errors import NewerStore, NotMigrated, StoreError
from store.log import EventLog
from store.migrations import Schema
from store.postgres_schema import ACCESS, LOG, SCHEMAS, VAULT, migrate
from store.tokens import Tokens
from store.vault import Vault
from tests.store.aggregates import KINDS, NOON, a_bell, a_command, a_lamp

ROOT = Path(__file__).resolve().parents[2]
ALL = [(schema.name, len(schema.steps)) for schema in SCHEMAS]


def test_six_processes_may_migrate_at_once(database: str) -> None:
    code = (
        "import sys; from store.postgres_schema import migrate; from tests.store.aggregates import NOON; "
        "print([before for _, before, _ in migrate(sys.argv[1], NOON)])"
    )
    line = [sys.executable, "-c", code, database]
    processes = [subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    assert {process.returncode for process in processes} == {0}
    # Each schema is made by one of them, and not all need to be made by the same.
    for before, (name, steps) in zip(zip(*told, strict=True), ALL, strict=True):
        assert sorted(before) == [0, *[steps] * 5], name


def test_migrating_again_does_nothing(url: str) -> None:
    assert migrate(url, NOON) == [(name, steps, steps) for name, steps in ALL]


def test_a_migration_that_fails_leaves_nothing_behind(database: str) -> None:
    broken = Schema("log", (*LOG.steps, ("CREATE TABLE log.more (x int)", "CREATE TABLE log.event (x int)")))
    with pytest.raises(errors.DuplicateTable):
        migrate(database, NOON, schemas=(broken,))
    assert migrate(database, NOON) == [(name, 0, steps) for name, steps in ALL]


def test_a_database_that_was_not_migrated_says_how(database: str) -> None:
    with pytest.raises(NotMigrated, match="run `shaoxiang migrate`"):
        EventLog.connect(database, KINDS)
    with pytest.raises(NotMigrated, match="the schema vault"):
        Vault(database, bytes(32))


def test_a_newer_database_is_left_alone(url: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO log.schema_version VALUES (99)")
    with pytest.raises(NewerStore, match="version 99"):
        EventLog.connect(url, KINDS)
    with pytest.raises(NewerStore, match="version 99"):
        migrate(url, NOON)


@pytest.mark.parametrize("value", ["y", "TRUE", "1", " on "])
def test_the_librarys_unsafe_function_is_refused(url: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", value)
    with pytest.raises(StoreError, match="skip events for good"):
        EventLog.connect(url, KINDS)


def test_that_option_may_be_turned_off(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_ENABLE_DB_FUNCTIONS", "n")
    EventLog.connect(url, KINDS).close()


@pytest.fixture
def as_role(postgres: Postgres, database: str) -> Iterator[str]:
    """The URL of a role that was granted what the running processes need, and owns nothing."""
    role = f"running_{uuid4().hex}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN".encode())
    migrate(database, NOON, role=role)
    yield postgres.url(urlsplit(database).path[1:], role)
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(f"DROP OWNED BY {role}".encode())
        connection.execute(f"DROP ROLE {role}".encode())


def test_the_running_role_can_do_all_that_the_processes_do(as_role: str) -> None:
    with EventLog.connect(as_role, KINDS) as log:
        lamp, command = a_lamp(), a_command()
        log.save([lamp], command=command, counters={"today": 0})
        log.save([a_bell()], reads={lamp.id: 1}, counters={"today": 1})
        assert (log.position(), log.counter("today"), len(log.events(0, 9))) == (2, 2, 2)
        assert log.command(command.id) is not None
        assert log.new_epoch(NOON) == log.epoch()
        assert log.detached() == []
    tokens, vault = Tokens(as_role), Vault(as_role, bytes(32))
    tokens.revoke(tokens.create(lamp.id, "street_officer", "220204001", "值班", NOON).id, NOON)
    vault.register(lamp.id, "来电人一")
    vault.erase(lamp.id)
    tokens.close()
    vault.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE log.event SET topic = 'other'",
        "DELETE FROM log.event",
        "TRUNCATE log.event",
        "UPDATE log.command SET result = '{}'",
        "DELETE FROM log.command",
        "UPDATE log.counter SET value = 0",
        "DELETE FROM log.counter",
        "DELETE FROM log.epoch",
        "SELECT setval('log.position', 1)",
        "DROP TABLE log.event",
        "ALTER TABLE log.event DETACH PARTITION log.event_2023",
        "CREATE TABLE log.more (x int)",
        "INSERT INTO log.schema_version VALUES (99)",
        "INSERT INTO log.detached VALUES ('event_2023', 0, 0, 0, now())",
        "DELETE FROM access.token",
    ],
)
def test_the_running_role_can_change_nothing_that_was_written(as_role: str, statement: str) -> None:
    with psycopg.connect(as_role) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement.encode())


def test_a_role_that_may_only_read_is_told_when_it_writes(postgres: Postgres, as_role: str, url: str) -> None:
    role = urlsplit(as_role).username
    with psycopg.connect(url) as connection:
        connection.execute(f"GRANT USAGE ON SCHEMA log TO {role}".encode())
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA log TO {role}".encode())
    with (
        EventLog.connect(postgres.url(urlsplit(url).path[1:], role or ""), KINDS) as log,
        pytest.raises(StoreError, match="may not write the log"),
    ):
        log.save([a_lamp()])
    with psycopg.connect(url) as connection:
        connection.execute(f"DROP OWNED BY {role}".encode())


@pytest.mark.parametrize("schema", [LOG, VAULT, ACCESS], ids=lambda schema: schema.name)
def test_every_table_of_the_store_is_reached_by_the_grants(as_role: str, schema: Schema) -> None:
    with psycopg.connect(as_role) as connection:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename NOT LIKE 'event\\_%%'", (schema.name,)
        ).fetchall()
        for (table,) in tables:
            connection.execute(f"SELECT 1 FROM {schema.name}.{table} LIMIT 1".encode())
    assert tables
