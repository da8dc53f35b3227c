"""Photos: checked, stripped, named by content, and never exchanged."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from domain.errors import Invalid
from store.errors import StoreError
from store.photos import MEDIA_TYPES, Photos


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    return Photos(tmp_path / "photos", max_bytes=100_000, max_pixels=10_000)


def a_photo(kind: str = "JPEG", size: tuple[int, int] = (40, 20), mode: str = "RGB", **options: Any) -> bytes:
    out = BytesIO()
    Image.new(mode, size, "red" if mode in {"RGB", "RGBA"} else 0).save(out, kind, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))


@pytest.mark.parametrize(("media_type", "kind"), MEDIA_TYPES.items())
def test_a_photo_is_got_back_by_its_hash(photos: Photos, media_type: str, kind: str) -> None:
    content_hash = photos.put(a_photo(kind), media_type)
    photo = photos.get(content_hash)
    assert photo is not None
    assert photo.media_type == media_type
    assert hashlib.sha256(photo.data).hexdigest() == content_hash
    assert opened(photo.data).size == (40, 20)
    assert photos.exists(content_hash)


def test_the_same_photo_is_kept_once(photos: Photos, tmp_path: Path) -> None:
    assert photos.put(a_photo(), "image/jpeg") == photos.put(a_photo(), "image/jpeg")
    assert len([each for each in (tmp_path / "photos").rglob("*") if each.is_file()]) == 1


def test_where_and_with_what_it_was_taken_is_stripped(photos: Photos) -> None:
    exif = Image.Exif()
    exif[0x010F] = "TheMaker"
    exif[0x8825] = {1: "N", 2: (43.0, 50.0, 0.0)}
    data = a_photo(exif=exif, comment=b"TheComment")
    assert b"TheMaker" in data
    photo = photos.get(photos.put(data, "image/jpeg"))
    assert photo is not None
    assert not opened(photo.data).getexif()
    assert b"TheMaker" not in photo.data
    assert b"TheComment" not in photo.data


def test_a_photo_held_sideways_stands_upright_without_its_exif(photos: Photos) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = photos.get(photos.put(a_photo(exif=exif), "image/jpeg"))
    assert photo is not None
    assert opened(photo.data).size == (20, 40)


def test_what_was_hidden_behind_the_image_is_dropped(photos: Photos) -> None:
    photo = photos.get(photos.put(a_photo("PNG") + b"<script>", "image/png"))
    assert photo is not None
    assert b"<script>" not in photo.data


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "CMYK"), ("JPEG", "L"), ("PNG", "P"), ("PNG", "I;16"), ("PNG", "RGBA")]
)
def test_every_kind_of_pixel_is_kept(photos: Photos, kind: str, mode: str) -> None:
    assert photos.exists(photos.put(a_photo(kind, mode=mode), f"image/{kind.lower()}"))


@pytest.mark.parametrize(
    ("data", "declared", "why"),
    [
        (a_photo("PNG"), "image/jpeg", "is image/png"),
        (a_photo("GIF"), "image/gif", "must be one of"),
        (a_photo("GIF"), "image/png", "cannot be read"),
        (a_photo("BMP"), "image/jpeg", "cannot be read"),
        (b"", "image/png", "cannot be read"),
        (b"<svg onload='x'/>", "image/png", "cannot be read"),
        (a_photo("PNG")[:60], "image/png", "cannot be read"),
        (a_photo()[:-80], "image/jpeg", "cannot be read"),
        (bytes(100_001), "image/png", "100001 bytes"),
        (a_photo(size=(101, 100)), "image/jpeg", "101 x 100 pixels"),
        (a_photo("PNG", size=(10_000, 10_000), mode="1"), "image/png", "pixels|cannot be read"),
    ],
)
def test_what_is_not_a_fitting_photo_is_refused_and_leaves_nothing(
    photos: Photos, tmp_path: Path, data: bytes, declared: str, why: str
) -> None:
    with pytest.raises(Invalid, match=why):
        photos.put(data, declared)
    assert list((tmp_path / "photos").rglob("*")) == []


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 63, "A" * 64, "0" * 64 + "\n", "0" * 64])
def test_what_is_no_hash_or_unknown_is_none(photos: Photos, name: str) -> None:
    assert not photos.exists(name)
    assert photos.get(name) is None


def test_an_exchanged_file_is_found_out(photos: Photos, tmp_path: Path) -> None:
    content_hash = photos.put(a_photo(), "image/jpeg")
    (tmp_path / "photos" / content_hash[:2] / content_hash).write_bytes(a_photo(size=(1, 1)))
    with pytest.raises(StoreError, match="altered"):
        photos.get(content_hash)
