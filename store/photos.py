"""Photos by content: what is kept is a clean re-encoding, named by the SHA-256 of its own bytes.

Events name a photo by that hash, so evidence cannot be exchanged afterwards. Re-encoding drops EXIF and every other
hidden part: a phone's photo says where it was taken and by which device, and that is the reporter's business.
"""

import hashlib
import os
import re
import tempfile
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from domain.errors import Invalid
from store.errors import StoreError

MEDIA_TYPES = {"image/jpeg": "JPEG", "image/png": "PNG", "image/webp": "WEBP"}
"""What may be uploaded, and Pillow's name for it."""

_HASH = re.compile(r"[0-9a-f]{64}")
_QUALITY = {"JPEG": {"quality": 88}, "PNG": {}, "WEBP": {"quality": 88}}
# Pillow's own names for a file that is not the image it says it is, or is a bomb.
_UNREADABLE = (
    UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning, OSError, ValueError,
    SyntaxError, EOFError,
)  # fmt: skip


class Photo(NamedTuple):
    """A kept photo: its media type and its bytes."""

    media_type: str
    data: bytes


class Photos:
    """Photos under `folder`, which is created. Uploads may have at most so many bytes, and so many pixels in all."""

    def __init__(self, folder: Path, *, max_bytes: int, max_pixels: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, data: bytes, declared_type: str) -> str:
        """Keep the photo and answer its content hash; on disk when it returns. The same photo twice is kept once.

        Raises Invalid when it is too large, not of the declared type, or not an image that can be read.
        """
        if len(data) > self._max_bytes:
            msg = f"The photo has {len(data)} bytes, and {self._max_bytes} are allowed: make it smaller."
            raise Invalid(msg, bytes=len(data), allowed=self._max_bytes)
        clean = self._clean(data, declared_type)
        content_hash = hashlib.sha256(clean).hexdigest()
        path = self._path(content_hash)
        if not path.is_file():
            _write(path, clean)
        return content_hash

    def get(self, content_hash: str) -> Photo | None:
        """The photo, or None where there is none. Raises StoreError when the file no longer fits its hash."""
        if not self.exists(content_hash):
            return None
        data = self._path(content_hash).read_bytes()
        if hashlib.sha256(data).hexdigest() != content_hash:
            msg = f"the file of photo {content_hash} was altered: restore it from a backup"
            raise StoreError(msg)
        with Image.open(BytesIO(data)) as image:
            return Photo(Image.MIME[image.format or ""], data)

    def exists(self, content_hash: str) -> bool:
        """Whether a photo of that hash is kept; anything that is no hash is not."""
        return _HASH.fullmatch(content_hash) is not None and self._path(content_hash).is_file()

    def _path(self, content_hash: str) -> Path:
        return self._folder / content_hash[:2] / content_hash

    def _clean(self, data: bytes, declared_type: str) -> bytes:
        wanted = MEDIA_TYPES.get(declared_type)
        if wanted is None:
            msg = f"A photo must be one of {', '.join(MEDIA_TYPES)}."
            raise Invalid(msg, allowed=list(MEDIA_TYPES))
        try:
            with Image.open(BytesIO(data), formats=tuple(MEDIA_TYPES.values())) as image:
                if image.format != wanted:
                    msg = f"The photo is declared as {declared_type} and is {Image.MIME[image.format or '']}."
                    raise Invalid(msg, declared=declared_type)
                if image.width * image.height > self._max_pixels:
                    msg = f"The photo has {image.width} x {image.height} pixels, and {self._max_pixels} are allowed."
                    raise Invalid(msg, allowed=self._max_pixels)
                upright = ImageOps.exif_transpose(image)
                # JPEG has no transparency, so only the other two may keep it.
                plain = upright.convert("RGBA" if wanted != "JPEG" and upright.has_transparency_data else "RGB")
        except _UNREADABLE as problem:
            msg = "The photo cannot be read as an image: take or export it again."
            raise Invalid(msg, declared=declared_type) from problem
        plain.info = {}
        out = BytesIO()
        plain.save(out, wanted, **_QUALITY[wanted])
        return out.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, and on disk: a photo that an event names must survive whatever the event survives."""
    path.parent.mkdir(exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
    for folder in (path.parent, path.parent.parent):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
