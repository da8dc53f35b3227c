"""Bringing a backup back: the same bytes on either store, nothing half, and nothing done twice."""

import random
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr

from domain.policy.deadlines import Stage
from shaoxiang import restoring
from shaoxiang.backup import back_up
from shaoxiang.clock import VirtualClock
from shaoxiang.house import migrate_all, open_log
from shaoxiang.settings import Settings
from store.archive import PARTS, Archive, ArchiveWriter, Row
from store.errors import Damaged, NotEmpty, StoreError, UnknownTopic
from tests.backup import kit
from tests.backup.conftest import LATER, PERSON, EmptyStore, Original

FLIPS, SWEEPS = 25, 20


def restored(settings: Settings, file: Path) -> restoring.Restored:
    return restoring.restore(settings, file, lambda: LATER)


def rewritten(file: Path, to: Path, **changed: list[Row]) -> Path:
    """A backup, whole by its own sums, with other rows in some parts."""
    held = kit.rows_of(file) | changed
    head = Archive(file).head
    last = held["events"][-1][0] if held["events"] else 0
    with to.open("wb") as out, closing(ArchiveWriter(out, head.model_copy(update={"position": last}))) as writer:
        for name, rows in held.items():
            writer.write(PARTS[name], rows)
        writer.finish()
    return to


# The same store again.


def test_a_restored_store_has_the_same_bytes_at_the_same_positions(original: Original, empty_store: EmptyStore) -> None:
    settings = empty_store()
    restored(settings, original.file)
    assert kit.log_rows(settings) == kit.log_rows(original.settings)


def test_a_store_goes_from_one_kind_to_the_other_and_back_without_a_byte_changed(
    original: Original, empty_store: EmptyStore, tmp_path: Path
) -> None:
    there, back = empty_store(), kit.settings_of(tmp_path / "back")
    restored(there, original.file)
    away = back_up(there, tmp_path / "away", lambda: LATER)
    restored(back, away.file)
    home = back_up(back, tmp_path / "home", lambda: LATER)
    first = kit.rows_of(original.file)
    for each in (kit.rows_of(away.file), kit.rows_of(home.file)):
        assert {name: rows for name, rows in each.items() if name not in {"epochs", "photos"}} == {
            name: rows for name, rows in first.items() if name not in {"epochs", "photos"}
        }
    assert home.manifest.sums["events"] == away.manifest.sums["events"]


def test_every_view_of_a_restored_store_is_as_it_was(
    original: Original, empty_store: EmptyStore, later: VirtualClock
) -> None:
    settings = empty_store()
    restored(settings, original.file)
    views = kit.folded(settings, later)
    assert views == kit.folded(original.settings, later)
    assert sum(map(len, views.values())) > 100


def test_what_lies_beside_the_log_is_there_again(
    original: Original, empty_store: EmptyStore, later: VirtualClock
) -> None:
    settings = empty_store()
    restored(settings, original.file)
    with kit.opened(settings, later) as town:
        assert (town.vault.reveal(PERSON).name, town.vault.reveal(PERSON).phone) == (kit.NAME, kit.PHONE)
        assert {each.name: each.revoked_at for each in town.tokens.list()} == {"audit": None, "old": LATER}
        assert town.photos.get(original.photo) is not None
    assert (settings.imports / "old-system.json").read_text(encoding="utf-8") == "{}"


def test_a_command_that_is_asked_again_gets_its_first_answer(
    original: Original, empty_store: EmptyStore, later: VirtualClock
) -> None:
    settings = empty_store()
    restored(settings, original.file)
    with closing(open_log(original.settings)) as first, closing(open_log(settings)) as log:
        rows = [first.command(UUID(bytes=row[0])) for row in kit.rows_of(original.file)["commands"]]
        assert [log.command(row.id) for row in rows if row] == rows
        before = log.position()
    with kit.opened(settings, later) as town:
        # The whole play once more: every command is known, and answers as it did.
        kit.play(town, kit.PLAYED[0])
        assert town.house.log.position() == before


def test_a_restored_store_goes_on_counting_where_the_backup_ends(
    original: Original, empty_store: EmptyStore, later: VirtualClock
) -> None:
    settings = empty_store()
    restored(settings, original.file)
    with kit.opened(settings, later) as town:
        before = town.house.log.position()
        kit.play(town, "03_")
        assert [row[0] for row in town.house.log.raw(before, 3)] == [before + 1, before + 2, before + 3]


# The epoch.


def test_a_restore_begins_a_new_epoch_at_the_backups_position(original: Original, empty_store: EmptyStore) -> None:
    settings = empty_store()
    epoch = restored(settings, original.file).epoch
    with closing(open_log(original.settings)) as first, closing(open_log(settings)) as log:
        assert first.epoch() == (0, 0)
        assert log.epoch() == epoch
        assert epoch.position == first.position() == log.position()
        assert epoch.number > 0


def test_two_restores_of_one_backup_are_two_epochs(original: Original, empty_store: EmptyStore) -> None:
    first, second = (
        restoring.restore(empty_store(), original.file, lambda at=at: at).epoch  # type: ignore[misc]
        for at in (LATER, LATER + timedelta(seconds=5))
    )
    assert first.position == second.position
    assert first.number < second.number


def test_epochs_only_grow_even_where_the_clock_went_back(
    original: Original, empty_store: EmptyStore, tmp_path: Path
) -> None:
    settings = empty_store()
    first = restored(settings, original.file).epoch
    again = back_up(settings, tmp_path, lambda: LATER).file
    second = restoring.restore(empty_store(), again, lambda: LATER - timedelta(days=400)).epoch
    assert second.number == first.number + 1


# Deadlines.


class Miss(NamedTuple):
    """A clock that was called missed: when it was due, and when somebody noticed."""

    stream: UUID
    stage: Stage
    due_at: datetime
    fired_at: datetime


def misses(town: kit.Town) -> list[Miss]:
    """Every clock that was called missed, in the order of the log."""
    return [
        Miss(recorded.event.originator_id, clock.stage, clock.due_at, recorded.event.timestamp)
        for recorded in town.house.log.events(0, 10_000)
        for clock in recorded.event.clocks
        if recorded.event.TOPIC.endswith("-missed.v1") and clock.missed_at is not None  # type: ignore[attr-defined]
    ]


def test_what_fell_due_while_the_store_was_away_fires_once_and_nothing_fires_that_had(
    empty_store: EmptyStore, tmp_path: Path
) -> None:
    late, left = kit.scenario("01b_"), kit.scenario("02_")
    cut = min(step.at for step in left.steps) + timedelta(hours=1)
    source = kit.settings_of(tmp_path / "source")
    with kit.opened(source, VirtualClock(LATER)) as town:
        # The police arrive late, which is missed before the backup; the other case is left lying as it is.
        kit.play(town, "01b_")
        kit.play(town, "02_", until=cut)
        before = misses(town)
    file = back_up(source, tmp_path / "to", lambda: max(step.at for step in late.steps)).file
    settings = empty_store()
    restored(settings, file)
    with kit.opened(settings, VirtualClock(LATER)) as town:
        assert before
        assert misses(town) == before
        assert town.house.sweeper.sweep(LATER).fired
        new = misses(town)[len(before) :]
        assert new, "nothing fell due while the store was away"
        assert all(miss.due_at < miss.fired_at == LATER for miss in new)
        assert [miss.due_at for miss in new] == sorted(miss.due_at for miss in new), "the oldest did not come first"
        for _ in range(SWEEPS):
            town.house.projector.catch_up()
            town.house.sweeper.sweep(LATER)
        last = misses(town)
        assert last[: len(before)] == before
        assert len({(miss.stream, miss.stage) for miss in last}) == len(last), "a clock was called missed twice"


# What is refused.


def test_a_store_that_holds_anything_is_refused(original: Original, empty_store: EmptyStore) -> None:
    settings = empty_store()
    restored(settings, original.file)
    before = kit.log_rows(settings)
    with pytest.raises(NotEmpty, match="never overwrites"):
        restored(settings, original.file)
    assert kit.log_rows(settings) == before


def test_a_vault_that_holds_somebody_is_refused(
    original: Original, empty_store: EmptyStore, later: VirtualClock
) -> None:
    settings = empty_store()
    with kit.opened(settings, later) as town:
        town.vault.register(uuid4(), kit.NAME)
    with pytest.raises(NotEmpty, match="vault"):
        restored(settings, original.file)


def test_a_backup_without_the_vault_leaves_the_vault_alone(
    original: Original, empty_store: EmptyStore, tmp_path: Path, later: VirtualClock
) -> None:
    settings, somebody = empty_store(), uuid4()
    with kit.opened(settings, later) as town:
        town.vault.register(somebody, kit.NAME)
    restored(settings, back_up(original.settings, tmp_path / "to", lambda: LATER, vault=False).file)
    with kit.opened(settings, later) as town:
        assert town.vault.reveal(somebody).name == kit.NAME
        assert town.house.log.position() > 0


def test_a_damaged_backup_leaves_the_store_empty_and_ready(
    original: Original, empty_store: EmptyStore, tmp_path: Path
) -> None:
    settings, whole, dice = empty_store(), original.file.read_bytes(), random.Random(3)
    path = tmp_path / "damaged.backup"
    for _ in range(FLIPS):
        damaged = bytearray(whole)
        damaged[dice.randrange(len(whole))] ^= 1 << dice.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(StoreError):
            restored(settings, path)
    assert kit.log_rows(settings) == []
    restored(settings, original.file)
    assert kit.log_rows(settings) == kit.log_rows(original.settings)


def events_of(original: Original) -> list[Row]:
    return kit.rows_of(original.file)["events"]


def test_a_stream_with_a_gap_is_named(original: Original, empty_store: EmptyStore, tmp_path: Path) -> None:
    events = events_of(original)
    longer = {row[1] for row in events if row[2] == 3}
    gap = next(n for n, row in enumerate(events) if row[2] == 2 and row[1] in longer)
    path = rewritten(original.file, tmp_path / "gap.backup", events=events[:gap] + events[gap + 1 :], photos=[])
    with pytest.raises(Damaged, match=str(UUID(bytes=events[gap][1]))):
        restored(empty_store(), path)


def test_positions_that_do_not_ascend_are_refused(original: Original, empty_store: EmptyStore, tmp_path: Path) -> None:
    events = events_of(original)
    events[3], events[4] = events[4], events[3]
    with pytest.raises(Damaged, match="position"):
        restored(empty_store(), rewritten(original.file, tmp_path / "order.backup", events=events))


def test_an_event_that_this_release_cannot_read_is_named(
    original: Original, empty_store: EmptyStore, tmp_path: Path
) -> None:
    events = events_of(original)
    position, stream, version, _, state = events[5]
    events[5] = (position, stream, version, "report.from-the-future.v9", state)
    with pytest.raises(UnknownTopic, match=f"position {position}: .*report.from-the-future.v9"):
        restored(empty_store(), rewritten(original.file, tmp_path / "future.backup", events=events))


def test_a_command_beyond_the_log_is_refused(original: Original, empty_store: EmptyStore, tmp_path: Path) -> None:
    commands = kit.rows_of(original.file)["commands"]
    commands[0] = (*commands[0][:5], 10**6, commands[0][6])
    with pytest.raises(Damaged, match="beyond"):
        restored(empty_store(), rewritten(original.file, tmp_path / "beyond.backup", commands=commands))


@pytest.mark.parametrize("name", ["../escaped.json", "/etc/passwd.json", ".hidden.json", "plain.txt"])
def test_a_name_that_leads_out_of_the_folder_is_refused(original: Original, tmp_path: Path, name: str) -> None:
    path = rewritten(original.file, tmp_path / "names.backup", imports=[(name, b"{}")])
    with pytest.raises(Damaged, match="plain file name"):
        restored(kit.settings_of(tmp_path / "store"), path)
    assert not (tmp_path / "escaped.json").exists()


def test_photos_that_were_left_behind_are_missed(original: Original, empty_store: EmptyStore, tmp_path: Path) -> None:
    alone = tmp_path / "alone.backup"
    alone.write_bytes(original.file.read_bytes())
    with pytest.raises(Damaged, match=original.photo):
        restored(empty_store(), alone)


def test_only_checking_changes_nothing(original: Original, tmp_path: Path) -> None:
    settings = Settings(dir=tmp_path / "nowhere")
    checked = restoring.check(settings, original.file)
    assert checked.rows["events"] == len(kit.log_rows(original.settings))
    assert not settings.dir.exists()


# What was erased stays erased.


def test_an_identity_whose_erasure_the_log_records_is_never_brought_back(
    empty_store: EmptyStore, tmp_path: Path, later: VirtualClock
) -> None:
    source = kit.settings_of(tmp_path / "source")
    with kit.opened(source, later) as town:
        person = erased_reporter(town)
    file = back_up(source, tmp_path / "to", lambda: LATER).file
    held = kit.rows_of(file)
    assert (person.bytes, None) in held["keys"]
    # As if the vault had been copied a moment before the erasure, and the log a moment after.
    keys = [(row[0], b"a key") if row[0] == person.bytes else row for row in held["keys"]]
    between = rewritten(file, file.parent / "between.backup", keys=keys, persons=[(person.bytes, "name", b"sealed")])
    settings = empty_store()
    restored(settings, between)
    with kit.opened(settings, later) as town:
        assert town.vault.masked(person).erased


def erased_reporter(town: kit.Town) -> UUID:
    """A report by somebody who then wants to be forgotten; answers who it was."""
    from desk.actors import Actor, Role
    from tests.backup.test_backup import REPORT

    city = town.house.world.city
    worker = Actor(person=uuid4(), role=Role.GRID_WORKER, organisation=city.find("德胜街道").code)
    officer = Actor(person=uuid4(), role=Role.COMMAND_OFFICER, organisation=city.find("吉林市指挥中心").code)
    desk = town.house.desk
    report = desk.do("submit_report", None, REPORT, worker, command_id=uuid4(), at=LATER).ids["report"]
    reason = {"reason": "上报人要求删除个人信息"}
    return desk.do("erase_reporter", report, reason, officer, command_id=uuid4(), at=LATER).ids["person"]


def test_a_database_whose_views_are_of_another_history_is_refused(
    original: Original, database: str, tmp_path: Path
) -> None:
    settings = kit.settings_of(tmp_path / "store", database)
    with psycopg.connect(database) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS views.positions (view text, position bigint)")
        connection.execute("INSERT INTO views.positions (view, position) VALUES ('board', 7)")
    with pytest.raises(NotEmpty, match="another history"):
        restored(settings, original.file)


def test_views_that_were_left_in_a_folder_are_not_taken_for_those_of_the_backup(
    original: Original, tmp_path: Path
) -> None:
    settings = kit.settings_of(tmp_path / "store")
    settings.views_db.write_bytes(b"of another history")
    restored(settings, original.file)
    assert not settings.views_db.exists()


def test_a_role_that_may_not_set_positions_is_told_which_one_may(
    original: Original, database: str, tmp_path: Path
) -> None:
    settings = kit.settings_of(tmp_path / "store", database)
    with psycopg.connect(database) as connection:
        connection.execute("DROP ROLE IF EXISTS backup_app")
        connection.execute("CREATE ROLE backup_app LOGIN")
    migrate_all(settings, role="backup_app")
    as_app = settings.model_copy(update={"database": SecretStr(database.replace("postgres@", "backup_app@"))})
    with pytest.raises(StoreError, match="shaoxiang migrate"):
        restored(as_app, original.file)
    # It may take backups, though: reading is all that needs.
    assert back_up(as_app, tmp_path / "to", lambda: LATER).manifest.head.position == 0
    with psycopg.connect(database) as connection:
        connection.execute("DROP OWNED BY backup_app")
        connection.execute("DROP ROLE backup_app")
