"""Taking a backup of a store in use: a committed prefix of its log, and all that belongs to it."""

import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from desk.actors import Actor, Role
from shaoxiang.backup import PHOTOS, back_up
from shaoxiang.clock import VirtualClock
from shaoxiang.house import open_log
from shaoxiang.import_map import city_with_kept
from shaoxiang.resources import load_city
from store.archive import PARTS
from store.errors import Damaged, StoreError, StoreMissing
from tests.backup import kit
from tests.backup.conftest import LATER, PERSON, EmptyStore, Original

REPORT = {
    "source": "grid",
    "description": "井盖缺失",
    "place": {"lat": 43.85, "lon": 126.56, "address": "德胜路"},
    "reporter": {"name": kit.NAME, "phone": kit.PHONE},
}
WORKERS, MOST_REPORTS, BACKUPS = 3, 150, 4


def reporting(town: kit.Town, done: list[int], stop: threading.Event) -> None:
    """Report until told to stop, keeping the position of every command that was acknowledged."""
    street = town.house.world.city.find("德胜街道").code
    actor = Actor(person=uuid4(), role=Role.GRID_WORKER, organisation=street)
    for _ in range(MOST_REPORTS):
        if stop.is_set():
            return
        answer = town.house.desk.do("submit_report", None, REPORT, actor, command_id=uuid4(), at=town.clock.now())
        done.append(answer.position)


def test_a_backup_under_running_commands_is_a_committed_prefix(
    empty_store: EmptyStore, tmp_path: Path, later: VirtualClock
) -> None:
    settings, done, stop = empty_store(), list[int](), threading.Event()
    taken: list[tuple[int, Path]] = []
    with kit.opened(settings, later) as town:
        threads = [threading.Thread(target=reporting, args=(town, done, stop)) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        try:
            for number in range(BACKUPS):
                acknowledged = max(done, default=0)
                later.advance_to(later.now() + timedelta(seconds=1))
                taken.append((acknowledged, back_up(settings, tmp_path / f"{number}.backup", later.now).file))
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        log = town.house.log.raw(0, 100_000)
    assert done
    for acknowledged, file in taken:
        held = kit.rows_of(file)
        events = held["events"]
        assert events == log[: len(events)], "the backup is no prefix of the log"
        last = events[-1][0] if events else 0
        assert last >= acknowledged, "a command that was answered before the backup began is not in it"
        made_by = {event[0] for event in events}
        assert {row[5] for row in held["commands"]} <= made_by, "a command is in the backup without its events"
        assert len(held["commands"]) == sum(position <= last for position in done), "an event lacks its command"
        named = {person for person, *_ in held["keys"]}
        assert len(named) >= len(held["commands"]), "an event names a person whom the vault does not know"


def test_every_part_is_in_it(original: Original) -> None:
    held = kit.rows_of(original.file)
    assert {name for name, rows in held.items() if rows} == set(PARTS) - {"epochs"}
    assert held["events"] == kit.log_rows(original.settings)
    assert held["photos"] == [
        (original.photo, len((original.file.parent / PHOTOS / original.photo[:2] / original.photo).read_bytes()))
    ]
    assert held["imports"] == [("old-system.json", b"{}")]


def test_nobody_is_named_in_clear(original: Original) -> None:
    held = kit.rows_of(original.file)
    for name, rows in held.items():
        if name == "events":
            continue
        assert not [row for row in rows if any(isinstance(v, bytes) and kit.NAME.encode() in v for v in row)]


def test_without_the_vault_no_identity_is_in_it(original: Original, tmp_path: Path) -> None:
    held = kit.rows_of(back_up(original.settings, tmp_path, lambda: LATER, vault=False).file)
    assert held.keys() == PARTS.keys() - {"keys", "persons"}


def test_photos_are_copied_once(original: Original, tmp_path: Path) -> None:
    first = back_up(original.settings, tmp_path, lambda: LATER)
    second = back_up(original.settings, tmp_path, lambda: LATER + timedelta(seconds=1))
    assert (first.photos_copied, second.photos_copied) == (1, 0)
    assert back_up(original.settings, tmp_path / "bare", lambda: LATER, photos=False).photos_copied == 0
    assert not (tmp_path / "bare" / PHOTOS).exists()


def test_an_altered_photo_is_not_taken_for_a_good_one(original: Original, tmp_path: Path, later: VirtualClock) -> None:
    settings = kit.settings_of(tmp_path / "store")
    with kit.opened(settings, later) as town:
        photo = town.photos.put(kit.a_photo(10), "image/png")
    (settings.photo_folder / photo[:2] / photo).write_bytes(b"something else")
    with pytest.raises(Damaged, match=photo):
        back_up(settings, tmp_path / "to", later.now)
    assert not list((tmp_path / "to").glob("*.backup"))


def test_a_backup_never_overwrites(original: Original, tmp_path: Path) -> None:
    file = tmp_path / "a.backup"
    file.write_bytes(b"an older one")
    with pytest.raises(StoreError, match="never overwrites"):
        back_up(original.settings, file, lambda: LATER)
    assert file.read_bytes() == b"an older one"


def test_there_is_no_backup_of_a_store_that_is_not_there(tmp_path: Path) -> None:
    settings = kit.settings_of(tmp_path / "store")
    settings.log_db.unlink()
    with pytest.raises(StoreMissing):
        back_up(settings, tmp_path / "to", lambda: LATER)


def test_a_backup_belongs_to_its_owner_alone(original: Original) -> None:
    assert original.file.stat().st_mode & 0o077 == 0


def test_an_empty_store_has_an_empty_backup(empty_store: EmptyStore, tmp_path: Path) -> None:
    taken = back_up(empty_store(), tmp_path, lambda: LATER)
    assert (taken.manifest.head.position, taken.manifest.sums["events"].rows) == (0, 0)


def test_an_older_unfinished_backup_is_tidied_away(original: Original, tmp_path: Path) -> None:
    (tmp_path / ".unfinished").write_bytes(b"half")
    taken = back_up(original.settings, tmp_path, lambda: LATER)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [taken.file.name]


def test_what_is_only_being_written_beside_the_kept_mappings_is_none_yet(
    empty_store: EmptyStore, tmp_path: Path
) -> None:
    settings = empty_store()
    settings.imports.mkdir(parents=True, exist_ok=True)
    (settings.imports / ".new-nyc-311.json").write_bytes(b"{half")
    assert kit.rows_of(back_up(settings, tmp_path, lambda: LATER).file)["imports"] == []
    assert city_with_kept(load_city(), settings.imports) == load_city()


def test_the_log_knows_who_the_persons_in_it_are(original: Original) -> None:
    held = kit.rows_of(original.file)
    assert PERSON.bytes in {person for person, _ in held["keys"]}
    with closing(open_log(original.settings)) as log:
        assert log.position() == held["events"][-1][0]
    assert all(UUID(bytes=row[0]) for row in held["commands"])
