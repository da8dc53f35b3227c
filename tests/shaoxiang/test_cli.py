"""What goes wrong on the command line is told in one clear line, which says what, where and what to do."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_premises
from shaoxiang.resources import scenario_files
from shaoxiang.settings import Settings
from tests.shaoxiang.commandline import Ran, shaoxiang

OPENING = ("serve", "check", "rebuild")
"""Commands that open a store which must be there."""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from the developer's machine."""
    for name in [name for name in os.environ if name.startswith("SHAOXIANG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store that was migrated and is empty."""
    folder = tmp_path / "store"
    migrate_all(Settings(dir=folder))
    return folder


def is_one_clear_line(ran: Ran, *said: str) -> None:
    assert ran.code == 2
    assert ran.complaint.startswith("shaoxiang: ")
    assert "Traceback" not in ran.err
    assert all(each in ran.complaint for each in said), ran.complaint


@pytest.mark.parametrize("command", OPENING)
def test_a_store_that_is_not_there_is_named_with_what_to_do(command: str, tmp_path: Path) -> None:
    ran = shaoxiang(command, "--dir", tmp_path / "nowhere")
    is_one_clear_line(ran, "log.db", "shaoxiang migrate")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("command", OPENING)
def test_a_store_that_another_process_has_open_is_refused_and_the_process_named(command: str, store: Path) -> None:
    with open_premises(Settings(dir=store), SystemClock().now):
        typed = [sys.executable, "-m", "shaoxiang.cli", command, "--dir", str(store)]
        ran = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=300)
    is_one_clear_line(Ran(ran.returncode, ran.stdout, ran.stderr), f"is open in process {os.getpid()}")


def test_a_port_that_is_taken_is_said_so(store: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = shaoxiang("serve", "--dir", store, "--port", taken.getsockname()[1])
    is_one_clear_line(ran, "Address already in use")


def test_a_port_that_does_not_exist_is_said_so(store: Path) -> None:
    is_one_clear_line(shaoxiang("serve", "--dir", store, "--port", 70000), "setting port", "65535")


@pytest.mark.parametrize(
    ("name", "value"), [("LOG_LEVEL", "loud"), ("TICK_EVERY", "soon"), ("PAGE_SIZE", "0"), ("LOG_FORMAT", "xml")]
)
def test_a_bad_setting_is_named(store: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SHAOXIANG_{name}", value)
    is_one_clear_line(shaoxiang("check", "--dir", store), f"setting {name.lower()}")


@pytest.mark.parametrize("key", ["no base64 at all!", "c2hvcnQ="])
def test_a_bad_master_key_is_said_so_without_being_shown(
    store: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("SHAOXIANG_MASTER_KEY", key)
    ran = shaoxiang("check", "--dir", store)
    is_one_clear_line(ran, "32")
    assert key not in ran.err


def test_a_store_of_a_newer_release_is_refused(store: Path) -> None:
    with sqlite3.connect(store / "log.db") as db:
        db.execute("INSERT INTO schema_version VALUES (99)")
    db.close()
    is_one_clear_line(shaoxiang("check", "--dir", store), "newer")


def test_a_file_that_is_no_store_is_refused(store: Path) -> None:
    (store / "log.db").write_text("once upon a time", encoding="utf-8")
    is_one_clear_line(shaoxiang("check", "--dir", store), "log.db")


# What works.


def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    first, second = (shaoxiang("migrate", "--dir", tmp_path / "store") for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert "log.db: version" in first.out
    assert "(was 0)" in first.out
    assert "(was" not in second.out


def test_a_folder_of_a_store_belongs_to_its_owner_alone(tmp_path: Path) -> None:
    shaoxiang("migrate", "--dir", tmp_path / "store")
    assert (tmp_path / "store").stat().st_mode & 0o077 == 0


def test_an_empty_store_is_clean(store: Path) -> None:
    ran = shaoxiang("check", "--dir", store, "--json")
    assert ran.code == 0
    assert (ran.document["clean"], ran.document["position"]) == (True, 0)


def test_a_token_is_printed_once_and_kept_as_a_hash(store: Path) -> None:
    ran = shaoxiang("token", "street_leader", "德胜街道", "--dir", store)
    assert ran.code == 0
    secret = ran.out.strip()
    assert re.fullmatch(r"\S{20,}", secret)
    assert not [path for path in store.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    with open_premises(Settings(dir=store), SystemClock().now) as premises:
        found = premises.tokens.lookup(secret)
    assert found is not None
    assert (found.role, found.organisation) == ("street_leader", "220204001")


@pytest.mark.parametrize(
    ("role", "organisation", "said"),
    [
        ("mayor", "德胜街道", "mayor"),
        ("grid_worker", "市司法局", "not held in 市司法局"),
        ("street_leader", "月亮街道", "月亮街道"),
        ("street_leader", "民主街道", "民主街道"),
    ],
)
def test_a_token_for_a_role_or_an_organisation_that_nobody_knows_is_refused(
    store: Path, role: str, organisation: str, said: str
) -> None:
    is_one_clear_line(shaoxiang("token", role, organisation, "--dir", store), said)


def test_help_lists_every_command() -> None:
    ran = shaoxiang("--help")
    assert ran.code == 0
    for command in (
        "demo",
        "serve",
        "migrate",
        "play",
        "rebuild",
        "check",
        "retry",
        "import",
        "token",
        "tokens",
        "revoke",
    ):
        assert command in ran.out


def test_json_of_a_check_is_one_object(store: Path) -> None:
    assert json.loads(shaoxiang("check", "--dir", store, "--json").out)["parked"] == []


def test_a_token_is_listed_without_its_secret_and_revoked_while_the_store_is_in_use(store: Path) -> None:
    with open_premises(Settings(dir=store), SystemClock().now) as premises:
        secret = shaoxiang("token", "auditor", "市审计监督组", "--name", "audit", "--dir", store).out.strip()
        listed = shaoxiang("tokens", "--dir", store, "--json")
        assert premises.tokens.lookup(secret) is not None
        assert secret not in listed.out
        assert shaoxiang("revoke", listed.document["id"], "--dir", store).code == 0
        assert premises.tokens.lookup(secret) is None


def test_a_master_key_that_opens_nothing_is_noticed_at_the_start(store: Path) -> None:
    with open_premises(Settings(dir=store), SystemClock().now) as premises:
        premises.vault.register(uuid4(), "来电人一", "13800000001")
    (store / "master.key").write_bytes(bytes(32))
    is_one_clear_line(shaoxiang("check", "--dir", store), "master key")


def test_retrying_finds_nothing_aside_in_a_healthy_store(store: Path) -> None:
    ran = shaoxiang("retry", "--dir", store, "--json")
    assert (ran.code, ran.document) == (0, {"well": 0, "parked": []})


def test_a_policy_that_does_not_fit_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "policy.json").write_text("{}")
    scenario = scenario_files()[0]
    is_one_clear_line(shaoxiang("play", scenario, "--policy", tmp_path / "policy.json"), "version")
