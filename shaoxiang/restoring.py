"""Bringing a backup back into an empty store: proved, written, and marked with a new epoch, all of it or nothing.

After a restore, positions behind the backup's are given out a second time, to other events. The epoch tells the two
apart: whoever keeps a position keeps the epoch with it (docs/decisions/0015).
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from desk.unit import KINDS
from domain.dispatch.facts.report import ReporterErased
from shaoxiang.backup import ENDING, PHOTOS, Progress, copy_photo, files_of, place_of, quiet, write_file
from shaoxiang.settings import Settings
from store.archive import PARTS, VAULT_PARTS, Archive, Head, Part, Row
from store.errors import Damaged, StoreError, StoreMissing
from store.gapless import Gapless
from store.mapper import EventMapper
from store.recorder import Epoch
from store.restores import Restore, SqliteRestore

_PLAIN_NAME = re.compile(r"[^./\\\0][^/\\\0]*\.json")
_HASH = re.compile(r"[0-9a-f]{64}")


class Checked(NamedTuple):
    """A backup that was proved whole: its file and head, and how many rows each part has."""

    file: Path
    head: Head
    rows: dict[str, int]


class Restored(NamedTuple):
    """A store that was filled from a backup, and the epoch that it is in since."""

    checked: Checked
    epoch: Epoch


def find(source: Path) -> Path:
    """The backup that is meant: the file itself, or the newest in the folder. Raises StoreMissing."""
    if source.is_file():
        return source
    found = sorted(source.glob(f"*{ENDING}")) if source.is_dir() else []
    if not found:
        msg = f"there is no backup at {source}: name a file that ends in {ENDING}, or a folder that holds one"
        raise StoreMissing(msg)
    return max(found, key=lambda path: Archive(path).head.made_at)


def check(settings: Settings, file: Path, progress: Progress = quiet) -> Checked:
    """Prove a backup: every byte, every event readable, streams without gaps, positions within, photos at hand.

    Raises Damaged, which names part and position, or NewerStore, UnknownTopic or UnreadableEvent.
    """
    archive = Archive(file)
    with closing(_Check(archive, settings.photo_folder)) as checking:
        for part, rows in archive.blocks():
            checking.take(part, rows)
            progress(checking.rows["events"], archive.head.position)
        return checking.done()


def restore(settings: Settings, file: Path, now: Callable[[], datetime], progress: Progress = quiet) -> Restored:
    """Fill the empty store of the settings with a backup, proving it on the way, and begin a new epoch at its position.

    Nothing of it takes its place before all of it was proved. Raises as `check` does, and NotEmpty; a store into which
    a restore was cut short refuses to open until it is restored again.
    """
    archive = Archive(file)
    head, imports = archive.head, list[Row]()
    target = _target(settings, head.parts)
    try:
        with closing(_Check(archive, settings.photo_folder)) as checking:
            for part, rows in archive.blocks():
                checking.take(part, rows)
                if part.name == "imports":
                    imports += rows
                elif part.name == "photos":
                    _bring_photos(rows, file.parent / PHOTOS, settings.photo_folder)
                else:
                    target.write(part, _without(checking.erased, part, rows))
                progress(checking.rows["events"], head.position)
            checked = checking.done()
        for name, content in imports:
            write_file(settings.imports / name, content)
        at = now()
        epoch = Epoch(head.epoch, 0).next(head.position, at)
        target.write(PARTS["epochs"], [(epoch.number, epoch.position, at.isoformat())])
        target.finish()
    finally:
        target.abandon()
    return Restored(checked, epoch)


def _target(settings: Settings, parts: Iterable[str]) -> Restore:
    if (url := settings.database_url) is None:
        return SqliteRestore(files_of(settings), settings.views_db, parts)
    from store.postgres_copies import PostgresRestore  # noqa: PLC0415 - the driver is an extra

    return PostgresRestore(url, parts)


def _without(erased: set[UUID], part: Part, rows: Sequence[Row]) -> Sequence[Row]:
    """The rows without what the log says was erased: an erasure may have fallen between two files' copies."""
    if part.name not in VAULT_PARTS or not erased:
        return rows
    gone = {person.bytes for person in erased}
    # The key's row stays, without the key: that is what tells an erased person from one whom nobody knows.
    if part.name == "keys":
        return [(row[0], None) if row[0] in gone else row for row in rows]
    return [row for row in rows if row[0] not in gone]


def _bring_photos(rows: Sequence[Row], source: Path, to: Path) -> None:
    for content_hash, _ in rows:
        if (photo := place_of(source, content_hash)).is_file():
            copy_photo(photo, place_of(to, content_hash))


class _Check:
    """What is proved row by row, beyond the bytes."""

    def __init__(self, archive: Archive, kept_photos: Path) -> None:
        self._file, self._head = archive.path, archive.head
        self.rows = dict.fromkeys(self._head.parts, 0)
        self._photos = (archive.path.parent / PHOTOS, kept_photos)
        self._mapper = EventMapper(KINDS)
        self._streams = Gapless(self._head.position)
        self._position = 0
        self.erased: set[UUID] = set()
        self._of: dict[str, Callable[[Row], None]] = {
            "events": self._event,
            "commands": self._command,
            "imports": self._import,
            "photos": self._photo,
        }

    def take(self, part: Part, rows: Sequence[Row]) -> None:
        """Prove the rows of a block."""
        prove = self._of.get(part.name)
        if prove is not None:
            for row in rows:
                prove(row)
        self.rows[part.name] += len(rows)

    def done(self) -> Checked:
        """Prove what only the end can tell."""
        if self._position != self._head.position:
            msg = f"the backup ends at position {self._position} and says {self._head.position}: take another one"
            raise Damaged(msg)
        self._streams.check()
        return Checked(self._file, self._head, self.rows)

    def close(self) -> None:
        """Remove what was spooled."""
        self._streams.close()

    def _event(self, row: Row) -> None:
        position, stream, version, topic, state = row
        if position <= self._position:
            msg = f"position {position} comes after {self._position} in the backup: take another one"
            raise Damaged(msg)
        self._position = position
        try:
            event = self._mapper.decode(UUID(bytes=stream), version, topic, state)
        except StoreError as problem:
            raise type(problem)(f"at position {position}: {problem}") from problem
        if isinstance(event, ReporterErased):
            self.erased.add(event.person)
        self._streams.add(stream, version, position)

    def _command(self, row: Row) -> None:
        position = row[5]
        if position > self._head.position:
            msg = f"a command's row in the backup names position {position}, beyond {self._head.position}"
            raise Damaged(f"{msg}: take another backup")

    def _import(self, row: Row) -> None:
        if not _PLAIN_NAME.fullmatch(row[0]):
            msg = f"the backup holds an import by the name {row[0]!r}, which is no plain file name: where is it from?"
            raise Damaged(msg)

    def _photo(self, row: Row) -> None:
        name = row[0]
        if not _HASH.fullmatch(name):
            msg = f"the backup lists a photo by the name {name!r}, which is no hash: where is it from?"
            raise Damaged(msg)
        for folder in self._photos:
            path = place_of(folder, name)
            if path.is_file():
                if hashlib.sha256(path.read_bytes()).hexdigest() != name:
                    msg = f"the photo {path} is damaged: put it back from an older copy of that folder"
                    raise Damaged(msg)
                return
        msg = f"the photo {name} is neither in {self._photos[0]} nor in {self._photos[1]}: copy {PHOTOS}/ along"
        raise Damaged(msg)


def summary(checked: Checked, epoch: Epoch | None = None) -> dict[str, Any]:
    """What is said of a backup that was checked, and of the store if it was restored; `next` is what to do then."""
    said = {
        "file": str(checked.file),
        "position": checked.head.position,
        "made_at": checked.head.made_at.isoformat(),
        "release": checked.head.release,
        "detached_years": checked.head.detached,
        **checked.rows,
        "restored": epoch is not None,
    }
    if epoch is None:
        return said
    steps = ["put the master key of the store that was backed up in its place, if it is not there"]
    if not checked.rows.keys() >= VAULT_PARTS:
        steps.append("the backup holds no vault: put that in its place, or run `shaoxiang migrate` for an empty one")
    if checked.head.detached:
        steps.append("these years were out of the log and are not in the backup: bring their own copies back")
    steps.append("start as usual: views fold themselves, then what fell due meanwhile fires once; `shaoxiang check`")
    steps.append("clients of the event stream are told to read their lists again; nothing is sent a second time")
    return {**said, "epoch": epoch.number, "next": steps}
