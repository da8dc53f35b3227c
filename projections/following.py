"""How far another process's projector has come, for a process that reads the views and folds nothing."""

import threading
import traceback

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from projections.events import Log
from projections.parking import Parked, parked_cases
from projections.storage import POSITIONS, ViewStore
from store.errors import StoreError

LOOK_SECONDS = 0.1
"""How often it looks how far the views are."""

log = structlog.get_logger(__name__)


class Follower:
    """Looks a few times a second how far the views are; asking for `position` never waits for a store."""

    def __init__(self, store: ViewStore, source: Log) -> None:
        self.store, self.source = store, source
        self._moved = threading.Condition()
        self._position = 0
        self._failing = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower", daemon=True)
        self._thread.start()

    @property
    def position(self) -> int:
        """Up to which position of the log the views were folded when it looked last."""
        return self._position

    @property
    def lag(self) -> int:
        """How many positions the views are behind the log."""
        return max(0, self.source.position() - self._position)

    @property
    def failing(self) -> bool:
        """Whether the last look failed for a reason that nobody foresaw."""
        return self._failing

    def wait_for(self, position: int, timeout: float) -> bool:
        """Wait at most `timeout` seconds until the views have reached a position; whether they have."""
        with self._moved:
            return self._moved.wait_for(lambda: self._position >= position, timeout)

    def parked(self) -> list[Parked]:
        """The cases that were put aside."""
        with self.store.reading() as db:
            return parked_cases(db)

    def close(self) -> None:
        """Look no more; safe to do twice."""
        self._stop.set()
        self._thread.join(5)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                with self.store.glancing() as db:
                    position = min(db.execute(select(POSITIONS.c.position)).scalars(), default=0)
                self._failing = False
            except (SQLAlchemyError, StoreError):
                # Out of reach, or not made yet: what was seen last stands until the next look.
                position = self._position
            except Exception as error:  # noqa: BLE001 - a thread that ends would see nothing any more
                position = self._position
                if not self._failing:
                    log.error("looking at the views failed", frames=traceback.format_exception(error))  # noqa: TRY400
                self._failing = True
            with self._moved:
                self._position = position
                self._moved.notify_all()
            self._stop.wait(LOOK_SECONDS)
