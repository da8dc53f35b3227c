"""The data is found in a checkout, in a folder that a site names, and nowhere else; and it says where it is from."""

import tomllib
from pathlib import Path

import pytest

from shaoxiang import resources
from shaoxiang.resources import data_folder, documents, read_json, scenario_files

ROOT = Path(__file__).resolve().parent.parent.parent


def test_a_sites_own_folder_is_used_when_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    assert data_folder(tmp_path) == tmp_path


def test_an_installed_wheel_finds_what_travels_inside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = inside["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    for source, target in included.items():
        (tmp_path / target).parent.mkdir(exist_ok=True)
        (tmp_path / target).symlink_to(ROOT / source)
    monkeypatch.setattr(resources, "HERE", tmp_path / "shaoxiang")
    assert data_folder() == tmp_path / "shaoxiang" / "_data"
    assert [path.name for path in scenario_files()] == sorted(path.name for path in ROOT.glob("scenarios/*.json"))


def test_a_folder_without_a_city_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=str(tmp_path)):
        data_folder(tmp_path)


def test_broken_json_is_named_with_its_place(tmp_path: Path) -> None:
    broken = tmp_path / "rule.json"
    broken.write_text('{"limit": }', encoding="utf-8")
    with pytest.raises(ValueError, match=r"rule\.json.*line 1 column 11"):
        read_json(broken)


def test_documents_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "city").mkdir()
    (tmp_path / "policy").mkdir()
    for year in (2027, 2026):
        (tmp_path / "policy" / f"{year}.json").write_text(f'{{"version": "{year}"}}', encoding="utf-8")
    assert [one["version"] for one in documents("policy", tmp_path)] == ["2026", "2027"]


def test_every_file_of_data_is_accounted_for_in_its_readme() -> None:
    readme = (data_folder() / "README.md").read_text(encoding="utf-8")
    files = [path for path in data_folder().rglob("*") if path.is_file() and path.name != "README.md"]
    unnamed = [path.name for path in files if f"{path.parent.name}/{path.name}" not in readme]
    assert files
    assert not unnamed, "say in data/README.md where these come from"
