"""`shaoxiang backup` and `shaoxiang restore` as they are typed."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shaoxiang.clock import VirtualClock
from shaoxiang.house import open_log
from tests.backup import kit
from tests.backup.conftest import LATER, Original
from tests.shaoxiang.commandline import shaoxiang


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from the developer's machine."""
    for name in [name for name in os.environ if name.startswith("SHAOXIANG_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_a_backup_is_taken_beside_the_process_that_has_the_store_and_restored(tmp_path: Path) -> None:
    settings = kit.settings_of(tmp_path / "store")
    with kit.opened(settings, VirtualClock(LATER)) as town:
        kit.play(town, "02_")
        typed = [sys.executable, "-m", "shaoxiang.cli", "backup", "--dir", str(settings.dir), "--to", "kept", "--json"]
        ran = subprocess.run(typed, capture_output=True, text=True, check=False, timeout=300)
        position = town.house.log.position()
    assert ran.returncode == 0, ran.stderr
    checked = shaoxiang("restore", "kept", "--check-only", "--dir", "other", "--json")
    assert (checked.document["position"], checked.document["restored"]) == (position, False)
    assert not Path("other").exists()
    said = shaoxiang("restore", "kept", "--dir", "other", "--json")
    assert (said.code, said.document["position"], said.document["restored"]) == (0, position, True)
    assert any("master key" in step for step in said.document["next"])


def test_a_refusal_is_one_line_that_says_what_to_do(original: Original) -> None:
    ran = shaoxiang("restore", original.file, "--dir", original.settings.dir)
    assert ran.code == 2
    assert ran.complaint.startswith("shaoxiang: ")
    assert "is not empty" in ran.complaint


@pytest.mark.parametrize("given", [[], ["nowhere"]])
def test_a_restore_of_nothing_is_refused(given: list[str]) -> None:
    ran = shaoxiang("restore", *given)
    assert (ran.code, "backup" in ran.complaint) == (2, True)


def test_a_store_that_was_brought_back_by_other_means_gets_a_new_epoch(tmp_path: Path) -> None:
    settings = kit.settings_of(tmp_path / "store")
    ran = shaoxiang("restore", "--epoch-only", "--dir", settings.dir, "--json")
    with closing(open_log(settings)) as log:
        assert log.epoch() == (ran.document["number"], ran.document["position"])
        assert ran.document["number"] > 0


def test_the_newest_backup_of_a_folder_is_the_one_that_is_taken(tmp_path: Path) -> None:
    settings = kit.settings_of(tmp_path / "store")
    for _ in range(2):
        taken = shaoxiang("backup", "--dir", settings.dir, "--to", "kept", "--json").document
    assert len(list(Path("kept").glob("*.backup"))) == 2
    checked = shaoxiang("restore", "kept", "--check-only", "--dir", settings.dir, "--json").document
    assert checked["file"] == taken["file"]
