"""kill -9 in the middle: a backup cut short is none, and a half restored store never passes for a whole one."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from shaoxiang import restoring
from shaoxiang.backup import back_up
from shaoxiang.house import migrate_all, open_log, open_tokens
from shaoxiang.settings import Settings
from store.errors import RestoreCutShort, StoreMissing
from tests.backup import kit
from tests.backup.conftest import LATER, Original

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60


def killed_at(point: str, what: str, settings: Settings, other: Path) -> None:
    """Run a backup or a restore in a process of its own, and kill it at that point."""
    url = settings.database_url
    typed = [sys.executable, "-m", "tests.backup.victim", what, str(settings.dir), str(other), point]
    with subprocess.Popen([*typed, *([url] if url else [])], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "here\n", f"it never came to the point '{point}'"
        finally:
            process.kill()
            process.wait(PATIENCE_SECONDS)


@pytest.mark.parametrize("point", ["events", "named"])
def test_a_killed_backup_leaves_none_and_the_next_one_is_whole(original: Original, tmp_path: Path, point: str) -> None:
    killed_at(point, "backup", original.settings, tmp_path)
    with pytest.raises(StoreMissing, match="no backup"):
        restoring.find(tmp_path)
    taken = back_up(original.settings, tmp_path, lambda: LATER)
    assert restoring.find(tmp_path) == taken.file
    assert kit.rows_of(taken.file) == kit.rows_of(original.file)


@pytest.mark.parametrize("point", ["events", "end", "vault", "access", "log", "mark"])
def test_a_store_whose_restore_was_killed_refuses_to_open_until_it_is_restored_again(
    original: Original, tmp_path: Path, point: str
) -> None:
    settings = kit.settings_of(tmp_path / "store")
    killed_at(point, "restore", settings, original.file)
    for use in (open_log, open_tokens, migrate_all, lambda each: back_up(each, tmp_path / "to", lambda: LATER)):
        with pytest.raises(RestoreCutShort, match="shaoxiang restore"):
            use(settings)
    restoring.restore(settings, original.file, lambda: LATER)
    assert kit.log_rows(settings) == kit.log_rows(original.settings)
    assert not list(settings.dir.glob("*.restored*"))


@pytest.mark.parametrize("point", ["events", "end"])
def test_a_killed_restore_into_postgresql_leaves_the_database_empty(
    original: Original, database: str, tmp_path: Path, point: str
) -> None:
    settings = kit.settings_of(tmp_path / "store", database)
    killed_at(point, "restore", settings, original.file)
    assert kit.log_rows(settings) == []
    with closing(open_log(settings)) as log:
        assert log.epoch() == (0, 0)
    restoring.restore(settings, original.file, lambda: LATER)
    assert kit.log_rows(settings) == kit.log_rows(original.settings)
