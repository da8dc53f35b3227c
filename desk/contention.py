"""Many at once: how commands that want the same thing keep out of each other's way.

Nothing is decided here, and nothing rests on it: it is the store that finds every conflict, and the desk that decides
again. This only sees to it that few conflicts come about, and that whoever has lost several times gets through.
"""

import random
import threading
import time
from contextlib import AbstractContextManager

__all__ = ["Turns", "at_once", "patiently"]

FIRST_SECONDS, MOST_SECONDS = 0.004, 0.2
"""The longest that the first pause may take, about what a commit takes; and the longest of all (our default)."""

_LOCKS = 64


class Turns:
    """Whoever wants a thing waits for those of the same process who have it, one after the other."""

    def __init__(self) -> None:
        # So many that two things rarely share one, and none is ever thrown away. Taking one's own again is no wait.
        self._locks = tuple(threading.RLock() for _ in range(_LOCKS))

    def of(self, name: str) -> AbstractContextManager[bool]:
        """The turn for the thing of that name; nobody may wait for two at once."""
        return self._locks[hash(name) % _LOCKS]


def at_once(lost: int) -> None:
    """No pause, however often a command has lost: for plays, where nobody else is there."""


def patiently(lost: int) -> None:
    """Sleep before a command is decided again that has lost so often: the oftener, the longer, and never in step.

    Who lost once goes on at once: most often it meets nobody any more.
    """
    if lost > 1:
        time.sleep(random.uniform(0, min(FIRST_SECONDS * 2 ** min(lost - 2, 20), MOST_SECONDS)))  # noqa: S311 - no secret
