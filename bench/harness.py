"""What all benches share: interleaved rounds, medians, CPU time beside wall time, and the machine they ran on."""

import os
import platform
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROUNDS = 7
_MEMORY_FILESYSTEMS = {"tmpfs", "ramfs", "devtmpfs"}


class Sample(NamedTuple):
    """One run: how many events, in how many seconds by the clock and of the processors."""

    events: int
    wall_seconds: float
    cpu_seconds: float


def measure(events: int, work: Callable[[], None]) -> Sample:
    """Run the work once and time it."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Sample(events, time.perf_counter() - wall, time.process_time() - cpu)


def interleaved(contenders: Mapping[str, Callable[[], Sample]], rounds: int = ROUNDS) -> dict[str, list[Sample]]:
    """Run all contenders once a round, in turning order, so that a slow moment of the machine hits them alike."""
    samples: dict[str, list[Sample]] = {name: [] for name in contenders}
    names = list(contenders)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            samples[name].append(contenders[name]())
    return samples


def row(name: str, samples: list[Sample], ceiling: list[Sample] | None = None) -> dict[str, object]:
    """The medians of a contender; with a ceiling also the median of the ratios of each round's pair."""
    result: dict[str, object] = {
        "name": name,
        "events_per_second": round(statistics.median(_rate(s) for s in samples)),
        "cpu_us_per_event": round(statistics.median(s.cpu_seconds / s.events * 1e6 for s in samples), 1),
    }
    if ceiling is not None:
        ratios = [_rate(ours) / _rate(raw) for ours, raw in zip(samples, ceiling, strict=True)]
        result["ratio_to_ceiling"] = round(statistics.median(ratios), 3)
        result["ratio_range"] = [round(min(ratios), 3), round(max(ratios), 3)]
    return result


def _rate(sample: Sample) -> float:
    return sample.events / sample.wall_seconds


@contextmanager
def real_folder() -> Iterator[Path]:
    """A fresh folder under `.bench/`, removed at the end. Raises RuntimeError on a file system in memory."""
    parent = Path(__file__).resolve().parent.parent / ".bench"
    parent.mkdir(exist_ok=True)
    kind = filesystem(parent)
    if kind in _MEMORY_FILESYSTEMS:
        raise RuntimeError(f"{parent} lies on {kind}, where syncing costs nothing: run the bench on a real disk")
    folder = Path(tempfile.mkdtemp(dir=parent))
    # A server that runs as another user has its folder in here.
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def filesystem(path: Path) -> str:
    """The type of file system that the path lies on, as Linux names it; 'unknown' elsewhere."""
    mounts = Path("/proc/mounts")
    if not mounts.is_file():
        return "unknown"
    best, kind = -1, "unknown"
    for line in mounts.read_text().splitlines():
        _, point, found, *_ = line.split()
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), found
    return kind


def _postgres_version() -> str:
    """Of the server that is installed, if one is."""
    servers = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda each: float(each.parts[-3]))
    found = str(servers[-1]) if servers else shutil.which("postgres")
    if found is None:
        return "none"
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - our own words
    return told.stdout.split()[2]


_STEPS = 1_000_000


def speed() -> float:
    """How long this machine takes for one step of an empty loop in Python, in nanoseconds of the clock.

    The median of some tries. Virtual machines are given more and less of a processor from hour to hour: figures of
    two days can only be compared beside this.
    """

    def loop() -> float:
        began = time.perf_counter()
        for _ in range(_STEPS):
            pass
        return (time.perf_counter() - began) / _STEPS * 1e9

    return round(statistics.median(loop() for _ in range(ROUNDS)), 1)


def machine() -> dict[str, object]:
    """What the figures depend on."""
    model = "unknown"
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        model = next((value.strip() for key, _, value in lines if key.strip() == "model name"), model)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "loop_ns": speed(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "postgres": _postgres_version(),
        "filesystem": filesystem(Path(__file__).resolve()),
    }
