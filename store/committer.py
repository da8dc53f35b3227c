"""Group commit: units of many threads that wait at the same time are written in one transaction.

Waiting for the disk is most of what a commit costs, and it costs the same for one unit as for fifty. Whoever comes
while nobody writes leads: it writes all that waits, hands out the answers, and lets the next one waiting lead. A unit
that is alone is written at once. Where several were written together, those just answered are likely to be back in a
moment with their next ones, so the next leader gives them a tenth of the time that the last write took: without it,
two groups form that write in turns, and each waits for the disk of the other.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

from store.errors import StoreAway
from store.recorder import Unit

MOST_UNITS = 128
MOST_EVENTS = 2000
_GATHERING = 0.1
_LONGEST_GATHERING_SECONDS = 0.002

WriteBatch = Callable[[Sequence[Unit]], Sequence[int | Exception]]
"""Writes units that do not touch each other, in one transaction; answers for each its position or its refusal."""


class _Ticket:
    """A unit that waits, and what became of it."""

    __slots__ = ("answer", "leads", "turn", "unit", "writes")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        # Found out here, so that a unit which makes no sense fails in its own thread and not in a leader's.
        self.writes = touched(unit)
        self.answer: int | Exception | None = None
        self.leads = False
        # A bare lock is the cheapest thing to sleep on: whoever takes it twice waits to be let go.
        self.turn = threading.Lock()
        self.turn.acquire()


class GroupCommit:
    """Hands units to `write`, many at a time where many wait. At most `waiting` may wait; others are told at once."""

    def __init__(self, write: WriteBatch, *, waiting: int = 1000) -> None:
        self._write = write
        self._most = waiting
        self._queue: deque[_Ticket] = deque()
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._arrived = threading.Condition(self._lock)
        self._expected = 1
        self._gathering_until = 0.0
        self._busy = False
        self._closed = False

    def submit(self, unit: Unit) -> int:
        """Write the unit and answer its position; raises what its refusal is, or StoreAway when too many wait."""
        ticket = _Ticket(unit)
        with self._lock:
            if self._closed:
                raise StoreAway("the log was closed, so nothing more is written through it: open it again")
            if len(self._queue) >= self._most:
                msg = f"{self._most} writes are waiting for the store already: try again in a moment"
                raise StoreAway(msg)
            self._queue.append(ticket)
            first = not self._busy
            self._busy = True
            if len(self._queue) == self._expected:
                self._arrived.notify()
        if first or self._called(ticket):
            self._lead(ticket)
        if isinstance(ticket.answer, int):
            return ticket.answer
        raise ticket.answer or StoreAway("whoever wrote for this unit was interrupted: whether it is stored is unknown")

    def close(self) -> None:
        """Take no more units, and answer when all that waited are written; safe to do twice."""
        with self._lock:
            self._closed = True
            self._idle.wait_for(lambda: not self._busy)

    def _called(self, ticket: _Ticket) -> bool:
        """Wait until the unit is answered, or until it is on this thread to lead; answers whether it is."""
        try:
            ticket.turn.acquire()
        except BaseException:
            # Ctrl-C. The unit must not be left to lead with nobody there to do it.
            with self._lock:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                    if ticket.leads:
                        self._hand_over()
            raise
        return ticket.leads

    def _lead(self, own: _Ticket) -> None:
        """Write batches until the own unit is answered, then let the next one waiting lead."""
        try:
            self._gather()
            while own.answer is None:
                batch: list[_Ticket] = []
                try:
                    self._fill(batch)
                    began = time.monotonic()
                    answers = self._write([each.unit for each in batch])
                    self._answered(len(batch), time.monotonic() - began)
                    for ticket, answer in zip(batch, answers, strict=True):
                        ticket.answer = answer
                finally:
                    for ticket in batch:
                        if ticket is not own:
                            ticket.turn.release()
        finally:
            with self._lock:
                self._hand_over()

    def _hand_over(self) -> None:
        """Let the next one waiting lead; the lock is held."""
        if self._queue:
            self._queue[0].leads = True
            self._queue[0].turn.release()
        else:
            self._busy = False
            self._idle.notify_all()

    def _answered(self, units: int, seconds: float) -> None:
        """Remember how many may be back soon, and how long the next leader gives them."""
        with self._lock:
            self._expected = len(self._queue) + units
            pause = min(seconds * _GATHERING, _LONGEST_GATHERING_SECONDS) if units > 1 or self._queue else 0.0
            self._gathering_until = time.monotonic() + pause

    def _gather(self) -> None:
        with self._lock:
            left = self._gathering_until - time.monotonic()
            if left > 0:
                self._arrived.wait_for(lambda: len(self._queue) >= self._expected, left)

    def _fill(self, batch: list[_Ticket]) -> None:
        """Move into the batch the longest run of waiting units, as they came, of which none touches another's."""
        written: set[object] = set()
        looked_at: set[object] = set()
        events = 0
        with self._lock:
            while self._queue and len(batch) < MOST_UNITS:
                ticket = self._queue[0]
                unit, writes = ticket.unit, ticket.writes
                events += len(unit.events)
                meets = writes & written or writes & looked_at or written.intersection(unit.reads)
                if batch and (events > MOST_EVENTS or meets):
                    break
                written |= writes
                looked_at.update(unit.reads)
                # In this order: who is in the batch is let go whatever happens, and nobody is in neither.
                batch.append(ticket)
                self._queue.popleft()


def touched(unit: Unit) -> set[object]:
    """The streams and counters that the unit moves and the command it stores."""
    names: set[object] = {event.originator_id for event in unit.events}
    names.update(unit.counters)
    if unit.command is not None:
        names.add(("command", unit.command.id))
    return names
