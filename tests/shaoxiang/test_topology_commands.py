"""The commands on PostgreSQL: they run beside the living, and say clearly what an embedded store has no use for."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import histories
from projections import bulk
from shaoxiang.clock import SystemClock
from shaoxiang.house import migrate_all, open_log, open_premises, store_of
from shaoxiang.resources import scenario_files
from shaoxiang.settings import Settings
from tests.shaoxiang.commandline import shaoxiang


@pytest.fixture
def store(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A migrated, empty store on PostgreSQL, which the settings of the environment name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHAOXIANG_DATABASE", database)
    monkeypatch.setenv("SHAOXIANG_DIR", str(tmp_path / "shared"))
    settings = Settings()
    migrate_all(settings)
    return settings


@pytest.mark.parametrize("command", ["work", "tick"])
def test_an_embedded_store_needs_neither_workers_nor_tickers_and_says_so(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHAOXIANG_DATABASE", raising=False)
    ran = shaoxiang(command, "--dir", tmp_path)
    assert ran.code == 2
    assert f"`{command}` is for a store on PostgreSQL" in ran.complaint
    assert "shaoxiang serve" in ran.complaint


def test_years_are_for_postgresql(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHAOXIANG_DATABASE", raising=False)
    assert "an embedded log has no parts" in shaoxiang("years", "--dir", tmp_path).complaint


@pytest.mark.parametrize("command", [["serve"], ["work"], ["tick"], ["check"], ["tokens"]])
def test_a_database_that_was_not_migrated_is_one_clear_line(
    command: list[str], database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHAOXIANG_DATABASE", database)
    ran = shaoxiang(*command, "--dir", tmp_path)
    assert ran.code == 2
    assert "shaoxiang migrate" in ran.complaint
    assert "Traceback" not in ran.err


def test_migrating_twice_changes_nothing(store: Settings) -> None:
    ran = shaoxiang("migrate")
    assert ran.code == 0
    assert "log: version" in ran.out
    assert "(was" not in ran.out


def test_an_empty_store_is_clean_and_can_be_rebuilt(store: Settings) -> None:
    checked = shaoxiang("check", "--json")
    assert (checked.code, checked.document["clean"], checked.document["position"]) == (0, True, 0)
    assert shaoxiang("rebuild", "--json").document["position"] == 0
    assert shaoxiang("retry", "--json").document == {"well": 0, "parked": []}


def test_tokens_are_issued_listed_and_revoked_in_the_database(store: Settings) -> None:
    secret = shaoxiang("token", "street_leader", "德胜街道").out.strip()
    assert re.fullmatch(r"\S{20,}", secret)
    listed = shaoxiang("tokens", "--json")
    assert secret not in listed.out
    with open_premises(store, SystemClock().now, folds=False) as premises:
        found = premises.tokens.lookup(secret)
        assert found is not None
        assert shaoxiang("revoke", json.loads(listed.out)["id"]).code == 0
        assert premises.tokens.lookup(secret) is None


def test_the_years_of_the_log_are_shown(store: Settings) -> None:
    found = [json.loads(line) for line in shaoxiang("years", "--json").out.splitlines()]
    assert [each["name"] for each in found][:2] == ["before", "2020"]
    assert all(each["attached"] for each in found)


def test_a_year_that_is_not_over_stays(store: Settings) -> None:
    year = SystemClock().now().year
    assert f"the year {year} is not over" in shaoxiang("years", "--detach", year).complaint


def test_while_a_year_is_out_nothing_is_folded_afresh_and_it_is_said_what_to_do(
    store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_log(store) as log:
        for year in (2021, 2026):
            monkeypatch.setattr(histories, "START", datetime(year, 3, 2, 1, tzinfo=UTC))
            log.append(list(histories.interleaved(40, seed=year, open_cases=4)))
    before = shaoxiang("check", "--json").document
    assert before["clean"]
    assert shaoxiang("years", "--detach", 2021).code == 0
    for command in ("check", "rebuild"):
        ran = shaoxiang(command)
        assert ran.code == 2
        assert "the log is without 2021" in ran.complaint
        assert "shaoxiang years --attach 2021" in ran.complaint
    assert shaoxiang("years", "--attach", 2021).code == 0
    assert shaoxiang("rebuild").code == 0
    assert shaoxiang("check", "--json").document == before


@pytest.mark.parametrize("command", ["check", "rebuild"])
def test_a_long_log_is_folded_afresh_by_as_many_processes_as_there_are_cores(
    store: Settings, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with open_log(store) as log:
        log.append(list(histories.interleaved(40, open_cases=4)))
    started: list[int] = []
    beside = bulk.load_beside

    def noted(work: bulk.Work, processes: int) -> Iterator[bulk.Told]:
        started.append(processes)
        return beside(work, processes)

    monkeypatch.setattr(bulk, "load_beside", noted)
    monkeypatch.setattr(bulk, "BESIDE", 40)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert shaoxiang(command).code == 0
    assert started == [2]


def test_a_scenario_played_into_the_database_gives_what_it_gives_in_memory(database: str, tmp_path: Path) -> None:
    [file] = [path for path in scenario_files() if path.name.startswith("02_")]
    played = [sys.executable, "-m", "shaoxiang.cli", "play", str(file), "--json"]
    here, there = (
        subprocess.run([*played, *more], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
        for more in ([], ["--db", database])
    )
    assert json.loads(here.stdout) == json.loads(there.stdout)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("somewhere", {"dir": Path("somewhere"), "database": None}),
        ("sqlite:////var/x", {"dir": Path("/var/x"), "database": None}),
        ("postgresql://a@h1,h2/city", {"database": "postgresql://a@h1,h2/city"}),
    ],
)
def test_a_store_is_named_by_a_url_of_either_kind(url: str, settings: dict[str, object]) -> None:
    assert store_of(url) == settings


def test_a_store_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="oracle is not known here"):
        store_of("oracle://x")
