"""A mapping or a file that cannot be used is refused as a whole, with a message that says where to correct it."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.errors import Invalid, Refusal, Unknown
from shaoxiang.docs import DOCS
from shaoxiang.import_map import (
    Columns,
    Divisions,
    ImportMap,
    Items,
    Organisations,
    Sources,
    city_with_kept,
    keep,
    read_map,
)
from shaoxiang.importing import import_file
from shaoxiang.parts import House
from shaoxiang.resources import load_city
from tests.importing.conftest import MAP
from tests.importing.given import row, write_csv


def changed(tmp_path: Path, part: str, value: Any) -> Path:
    """The shipped mapping with one part changed, named by its path."""
    document = json.loads(MAP.read_text(encoding="utf-8"))
    *parents, last = part.split("/")
    place = document
    for each in parents:
        place = place[each]
    place[last] = value
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("zone", "America/NewYork", "'America/NewYork' is no zone of the IANA.*did you mean America/New_York"),
        ("name", "../nyc", "name: String should match"),
        ("colums", {}, "colums: Extra inputs are not permitted"),
        ("statuses/Open", "ajar", "statuses.Open: Input should be 'open' or 'closed'"),
        ("sources/default", "pigeon", "sources.default: Input should be 'grid'"),
        ("columns/key", None, "columns.key: Input should be a valid string"),
    ],
)
def test_a_broken_mapping_is_refused_by_part(tmp_path: Path, part: str, value: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message) as refused:
        read_map(changed(tmp_path, part, value))
    assert "changed.json is not a mapping" in refused.value.message


@pytest.mark.parametrize(
    ("part", "value", "kind", "message"),
    [
        ("organisations/values/DOT", "nyc-roads", Unknown, "organisations, 'DOT': .*no organisation 'nyc-roads'"),
        ("organisations/values/DOT", "2202-sfj", Invalid, "organisations, 'DOT': .*is no department"),
        ("divisions/values/QUEENS", "999999", Unknown, "divisions, 'QUEENS': .*no division '999999'"),
        (
            "columns/created",
            "created",
            Invalid,
            "columns, created: .*has no column 'created'.*Did you mean 'created_date'",
        ),
        ("columns/description", ["detail"], Invalid, r"columns, description\[0\]: .*has no column 'detail'"),
    ],
)
def test_a_mapping_that_names_what_does_not_exist_is_refused(
    house: House, tmp_path: Path, part: str, value: Any, kind: type[Refusal], message: str
) -> None:
    mapping = read_map(changed(tmp_path, part, value))
    with pytest.raises(kind, match=f"mapping nyc-311, {message}"):
        import_file(house, write_csv(tmp_path / "one.csv", [row()]), mapping)
    assert house.log.position() == 0


def test_a_mapping_may_not_take_a_code_that_means_something_else(house: House, tmp_path: Path) -> None:
    own = [{"code": "2202-scjg", "name": "Markets", "kind": "department", "division": "3600"}]
    with pytest.raises(Invalid, match="2202-scjg occurs twice"):
        read_map(changed(tmp_path, "organisations/own", own)).joined_to(house.world.city)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: its first row must name the columns"),
        (b"a,b,a\n1,2,3\n", "names a column twice: 'a'"),
        (b"\xff\xff\xff", "neither UTF-8 nor GB18030 nor XLSX"),
        (b"PK\x05\x06" + bytes(18), "cannot be read as XLSX"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    house: House, nyc: ImportMap, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "table"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=message):
        import_file(house, path, nyc)


def test_a_cell_without_end_is_refused_by_its_line(house: House, nyc: ImportMap, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "long.csv", [row(descriptor="x" * 200_000)])
    with pytest.raises(Invalid, match=r"long.csv, line 2: not CSV"):
        import_file(house, path, nyc)


def test_a_kept_mapping_teaches_the_city_its_organisations(nyc: ImportMap, tmp_path: Path) -> None:
    folder = tmp_path / "imports"
    assert city_with_kept(load_city(), folder) == load_city()
    keep(nyc, folder)
    keep(nyc, folder)
    city = city_with_kept(load_city(), folder)
    assert city.get("nyc-dot").name == "Department of Transportation"
    assert city.division("360047").name == "Brooklyn"
    assert read_map(folder / "nyc-311.json") == nyc


def test_a_mapping_that_could_not_be_kept_leaves_the_older_one_whole(
    nyc: ImportMap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(nyc, tmp_path)

    def cut_short(*_: object) -> None:
        raise OSError("the machine went down")

    monkeypatch.setattr("os.fsync", cut_short)
    with pytest.raises(OSError, match="went down"):
        keep(nyc.model_copy(update={"note": "something else"}), tmp_path)
    assert read_map(tmp_path / "nyc-311.json") == nyc
    assert city_with_kept(load_city(), tmp_path).division("360047").name == "Brooklyn"


def test_an_import_keeps_its_mapping(house: House, nyc: ImportMap, tmp_path: Path) -> None:
    import_file(house, write_csv(tmp_path / "one.csv", [row()]), nyc, keep_in=tmp_path / "imports")
    assert [path.name for path in (tmp_path / "imports").iterdir()] == ["nyc-311.json"]


def test_every_part_of_a_mapping_is_explained() -> None:
    page = (DOCS / "importing.md").read_text(encoding="utf-8")
    parts = (ImportMap, Columns, Divisions, Organisations, Items, Sources)
    assert [name for each in parts for name in each.model_fields if f"`{name}`" not in page] == []
