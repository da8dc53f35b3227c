"""One writer of many: `python -m tests.store.writing URL NAME EVENTS FILE` appends events in units of 1 and 200.

It writes the last position of each unit into the file, in the order in which they were acknowledged.
"""

import sys
from itertools import cycle
from pathlib import Path
from uuid import UUID

from eventsourcing.persistence import StoredEvent

from store.postgres import PostgresRecorder
from store.recorder import Unit

UNITS = (1, 200)
TOPIC = "test-written.v1"


def main(url: str, name: str, events: int, told: Path) -> None:
    """Write a stream for each unit; what is in an event tells which writer's and which number it is."""
    positions: list[int] = []
    recorder = PostgresRecorder(url, readers=1)
    written = 0
    for number, size in enumerate(cycle(UNITS)):
        if written == events:
            break
        size = min(size, events - written)  # noqa: PLW2901 - the last unit fills up
        stream = UUID(int=(0x0185_0000_0000 + number << 80) | 7 << 76 | 2 << 62 | int(name))
        rows = [StoredEvent(stream, at + 1, TOPIC, f"{name}/{written + at}".encode()) for at in range(size)]
        positions.append(recorder.write(Unit(rows, {}, None, {})))
        written += size
    recorder.close()
    told.write_text("\n".join(map(str, positions)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
