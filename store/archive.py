r"""The file that a backup is: plain rows in compressed blocks, the same bytes whichever kind of store they came from.

    "shaoxiang backup 1\n"                              the format and its number
    block*                                               head first, then the rows of each part, the manifest last
    block = part name (16 bytes, padded with NUL), rows (4), length (4), zlib of that length, digest (32)

The digest is the SHA-256 of everything in the file before it, so no byte is believed before what precedes it was
proved, and a file without its manifest is no backup. Head and manifest are JSON. A row is its columns one after the
other, each a length (4 bytes, all ones for nothing) and so many bytes: a number in 8 bytes, a text in UTF-8, bytes as
they are, a time as ISO 8601 in UTC. Integers are big-endian; a number is signed.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from struct import Struct
from typing import Any, BinaryIO, NamedTuple, TypeVar

from pydantic import AwareDatetime, ValidationError

from domain.kernel import Frozen
from store.errors import Damaged, NewerStore

FORMAT = 1
"""The newest format that this release reads, and the one that it writes."""

Row = tuple[Any, ...]
"""The columns of a row of a part, in the order of the part's declaration; None for nothing."""

_MAGIC = b"shaoxiang backup "
_HEADER = Struct(">16sII")
_LENGTH = Struct(">I")
_NOTHING = 2**32 - 1
_NULL = _LENGTH.pack(_NOTHING)
_NUMBER_BYTES = 8
_DIGEST_BYTES = 32
_BLOCK_BYTES = 1 << 20
# A row is at most some megabytes (a kept mapping, a command's answer); anything beyond this is no block of ours.
_BLOCK_AT_MOST = 1 << 28
_HEAD, _MANIFEST = "head", "manifest"
M = TypeVar("M", bound=Frozen)


class Part(NamedTuple):
    """A kind of rows: its name, its columns, and what each holds ("number", "bytes", "text" or "time")."""

    name: str
    columns: Mapping[str, str]


PARTS = {
    part.name: part
    for part in (
        Part(
            "events",
            {"position": "number", "stream": "bytes", "version": "number", "topic": "text", "state": "bytes"},
        ),
        Part(
            "commands",
            {
                "id": "bytes",
                "actor": "bytes",
                "name": "text",
                "request_hash": "text",
                "result": "text",
                "position": "number",
                "at": "time",
            },
        ),
        Part("counters", {"name": "text", "value": "number"}),
        Part("epochs", {"number": "number", "position": "number", "at": "time"}),
        Part("keys", {"person": "bytes", "wrapped": "bytes"}),
        Part("persons", {"person": "bytes", "field": "text", "sealed": "bytes"}),
        Part(
            "tokens",
            {
                "id": "bytes",
                "hash": "bytes",
                "person": "bytes",
                "role": "text",
                "organisation": "text",
                "name": "text",
                "created_at": "time",
                "revoked_at": "time",
            },
        ),
        Part("imports", {"name": "text", "content": "bytes"}),
        Part("photos", {"hash": "text", "size": "number"}),
    )
}
"""Every part there is, in the order in which they lie in the file."""

VAULT_PARTS = frozenset({"keys", "persons"})
"""What is left out of a backup without the vault."""


class Head(Frozen):
    """What is known of a backup when it begins: who made it of what, when, and up to which position."""

    format: int
    release: str
    schemas: Mapping[str, int]
    made_at: AwareDatetime
    position: int
    epoch: int
    detached: tuple[str, ...] = ()
    """The years that were out of the log, whose events therefore are not in it."""
    parts: Mapping[str, tuple[str, ...]]
    """The names of the parts in it, each with the names of its columns."""


class Sum(Frozen):
    """What a part comes to: its rows, their bytes before compression, and the SHA-256 of those bytes."""

    rows: int
    bytes: int
    sha256: str


class Manifest(Frozen):
    """The last word of a backup: its head again, and the sum of each part."""

    head: Head
    sums: Mapping[str, Sum]


class ArchiveWriter:
    """Writes a backup into an open file, block by block; `finish` makes it whole.

    Blocks are compressed in a thread, one behind the one being filled: compression is most of the work.
    """

    def __init__(self, file: BinaryIO, head: Head) -> None:
        self._file, self._head = file, head
        self._whole = hashlib.sha256()
        self._sums: dict[str, Sum] = {}
        self._pending: Future[None] | None = None
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compress")
        self._put(b"%s%d\n" % (_MAGIC, head.format))
        self._block(_HEAD, 0, head.model_dump_json().encode())

    def write(self, part: Part, rows: Iterable[Row], progress: Callable[[int], object] = lambda _: None) -> int:
        """Write all rows of a part and answer how many; `progress` hears how many there are after each block."""
        sum_, count, size = hashlib.sha256(), 0, 0
        for payload, held in _payloads(rows):
            sum_.update(payload)
            self._next(part.name, held, payload)
            count, size = count + held, size + len(payload)
            progress(count)
        self._sums[part.name] = Sum(rows=count, bytes=size, sha256=sum_.hexdigest())
        return count

    def finish(self) -> Manifest:
        """Write the manifest; the file is whole when this returns, and on disk once the caller has synced it."""
        manifest = Manifest(head=self._head, sums=self._sums)
        self._next(_MANIFEST, 0, manifest.model_dump_json().encode())
        self._settle()
        return manifest

    def close(self) -> None:
        """End the thread; the file is the caller's."""
        self._worker.shutdown()

    def _next(self, part: str, rows: int, payload: bytes) -> None:
        self._settle()
        self._pending = self._worker.submit(self._block, part, rows, payload)

    def _settle(self) -> None:
        if self._pending is not None:
            self._pending.result()
            self._pending = None

    def _block(self, part: str, rows: int, payload: bytes) -> None:
        packed = zlib.compress(payload, 1)
        self._put(_HEADER.pack(part.encode(), rows, len(packed)))
        self._put(packed)
        self._file.write(self._whole.digest())
        self._whole.update(self._whole.digest())

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._whole.update(data)


class Archive:
    """A backup on disk. Opening reads its head; raises Damaged, or NewerStore for a format of a later release."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("rb") as file:
            self.head = _Reading(path, file).head

    def blocks(self) -> Iterator[tuple[Part, list[Row]]]:
        """All rows, part by part, a block at a time; each was proved whole before it is handed out.

        Raises Damaged where a block is not what was written, or, at the end, where something is missing.
        """
        with self.path.open("rb") as file:
            yield from _Reading(self.path, file).blocks()


class _Reading:
    """One pass over the file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file
        self._whole = hashlib.sha256()
        # Where we are, for whoever has to be told what is damaged.
        self._part, self._row, self._position = _HEAD, 0, 0
        self._check_magic()
        part, _, payload = self._block()
        if part != _HEAD:
            raise self._damaged("it does not begin with its head")
        self.head = self._parsed(Head, payload)
        for name, columns in self.head.parts.items():
            if name not in PARTS or tuple(PARTS[name].columns) != columns:
                msg = f"{path} has a part '{name}' that this release does not know: use release {self.head.release}"
                raise NewerStore(msg)

    def blocks(self) -> Iterator[tuple[Part, list[Row]]]:
        found: dict[str, Sum] = {}
        sums = {name: hashlib.sha256() for name in self.head.parts}
        rows_of, bytes_of = dict.fromkeys(sums, 0), dict.fromkeys(sums, 0)
        while True:
            name, held, payload = self._block()
            if name == _MANIFEST:
                break
            if name not in sums:
                raise self._damaged(f"a block calls itself '{name}'")
            rows = self._rows(PARTS[name], payload)
            if len(rows) != held:
                raise self._damaged(f"a block holds {len(rows)} rows and says {held}")
            sums[name].update(payload)
            rows_of[name] += held
            bytes_of[name] += len(payload)
            yield PARTS[name], rows
            self._passed(name, rows)
        manifest = self._parsed(Manifest, payload)
        found = {name: Sum(rows=rows_of[name], bytes=bytes_of[name], sha256=sums[name].hexdigest()) for name in sums}
        if manifest != Manifest(head=self.head, sums=found) or self._file.read(1):
            raise self._damaged("its manifest does not fit what comes before it")

    def _check_magic(self) -> None:
        line = self._file.readline(len(_MAGIC) + 8)
        number = line.removeprefix(_MAGIC).strip()
        if not line.startswith(_MAGIC) or not number.isdigit():
            msg = f"{self._path} is no backup of Shaoxiang, or its first bytes are damaged: check the path"
            raise Damaged(msg)
        if int(number) > FORMAT:
            msg = f"{self._path} has format {int(number)}, newer than {FORMAT}: use the release that made it"
            raise NewerStore(msg)
        self._whole.update(line)

    def _block(self) -> tuple[str, int, bytes]:
        header = self._exactly(_HEADER.size)
        name, rows, length = _HEADER.unpack(header)
        if length > _BLOCK_AT_MOST:
            raise self._damaged("a block has an impossible length")
        packed = self._exactly(length)
        self._whole.update(header)
        self._whole.update(packed)
        digest = self._whole.digest()
        if self._exactly(_DIGEST_BYTES) != digest:
            raise self._damaged("its bytes are not those that were written")
        self._whole.update(digest)
        try:
            return name.rstrip(b"\0").decode(), rows, zlib.decompress(packed)
        except (zlib.error, UnicodeDecodeError) as problem:
            raise self._damaged(str(problem)) from problem

    def _exactly(self, count: int) -> bytes:
        data = self._file.read(count)
        if len(data) != count:
            raise self._damaged("it ends before its manifest; was the backup cut short?")
        return data

    def _rows(self, part: Part, payload: bytes) -> list[Row]:
        try:
            return list(_unpacked(tuple(part.columns.values()), payload))
        except (IndexError, ValueError) as problem:
            raise self._damaged(f"a row cannot be read: {problem}") from problem

    def _parsed(self, kind: type[M], payload: bytes) -> M:
        try:
            return kind.model_validate_json(payload)
        except ValidationError as problem:
            raise self._damaged(f"its {kind.__name__.lower()} cannot be read") from problem

    def _passed(self, name: str, rows: list[Row]) -> None:
        if name != self._part:
            self._part, self._row = name, 0
        self._row += len(rows)
        if name == "events" and rows:
            self._position = rows[-1][0]

    def _damaged(self, what: str) -> Damaged:
        after = f"position {self._position}" if self._part == "events" else f"row {self._row}"
        return Damaged(
            f"the backup {self._path} is damaged in or behind the part '{self._part}', after {after} "
            f"(near byte {self._file.tell()} of the file): {what}. Take another backup"
        )


def _payloads(rows: Iterable[Row]) -> Iterator[tuple[bytes, int]]:
    """The rows as bytes, in blocks of about a mebibyte, each with how many rows it holds."""
    fields: list[bytes] = []
    held = size = 0
    for row in rows:
        for value in row:
            if value is None:
                fields.append(_NULL)
                size += len(_NULL)
                continue
            data = _packed(value)
            fields.append(_LENGTH.pack(len(data)))
            fields.append(data)
            size += len(data) + _LENGTH.size
        held += 1
        if size >= _BLOCK_BYTES:
            yield b"".join(fields), held
            fields.clear()
            held = size = 0
    if held:
        yield b"".join(fields), held


def _packed(value: int | bytes | str) -> bytes:
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else value.to_bytes(_NUMBER_BYTES, "big", signed=True)


def _unpacked(kinds: tuple[str, ...], payload: bytes) -> Iterator[Row]:
    """The rows of a block; raises ValueError or IndexError where the bytes are no rows of these kinds."""
    at, end = 0, len(payload)
    while at < end:
        row: list[Any] = []
        for kind in kinds:
            length = int.from_bytes(payload[at : at + 4], "big")
            at += 4
            if length == _NOTHING:
                row.append(None)
                continue
            data = payload[at : at + length]
            at += length
            if at > end:
                raise ValueError("it is longer than its block")
            if kind == "bytes":
                row.append(data)
            else:
                row.append(int.from_bytes(data, "big", signed=True) if kind == "number" else data.decode())
        yield tuple(row)
