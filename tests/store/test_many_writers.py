"""Six processes write at once while one reads on from where it was: it sees every event, once, in order."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.postgres import PostgresRecorder

ROOT = Path(__file__).resolve().parents[2]
WRITERS = 6
PAGE = 1000
PATIENCE_SECONDS = 900


def test_a_reader_that_follows_six_writers_misses_nothing(url: str, tmp_path: Path) -> None:
    follow_six_writers(url, tmp_path, 20_000)


@pytest.mark.slow
def test_a_reader_that_follows_six_writers_through_a_million_events_misses_nothing(url: str, tmp_path: Path) -> None:
    follow_six_writers(url, tmp_path, 1_000_000)


def follow_six_writers(url: str, folder: Path, events: int) -> None:
    share = events // WRITERS
    total = share * WRITERS
    positions: list[int] = []
    seen: list[list[int]] = [[] for _ in range(WRITERS)]
    reader = PostgresRecorder(url)
    outputs = [folder / f"writer-{name}" for name in range(WRITERS)]
    commands = [
        [sys.executable, "-m", "tests.store.writing", url, str(name), str(share), str(output)]
        for name, output in enumerate(outputs)
    ]
    writers = [subprocess.Popen(command, cwd=ROOT) for command in commands]
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while len(positions) < total and time.monotonic() < deadline:
            # When all writers have ended, one page that is empty is the end.
            ended = all(writer.poll() is not None for writer in writers)
            page = reader.after(positions[-1] if positions else 0, PAGE)
            for position, _, _, _, state in page:
                writer, number = state.split(b"/")
                positions.append(position)
                seen[int(writer)].append(int(number))
            if ended and not page:
                break
        assert [writer.wait(60) for writer in writers] == [0] * WRITERS
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    # Nothing skipped or repeated, and each writer's events in the order in which it wrote them.
    assert seen == [list(range(share))] * WRITERS
    assert positions == sorted(set(positions))
    assert len(positions) == total
    # What each writer was told is where its events are, and in the order of its asking.
    known = set(positions)
    for output in outputs:
        told = [int(line) for line in output.read_text().split()]
        assert told == sorted(set(told))
        assert known.issuperset(told)
    assert sum(len(batch) for batch in reader.bulk(0, positions[-1], 0, 1)) == total
    reader.close()
