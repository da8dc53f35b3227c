"""A disk that is small enough to be filled."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BLOCK = bytes(1 << 12)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """A file system in memory of so many megabytes, mounted at a new folder; skips the test where none may be."""
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount the small disk that is to be filled")
    line = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=0755", "tmpfs", str(place)]
    mounted = subprocess.run(line, capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextmanager
def filled(disk: Path) -> Iterator[None]:
    """No block of the disk is free for as long as this lasts."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(BLOCK)
        except OSError as problem:
            if problem.errno != errno.ENOSPC:
                raise
    try:
        yield
    finally:
        ballast.unlink()
