"""Settings have documented defaults, and what is set wrongly is said clearly."""

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from shaoxiang.settings import LogFormat, Settings


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No setting comes from the developer's machine."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SHAOXIANG_{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_a_default_and_says_what_it_does() -> None:
    undocumented = [name for name, field in Settings.model_fields.items() if not field.description]
    demanded = [name for name, field in Settings.model_fields.items() if field.is_required()]
    assert not undocumented
    assert not demanded


def test_by_default_the_engine_listens_to_its_own_machine_only() -> None:
    assert Settings().host == "127.0.0.1"


def test_settings_come_from_the_environment_and_the_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SHAOXIANG_PORT=9000\nSHAOXIANG_LOG_FORMAT=json\n", encoding="utf-8")
    monkeypatch.setenv("SHAOXIANG_PORT", "9001")
    monkeypatch.setenv("SHAOXIANG_TICK_EVERY", "PT0.5S")
    settings = Settings()
    assert (settings.port, settings.log_format) == (9001, LogFormat.JSON), "the environment beats the file"
    assert settings.tick_every == timedelta(milliseconds=500)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAOXIANG_DATA", "")
    assert Settings().data is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "65536"), ("LOG_LEVEL", "loud"), ("TICK_EVERY", "PT0S"), ("PAGE_SIZE", "0"), ("LOG_FORMAT", "xml")],
)
def test_a_value_out_of_range_is_refused_and_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"SHAOXIANG_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Settings()


def test_secrets_do_not_show_when_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHAOXIANG_MASTER_KEY", "c2VjcmV0")
    settings = Settings()
    assert "c2VjcmV0" not in f"{settings!r} {settings}"


def test_all_files_of_the_store_lie_in_its_folder() -> None:
    settings = Settings(dir=Path("/srv/shaoxiang"))
    files = (settings.log_db, settings.views_db, settings.photo_folder, settings.master_key_file)
    assert {path.parent for path in files} == {settings.dir}
    assert len(set(files)) == len(files)
