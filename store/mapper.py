"""Events to stored bytes and back: typed, with pinned topics, checked on the way in.

The state is the event's JSON without the stream id and version, which have columns of their own. Reading puts them
back in front of the same bytes and lets pydantic validate the whole, so that a stored event is either exactly what was
recorded or an error, never something half right.
"""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from pydantic import ValidationError

from domain.kernel import CaseAggregate
from store.errors import NewerStore, UnknownTopic, UnreadableEvent

_COLUMNS = {"originator_id", "originator_version"}


def topics_of(kind: type[CaseAggregate]) -> dict[str, type[CaseAggregate.Event]]:
    """The events that an aggregate class can record, by topic.

    That each pins one, and no two the same, the library has seen to when the class was made.
    """
    events = (value for name in dir(kind) if name != "Event" and isinstance(value := getattr(kind, name), type))
    return {event.TOPIC: event for event in events if issubclass(event, CaseAggregate.Event)}  # type: ignore[attr-defined]


class EventMapper(Mapper[UUID]):
    """Maps the events of the given aggregate classes; the table of topics is fixed when it is made.

    An event class may say `class_version: ClassVar[int] = 3` and then has static methods `upcast_v1_v2` and
    `upcast_v2_v3`, each of which changes the dict of an older state in place.
    """

    def __init__(self, kinds: Iterable[type[CaseAggregate]]) -> None:
        super().__init__(transcoder=JSONTranscoder())
        self.topics: dict[str, type[CaseAggregate.Event]] = {}
        for kind in kinds:
            if "TOPIC" not in vars(kind):
                msg = f"aggregate {kind.__name__} pins no topic: give it a TOPIC such as 'response'"
                raise TypeError(msg)
            self.topics |= topics_of(kind)

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The event as it is stored. Raises UnknownTopic for an event of a class that was not given."""
        event_class = type(domain_event)
        topic = getattr(event_class, "TOPIC", "")
        known = self.topics.get(topic)
        # The library subclasses an event that a method is decorated with; both are written the same, and read as that.
        if not isinstance(domain_event, CaseAggregate.Event) or known is None or not issubclass(known, event_class):
            msg = f"{event_class.__qualname__} (topic '{topic}') belongs to no aggregate that this store was opened for"
            raise UnknownTopic(msg)
        state = domain_event.model_dump_json(exclude=_COLUMNS).encode()
        version = getattr(event_class, "class_version", 1)
        if version > 1:
            state = _version_mark(version) + state[1:]
        return StoredEvent(domain_event.originator_id, domain_event.originator_version, topic, state)

    def to_domain_event(self, stored_event: StoredEvent) -> CaseAggregate.Event:
        """The event as it was recorded; see `decode` for what it raises."""
        return self.decode(
            UUID(str(stored_event.originator_id)),
            stored_event.originator_version,
            stored_event.topic,
            stored_event.state,
        )

    def decode(self, stream_id: UUID, version: int, topic: str, state: bytes) -> CaseAggregate.Event:
        """The event that a stored row stands for.

        Raises UnknownTopic, NewerStore for a state of a later class version, or UnreadableEvent for one that does
        not fit its type.
        """
        event_class = self.topics.get(topic)
        if event_class is None:
            msg = f"event {stream_id}/{version} has the topic '{topic}', which this release does not know: upgrade it"
            raise UnknownTopic(msg)
        class_version = getattr(event_class, "class_version", 1)
        try:
            if class_version > 1:
                state = _upcast(event_class, class_version, state)
            whole = b'{"originator_id":"%s","originator_version":%d,%s' % (str(stream_id).encode(), version, state[1:])
            return event_class.model_validate_json(whole)
        except NewerStore as problem:
            msg = f"event {stream_id}/{version} ({topic}): {problem}"
            raise NewerStore(msg) from None
        except (ValidationError, json.JSONDecodeError, KeyError, TypeError) as problem:
            msg = f"event {stream_id}/{version} does not fit its type '{topic}': {_said(problem)}"
            raise UnreadableEvent(msg) from problem


def _version_mark(version: int) -> bytes:
    return b'{"class_version":%d,' % version


def _upcast(event_class: type[CaseAggregate.Event], class_version: int, state: bytes) -> bytes:
    """The state as the class wants it today, without the mark of its version."""
    mark = _version_mark(class_version)
    if state.startswith(mark):
        return b"{" + state[len(mark) :]
    fields: dict[str, Any] = json.loads(state)
    found = fields.pop("class_version", 1)
    if found > class_version:
        msg = f"its class version {found} is newer than {class_version}, the newest that this release knows"
        raise NewerStore(msg)
    for step in range(found, class_version):
        getattr(event_class, f"upcast_v{step}_v{step + 1}")(fields)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _said(problem: Exception) -> str:
    """Where it does not fit, without the values: they may be somebody's own words."""
    if isinstance(problem, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'state'}: {e['type']}" for e in problem.errors())
    return type(problem).__name__
