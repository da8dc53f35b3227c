"""What a command's version is about: two visible tables, one of what is judged by it and one of what it creates.

Most commands act on their target. An evaluation and an interview have no address of their own: they are reached through
their response, and yet it is their version that a caller has seen and that the command moves.
"""

from collections.abc import Callable, Mapping

from desk.unit import Unit
from domain.dispatch.response import Response
from domain.kernel import CaseAggregate
from domain.registry.people import Person

Found = Callable[[Unit, Response], CaseAggregate | None]


def sheet(unit: Unit, response: Response) -> CaseAggregate | None:
    """The response's evaluation, where there is one."""
    return unit.evaluation(response.id)


def latest_interview(unit: Unit, response: Response) -> CaseAggregate | None:
    """The latest interview that the response led to, where there is one."""
    return next(reversed(unit.interviews(response.id)), None)


SUBJECTS: Mapping[str, Found] = {
    "evaluate": sheet,
    "object": sheet,
    "reply_objection": sheet,
    "request_review": sheet,
    "decide_review": sheet,
    "confirm_commendation": sheet,
    "confirm_criticism": sheet,
    "confirm_interview": latest_interview,
    "hold_interview": latest_interview,
    "rectify": latest_interview,
}
"""Command → whose version it names, where that is not the target's own."""

CREATES: Mapping[str, str] = {
    "submit_report": "report",
    "file_case": "case",
    "phone_whistle": "whistle",
    "blow_whistle": "whistle",
    "push_case": "whistle",
    "escalate_whistle": "whistle",
    "route_direct": "response",
    "add_department": "response",
    "uphold_return": "response",
    "register_person": "person",
}
"""Command → the key in `Done.ids` of what it creates, whose version and state it answers with.

An escalated whistle stays the same one, called anew. Responses have the key "response/<department>"; of the commands
that answer with a response, each creates one.
"""


def subject_of(unit: Unit, name: str, target: CaseAggregate | None) -> CaseAggregate | None:
    """Whose version the caller must have seen: the evaluation or interview where it exists, else the target."""
    found = SUBJECTS[name](unit, target) if name in SUBJECTS and isinstance(target, Response) else None
    return found or target


def answered(unit: Unit, name: str, target: CaseAggregate | None) -> CaseAggregate:
    """Whose version and state the answer gives: of what the command created, else of its subject."""
    if name not in CREATES:
        subject = subject_of(unit, name, target)
        assert subject is not None, f"{name} neither acts on anything nor creates anything"
        return subject
    made = next(stream for key, stream in unit.ids.items() if key.split("/")[0] == CREATES[name])
    return unit.need(Person, made) if CREATES[name] == "person" else unit.target(made)
