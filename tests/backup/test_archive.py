"""The file that a backup is: what goes in comes out, and nothing else is ever believed."""

import random
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.archive import FORMAT, PARTS, Archive, ArchiveWriter, Head, Part, Row
from store.errors import Damaged, NewerStore, StoreError
from tests.backup.conftest import LATER, Original

PROBES = 400

KINDS = {
    "number": st.integers(-(2**63), 2**63 - 1),
    "bytes": st.binary(max_size=40),
    "text": st.text(max_size=20),
    "time": st.just("2026-03-02T01:00:00+00:00"),
}


def head(parts: tuple[str, ...] = tuple(PARTS), number: int = FORMAT) -> Head:
    return Head(
        format=number,
        release="1",
        schemas={"log": 1},
        made_at=LATER,
        position=7,
        epoch=0,
        parts={name: tuple(PARTS[name].columns) for name in parts},
    )


def written(path: Path, rows: dict[str, list[Row]]) -> Path:
    out = BytesIO()
    writer = ArchiveWriter(out, head(tuple(rows)))
    for name, given_rows in rows.items():
        writer.write(PARTS[name], given_rows)
    writer.finish()
    writer.close()
    path.write_bytes(out.getvalue())
    return path


def read(path: Path) -> dict[str, list[Row]]:
    archive = Archive(path)
    found: dict[str, list[Row]] = {name: [] for name in archive.head.parts}
    for part, rows in archive.blocks():
        found[part.name] += rows
    return found


def rows_of(part: Part) -> st.SearchStrategy[list[Row]]:
    return st.lists(st.tuples(*(st.none() | KINDS[kind] for kind in part.columns.values())), max_size=20)


@given(st.fixed_dictionaries({part.name: rows_of(part) for part in PARTS.values()}))
@settings(max_examples=50)
def test_every_row_comes_back_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, rows: dict[str, list[Row]]
) -> None:
    assert read(written(tmp_path_factory.mktemp("archive") / "a.backup", rows)) == rows


def test_a_part_of_many_blocks_comes_back_whole_and_in_order(tmp_path: Path) -> None:
    rows = {"imports": [(f"{number}.json", random.Random(number).randbytes(300_000)) for number in range(12)]}
    assert read(written(tmp_path / "a.backup", rows)) == rows


def test_a_backup_is_the_same_bytes_whenever_it_is_written(tmp_path: Path) -> None:
    rows = {"counters": [("a", 1), ("b", 2)]}
    assert written(tmp_path / "a", rows).read_bytes() == written(tmp_path / "b", rows).read_bytes()


def test_a_byte_that_changed_anywhere_is_found(original: Original, tmp_path: Path) -> None:
    whole, dice, path = original.file.read_bytes(), random.Random(7), tmp_path / "damaged.backup"
    edges = [*range(200), *range(len(whole) - 200, len(whole))]
    for at in [*edges, *(dice.randrange(len(whole)) for _ in range(PROBES))]:
        damaged = bytearray(whole)
        damaged[at] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(StoreError):
            read(path)


def test_a_backup_that_was_cut_short_anywhere_is_refused(original: Original, tmp_path: Path) -> None:
    whole, dice, path = original.file.read_bytes(), random.Random(8), tmp_path / "short.backup"
    for length in [0, 1, 30, len(whole) - 1, *(dice.randrange(len(whole)) for _ in range(PROBES))]:
        path.write_bytes(whole[:length])
        with pytest.raises(Damaged):
            read(path)


def test_a_backup_with_something_behind_it_is_refused(original: Original, tmp_path: Path) -> None:
    path = tmp_path / "longer.backup"
    path.write_bytes(original.file.read_bytes() + b"\0")
    with pytest.raises(Damaged, match="manifest"):
        read(path)


def test_damage_is_told_by_part_and_position(tmp_path: Path) -> None:
    rows = {"events": [(at, bytes(16), at, "t", random.Random(at).randbytes(400_000)) for at in range(1, 13)]}
    path = written(tmp_path / "a.backup", rows)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(Damaged, match=r"part 'events', after position [3-9] "):
        read(path)


def test_a_later_format_is_refused_with_what_to_do(tmp_path: Path) -> None:
    out = BytesIO()
    ArchiveWriter(out, head(number=FORMAT + 1)).close()
    path = tmp_path / "a.backup"
    path.write_bytes(out.getvalue())
    with pytest.raises(NewerStore, match=f"format {FORMAT + 1}"):
        Archive(path)


def test_another_file_is_no_backup(tmp_path: Path) -> None:
    path = tmp_path / "a.backup"
    path.write_bytes(b"once upon a time")
    with pytest.raises(Damaged, match="no backup"):
        Archive(path)
