"""Carrying out in the vault every erasure that the log records, again and again until it is done.

Whoever asks for an erasure has it carried out at once. Where the vault was away just then, or an older copy of it was
put back, the log still says who is to be forgotten, and whoever folds the views sees to it.
"""

import time

import structlog

from domain.dispatch.facts.report import ReporterErased
from store.database import Place
from store.erasures import Erasures, Mark
from store.log import EventLog

STRETCH = 100_000
"""How many positions are looked through in one go, so that the views are folded in between."""

NOTED_EVERY = 10_000
"""After how many positions without an erasure the vault notes how far it is: so many are looked at again at a start."""

PAUSE_SECONDS = 10.0
"""How long to leave a vault alone that could not be written."""

log = structlog.get_logger(__name__)


class Eraser:
    """Goes through the log stretch by stretch. Several processes may: erasing again does nothing."""

    def __init__(self, source: EventLog, place: Place) -> None:
        """`place` is the vault's. Raises as opening it does."""
        self._source = source
        self._vault = Erasures(place)
        self._done: Mark | None = None
        self._noted = Mark(0, 0)
        self._not_before = 0.0

    def __call__(self) -> None:
        """Carry out the next stretch. Never raises: what could not be done is tried again later."""
        if time.monotonic() < self._not_before:
            return
        try:
            self._next()
        except Exception as problem:  # noqa: BLE001 - whoever calls has other work, which must not suffer for it
            self._not_before = time.monotonic() + PAUSE_SECONDS
            said = f"{type(problem).__name__}: {problem}"
            log.warning("erasures cannot be carried out for now", problem=said)

    def close(self) -> None:
        """Close the vault; safe to do twice."""
        self._vault.close()

    def _next(self) -> None:
        if self._done is None:
            self._done = self._noted = self._vault.mark()
        epoch, newest = self._source.epoch().number, self._source.position()
        # Positions of another epoch count another history, and so do those that the log does not have any more.
        known = self._done.epoch == epoch and self._done.position <= newest
        after = self._done.position if known else 0
        done = Mark(epoch, min(after + STRETCH, newest))
        if done == self._done:
            return
        found = self._source.of_topic(ReporterErased.TOPIC, after, done.position)
        persons = [each.event.person for each in found if isinstance(each.event, ReporterErased)]
        if persons or not known or done.position - self._noted.position >= NOTED_EVERY:
            self._vault.carry_out(persons, done)
            self._noted = done
        self._done = done
        if persons:
            log.info("erasures carried out", persons=len(persons))
