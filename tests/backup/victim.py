"""A backup or a restore in a process of its own that says "here" at one point and waits there to be killed.

python -m tests.backup.victim backup FOLDER TO POINT
python -m tests.backup.victim restore FOLDER FILE POINT [DATABASE]
"""

import sys
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr

from shaoxiang import restoring
from shaoxiang.backup import back_up
from shaoxiang.settings import Settings
from store.migrations import RESTORING
from store.restores import SqliteRestore
from tests.backup.conftest import LATER


def here() -> None:
    """Say so, and wait for the end."""
    sys.stdout.write("here\n")
    sys.stdout.flush()
    time.sleep(600)


class Trap:
    """Stops before the file operation that is named: `replace` or `unlink` of a path of that name."""

    def __init__(self, method: str, name: str) -> None:
        self.method, self.name = method, name

    def __enter__(self) -> None:
        real, name = getattr(Path, self.method), self.name

        def trapped(path: Path, *more: Any, **named: Any) -> Any:
            if path.name == name:
                here()
            return real(path, *more, **named)

        self._patch = patch.object(Path, self.method, trapped)
        self._patch.start()

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


POINTS = {
    "named": ("replace", ".unfinished"),
    "vault": ("replace", "vault.db.restored"),
    "access": ("replace", "access.db.restored"),
    "log": ("replace", "log.db.restored"),
    "mark": ("unlink", RESTORING),
}
"""Where a process may be stopped, besides in the midst of the events and before the end of a restore."""


def main() -> None:
    """Do what the arguments say, up to the point."""
    what, folder, other, point, *database = sys.argv[1:]
    settings = Settings(dir=Path(folder), database=SecretStr(database[0]) if database else None)
    stop = point == "events"

    def progress(done: int, total: int) -> None:
        if stop:
            here()

    def run() -> None:
        if what == "backup":
            back_up(settings, Path(other), lambda: LATER, progress=progress)
        else:
            restoring.restore(settings, Path(other), lambda: LATER, progress)

    if point == "end":
        kind: Any = SqliteRestore
        if database:
            from store.postgres_copies import PostgresRestore as kind  # noqa: N813
        with patch.object(kind, "finish", lambda _: here()):
            run()
    elif point in POINTS:
        with Trap(*POINTS[point]):
            run()
    else:
        run()


if __name__ == "__main__":
    main()
