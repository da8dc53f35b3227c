"""Taking a backup: one file with a committed prefix of the log and what belongs to it, and the photos beside it.

A backup is written under a name that nobody takes for one, synced, and only then given its own. How the file is laid
out says store/archive.py; how it is brought back, shaoxiang/restoring.py.
"""

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from shaoxiang.settings import Settings
from store.archive import FORMAT, PARTS, VAULT_PARTS, ArchiveWriter, Head, Manifest, Row
from store.errors import Damaged, StoreError
from store.migrations import ACCESS, LOG, VAULT
from store.snapshots import Files, Snapshot, SqliteSnapshot

ENDING = ".backup"
PHOTOS = "photos"
"""The folder beside the backups that holds the photos of all of them."""

_FROM_FOLDER = ("imports", "photos")
"""Parts that lie in the folder, whatever keeps the log. They come last: what the log names was there before it."""

Progress = Callable[[int, int], object]
"""Hears how many events are done, and how many there are."""


def quiet(done: int, total: int) -> None:
    """Say nothing of the progress."""


class Taken(NamedTuple):
    """A backup that was taken; sizes in bytes, `seconds` from beginning to end."""

    file: Path
    manifest: Manifest
    size: int
    photos_copied: int
    seconds: float


def back_up(
    settings: Settings,
    to: Path,
    now: Callable[[], datetime],
    *,
    vault: bool = True,
    photos: bool = True,
    progress: Progress = quiet,
) -> Taken:
    """Take a backup of the store while others use it: into the folder `to`, or as that file where it ends in .backup.

    Without `vault`, nobody's identity is in it; without `photos`, they are listed and not copied. Raises StoreError,
    or OSError where the backup cannot be written; then there is none.
    """
    began, at = time.monotonic(), now()
    file = to if to.suffix == ENDING else to / f"shaoxiang-{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}{ENDING}"
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _alone_in(file.parent):
        if file.exists():
            msg = f"{file} is there already, and a backup never overwrites: name another file"
            raise StoreError(msg)
        unfinished = _unfinished(file.parent)
        with closing(_snapshot(settings)) as snapshot:
            head = Head(
                format=FORMAT,
                release=version("shaoxiang"),
                schemas={schema.name: len(schema.steps) for schema in (LOG, VAULT, ACCESS)},
                made_at=at,
                position=snapshot.position,
                detached=snapshot.detached,
                epoch=max((row[0] for row in snapshot.rows("epochs")), default=0),
                parts={name: tuple(part.columns) for name, part in PARTS.items() if vault or name not in VAULT_PARTS},
            )
            manifest = _write(unfinished, head, snapshot, settings, progress)
        copied = _copy_photos(settings.photo_folder, file.parent / PHOTOS) if photos else 0
        unfinished.replace(file)
        sync_folder(file.parent)
    return Taken(file, manifest, file.stat().st_size, copied, time.monotonic() - began)


def _snapshot(settings: Settings) -> Snapshot:
    if (url := settings.database_url) is None:
        return SqliteSnapshot(files_of(settings))
    from store.postgres_copies import PostgresSnapshot  # noqa: PLC0415 - the driver is an extra

    return PostgresSnapshot(url)


def files_of(settings: Settings) -> Files:
    """Where the embedded store's files lie."""
    return Files(settings.log_db, settings.vault_db, settings.access_db)


def _write(file: Path, head: Head, snapshot: Snapshot, settings: Settings, progress: Progress) -> Manifest:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as out, closing(ArchiveWriter(out, head)) as writer:
        for name in head.parts:
            rows = _folder_rows(name, settings) if name in _FROM_FOLDER else snapshot.rows(name)
            if name == "events":
                writer.write(PARTS[name], rows, lambda done: progress(done, head.position))
            else:
                writer.write(PARTS[name], rows)
        manifest = writer.finish()
        out.flush()
        os.fsync(out.fileno())
    return manifest


def _folder_rows(part: str, settings: Settings) -> Iterator[Row]:
    if part == "imports":
        for path in sorted(settings.imports.glob("[!.]*.json")):
            yield path.name, path.read_bytes()
    else:
        for path in photo_files(settings.photo_folder):
            yield path.name, path.stat().st_size


def photo_files(folder: Path) -> Iterator[Path]:
    """The photos under a folder, by hash; what is only being written there is none yet."""
    for shelf in sorted(folder.glob("[0-9a-f][0-9a-f]")):
        yield from sorted(path for path in shelf.iterdir() if not path.name.startswith("."))


def place_of(folder: Path, content_hash: str) -> Path:
    """Where a photo lies under a folder of photos."""
    return folder / content_hash[:2] / content_hash


def _copy_photos(source: Path, to: Path) -> int:
    """Copy those that are not there yet, each proved by its name; answers how many."""
    copied = 0
    for path in photo_files(source):
        copied += copy_photo(path, place_of(to, path.name))
    return copied


def copy_photo(source: Path, to: Path) -> bool:
    """Copy one photo unless it is there; whole and on disk. Raises Damaged where its bytes do not fit its name."""
    if to.is_file() and to.stat().st_size == source.stat().st_size:
        return False
    data = source.read_bytes()
    if hashlib.sha256(data).hexdigest() != source.name:
        msg = f"the photo {source} was altered: its bytes do not fit its name. Put it back from an older backup"
        raise Damaged(msg)
    write_file(to, data)
    return True


def write_file(path: Path, data: bytes) -> None:
    """Write a small file whole or not at all, and to disk."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new = path.with_name(f".new-{path.name}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """See to it that the names in the folder are on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Backups into one folder take turns, so that what is unfinished there is of one that died."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _unfinished(folder: Path) -> Path:
    """Where a backup is written until it is whole; what one that was cut short left there is removed."""
    path = folder / ".unfinished"
    path.unlink(missing_ok=True)
    return path


def summary(taken: Taken) -> dict[str, Any]:
    """What is said of a backup that was taken."""
    sums, head = taken.manifest.sums, taken.manifest.head
    events = sums["events"].rows
    return {
        "file": str(taken.file),
        "position": head.position,
        "epoch": head.epoch,
        "detached_years": head.detached,
        **{name: part.rows for name, part in sums.items()},
        "photos_copied": taken.photos_copied,
        "bytes": taken.size,
        "seconds": round(taken.seconds, 3),
        "events_per_second": round(events / taken.seconds) if taken.seconds else 0,
    }
