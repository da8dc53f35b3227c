"""The end of a plan: closing, the call back, the evaluation, objections, and what follows from them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from desk.actors import Role
from domain.policy.deadlines import Stage
from shaoxiang.traffic import habits
from shaoxiang.traffic.answering import report_done, verify
from shaoxiang.traffic.plan import Called, Teller

BLAMES: tuple[dict[str, list[str]], ...] = (
    {"conduct": ["document_error"]}, {"conduct": ["not_recorded"]}, {"cooperation": ["late_feedback"]},
    {"cooperation": ["missing_evidence"]},
)  # fmt: skip
"""What a street may hold against a department."""


def close(t: Teller, calls: Sequence[Called], done_at: datetime) -> datetime:
    """Close the case, and go on from there; answers when it was first closed."""
    closed_at = t.do(t.later(done_at, "close"), t.command, "close_case", "case")
    called = [each for each in calls if not each.returned]
    if t.happens("reopened"):
        _again(t, called, closed_at)
    else:
        _judge(t, called, closed_at)
    for call in called:
        _interview(t, call)
    return closed_at


def close_direct(t: Teller, done_at: datetime) -> datetime:
    """Close what the street handled itself: there is no sheet."""
    closed_at = t.do(t.later(done_at, "close"), t.command, "close_case", "case")
    _rate(t, closed_at)
    return closed_at


def _again(t: Teller, calls: Sequence[Called], closed_at: datetime) -> None:
    """The same cause comes back: reworked, verified, closed and judged anew."""
    reopened_at = t.do(t.later(closed_at, "reopen"), t.command, "reopen_case", "case", reason=t.text("reopen"))
    _rate(t, closed_at, before=reopened_at)
    again = [each for each in calls if each.completed_at is not None]
    for call in again:
        call.completed_at, call.reworks = report_done(t, call, t.later(reopened_at, "rework")), 0
    if again:
        verified_at = verify(t, again)
        _rate(t, t.do(t.later(verified_at, "close"), t.command, "close_case", "case"))


def _rate(t: Teller, closed_at: datetime, before: datetime | None = None) -> tuple[datetime | None, str | None]:
    """Somebody calls the reporter back, or nobody does; answers when, and what was said."""
    at = t.later(closed_at, "rate")
    if t.happens("no_rating") or (before is not None and at >= before):
        return None, None
    said = t.one_of(habits.SATISFACTION)
    resolved: dict[str, Any] = {} if said == "unreachable" else {"resolved": said != "not"}
    return t.do(at, t.command, "rate", "case", satisfaction=said, **resolved), said


def _judge(t: Teller, calls: Sequence[Called], closed_at: datetime) -> None:
    """The sheets: each is served once both the street's part and the rating are in, or their windows have passed."""
    keeper = t.stage.keeper
    lapses_at = keeper.start(Stage.EVALUATION, closed_at).due_at
    rated_at, said = _rate(t, closed_at)
    for call in calls:
        given_at, blamed = lapses_at, t.happens("blamed")
        if not t.happens("no_street_part"):
            blame: dict[str, Any] = t.rng.choice(BLAMES) if blamed else {}
            given_at = t.do(t.later(closed_at, "evaluate"), t.leader, "evaluate", call.name, **blame)
        elif t.brisk:
            continue
        served_at = max(rated_at or lapses_at, given_at)
        if not t.brisk or (rated_at is not None and given_at < lapses_at):
            _follow(t, call, served_at, spotless=not blamed and said in {"satisfied", "fairly"})


def _follow(t: Teller, call: Called, served_at: datetime, *, spotless: bool) -> None:
    """The department objects or is silent, and then it is praised or shamed, or neither."""
    habit, late = habits.HABITS[call.department], call.late_arrival or call.late_disposal
    final_at = t.stage.keeper.start(Stage.OBJECTION, served_at).due_at
    exempt = False
    if late and t.rng.random() < habit.objects:
        final_at, exempt = _object(t, habit, call, served_at)
    at = t.later(final_at, "commend")
    perfect = spotless and not (late or call.late_signature or call.reworks or call.doubtful)
    if t.brisk:
        return
    if perfect and t.happens("commended"):
        office = t.who(Role.ORGANISATION_DEPT, habits.ORGANISATION)
        t.do(at, office, "confirm_commendation", call.name)
    elif call.late_arrival and not exempt and t.happens("criticised"):
        t.do(at, t.supervisor, "confirm_criticism", call.name)


def _object(t: Teller, habit: habits.Habit, call: Called, served_at: datetime) -> tuple[datetime, bool]:
    """An objection's way; answers when the sheet is final after it, and whether anything was exempted."""
    keeper, head = t.stage.keeper, t.who(Role.DEPARTMENT_HEAD, call.department)
    objected_at = t.do(t.later(served_at, "object"), head, "object", call.name, reason=t.text("object"))
    if not t.brisk and t.happens("street_late"):
        replied_at = keeper.start(Stage.REPLY, objected_at).due_at
    else:
        at = t.later(objected_at, "reply")
        replied_at = t.do(at, t.leader, "reply_objection", call.name, text=t.text("answer"))
    if t.rng.random() >= habit.asks_for_review:
        return keeper.start(Stage.REVIEW_REQUEST, replied_at).due_at, False
    asked_at = t.do(t.later(replied_at, "review"), head, "request_review", call.name)
    upheld = t.happens("upheld")
    exempt = [name for name, late in (("arrival", call.late_arrival), ("disposal", call.late_disposal)) if late]
    given: dict[str, Any] = {"upheld": upheld, "exempt": exempt if upheld else []}
    return t.do(t.later(asked_at, "decide"), t.supervisor, "decide_review", call.name, **given), upheld


def _interview(t: Teller, call: Called) -> None:
    """A missed arrival: supervision confirms and holds the interview, and the department puts things right."""
    if call.interview_at is None or t.brisk or not t.happens("interview_confirmed"):
        return
    at = t.do(t.later(call.interview_at, "interview"), t.supervisor, "confirm_interview", call.name)
    if not t.happens("interview_held"):
        return
    at = t.do(t.later(at, "hold"), t.supervisor, "hold_interview", call.name, minutes=t.text("interview"))
    if t.happens("interview_rectified"):
        head = t.who(Role.DEPARTMENT_HEAD, call.department)
        t.do(t.later(at, "rectify"), head, "rectify", call.name, evidence=t.text("rectify"))
