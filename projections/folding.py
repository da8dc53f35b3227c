"""Folding: a batch of events through the handlers of some views, in memory. The same for live batches and rebuilds."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from projections.events import Event, case_of, dashed
from projections.rows import Rows
from projections.view import Handler, View
from store.recorder import RawEvent

FIRST = "report.submitted.v1"
"""The event with which a matter begins; before it nothing can be stored about the matter."""


class PoisonError(Exception):
    """A handler failed, or an event could not be read. It carries the position, and names the cause."""

    def __init__(self, raw: RawEvent, view: str, cause: Exception) -> None:
        super().__init__(f"event {raw[0]} ({raw[3]}) could not be folded into {view}: {type(cause).__name__}: {cause}")
        self.position = raw[0]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep the cyclic garbage collector still while a batch is folded.

    A batch makes many rows that live on and no cycles; collecting over and over would cost a fifth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class Folder:
    """Runs events through the handlers of views, each view after those that it reads."""

    def __init__(self, views: Iterable[View]) -> None:
        self._views = tuple(views)
        topics = {topic for view in self._views for topic in (*view.handles, *view.ignores)}
        self._handlers: dict[str, tuple[Handler, ...]] = {
            topic: tuple(view.handles[topic] for view in self._views if topic in view.handles) for topic in topics
        }

    def fold(self, raws: Iterable[RawEvent], rows: Rows) -> None:
        """Fold events in order. Raises PoisonError at the first that fails; the rows are half changed then."""
        handlers, enter = self._handlers, rows.enter
        for raw in raws:
            handler = None
            try:
                event = Event(raw)
                topic = event.topic
                enter(event.case, begins=topic == FIRST and event.version == 1)
                for handler in handlers[topic]:
                    handler(event, rows)
            except Exception as cause:
                # Whatever is wrong with one event must not stop the others; the projector puts its case aside.
                raise PoisonError(raw, self._blamed(raw[3], handler), cause) from cause

    def _blamed(self, topic: str, handler: Handler | None) -> str:
        named = (view.name for view in self._views if handler is not None and view.handles.get(topic) is handler)
        return next(named, "any view")


def case_keys(raw: RawEvent) -> tuple[str, ...]:
    """The cases that an event belongs to: the one its meta names, and the one its stream's id tells."""
    try:
        event = Event(raw)
    except Exception:  # noqa: BLE001 - an event that cannot be read still belongs to the case of its stream
        return (case_of(dashed(raw[1])),)
    named = event.data["meta"]["case_id"]
    return (named, event.case) if named and named != event.case else (event.case,)
