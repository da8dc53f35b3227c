"""A matter's course: reported, looked at, filed, and then handled by the street or by those whom it whistles for."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from desk.actors import STREET_ROLES, Role
from domain.policy.deadlines import Unit, Urgency, WhistleKind
from shaoxiang.traffic import habits
from shaoxiang.traffic.aftermath import close, close_direct
from shaoxiang.traffic.answering import answer, verify
from shaoxiang.traffic.plan import Called, Plan, Stage, Teller

APPOINTED_AHEAD = timedelta(hours=5)
"""How much working time ahead an appointment lies."""


def plan(stage: Stage, seed: int, number: int, at: datetime, *, photo: str, brisk: bool = False) -> Plan:
    """The plan of a matter reported at a moment; `photo` is the hash of one that was uploaded.

    `brisk` leaves out whatever needs a due time to pass.
    """
    rng = random.Random(f"{seed}/{number}")
    t = Teller(stage, rng, stage.spot(rng), photo=photo, brisk=brisk)
    course = t.one_of(habits.COURSES)
    matter = _matter(t, course)
    t.item = stage.item(matter.item, at)
    t.hasty = t.item.limit is not None and t.item.limit.unit is Unit.URGENT_HOURS
    COURSES[course](t, matter, at)
    return t.told(seed, number)


def _matter(t: Teller, course: str) -> habits.Matter:
    """What it is about: what a street handles itself is in its list, and mostly what it whistles for is not."""
    among: Sequence[habits.Matter] = habits.MATTERS
    if course == "direct":
        among = [each for each in among if each.item in habits.DIRECT]
    elif course == "phoned":
        among = [each for each in among if each.item in habits.PHONED]
    elif course == "whistled" and not t.happens("joint_in_list"):
        among = [each for each in among if each.item not in habits.DIRECT]
    return t.rng.choices(among, [each.share for each in among])[0]


# Reported.


def _report(t: Teller, matter: habits.Matter, at: datetime, role: Role | None = None) -> datetime:
    """Somebody says what is wrong."""
    origins = [each for each in habits.ORIGINS if role in (None, each.role)]
    origin = t.rng.choices(origins, [each.share for each in origins])[0]
    home = habits.COMMAND if origin.role is Role.COMMAND_OFFICER else t.spot.street
    assert t.item is not None
    given: dict[str, Any] = {"source": origin.source, "description": t.rng.choice(matter.said), "place": t.spot.place}
    if t.item.photo_required or t.happens("item_named"):
        given |= {"item": t.item.name, "photos": [t.photo]}
    if origin.named:
        serial = t.rng.randrange(10**8)
        given |= {"reporter": {"name": f"市民{serial % 1000:03d}", "phone": f"139{serial:08d}"}}
    if origin.role in STREET_ROLES:
        given |= {"division": t.spot.community}
    return t.do(at, t.who(origin.role, home), "submit_report", None, **given)


def _file(t: Teller, matter: habits.Matter, at: datetime) -> datetime:
    """The command centre looks, perhaps has somebody look on site, and files."""
    reported_at = _report(t, matter, at)
    if t.rng.random() < matter.urgent:
        t.urgency = Urgency.URGENT
    at = t.later(reported_at, "late_triage" if t.happens("late_triage") else "triage")
    if t.urgency is Urgency.GENERAL and t.happens("site_check"):
        at = t.do(at, t.command, "request_site_check", "report")
        at = t.do(t.later(at, "check"), t.grid, "confirm_site_check", "report", finding=t.text("finding"))
        at = t.later(at, "reject")
    return t.do(at, t.command, "file_case", "report", item=matter.item, urgency=t.urgency.value)


def _twins(t: Teller, reported_at: datetime, closed_at: datetime) -> None:
    """Others report the same before it is over, and their reports are merged into it."""
    shares = [habits.FOR_EACH_OTHER[each] for each in ("twin", "second_twin")]
    for part, share in enumerate(shares, 1):
        said_at = t.later(reported_at, "twin")
        merged_at = t.later(said_at, "triage", 0.5)
        if t.rng.random() >= share or merged_at >= closed_at:
            return
        reporter = t.who(Role.STREET_OFFICER, t.spot.street)
        given = {"source": "hotline", "description": "同一问题再次反映", "place": t.spot.place}
        t.do(said_at, reporter, "submit_report", None, part, **given)
        t.do(merged_at, t.command, "merge_report", f"report/{part}", part, into="@report")


# The courses.


def _whistled(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """Filed, and departments are called."""
    filed_at = _file(t, matter, at)
    departments = _departments(t, matter, filed_at)
    given = _calling(t, departments)
    kind, appointed_at = WhistleKind.ENFORCEMENT, None
    routed_at = t.later(filed_at, "late_route" if t.happens("late_routing") else "route")
    if t.happens("pushed"):
        called_at = t.do(routed_at, t.command, "push_case", "case", **given)
    else:
        if t.urgency is Urgency.GENERAL and t.happens("key_work"):
            kind = WhistleKind.KEY_WORK
        elif t.urgency is Urgency.GENERAL and t.happens("appointment"):
            appointed_at = t.office(routed_at, APPOINTED_AHEAD)
            given |= {"appointed_at": appointed_at}
        given |= {"kind": kind.value}
        if t.urgency is Urgency.GENERAL and t.happens("draft"):
            t.do(t.later(filed_at, "draft", 0.0), t.officer, "draft_whistle", "case", **given)
        called_at = t.do(routed_at, t.leader, "blow_whistle", "case", **given)
    if not t.brisk and t.happens("added"):
        _add(t, departments, called_at)
    _answered(t, departments, called_at, kind, appointed_at)


def _departments(t: Teller, matter: habits.Matter, at: datetime) -> list[str]:
    """Who is called: the lead, and those who join in; what is in the street's list needs two or more."""
    assert t.item is not None
    count = t.rng.choices((1, 2, 3), habits.DEPARTMENTS_CALLED)[0]
    if t.stage.rules.catalogue(at).in_list(t.item, t.spot.street):
        count = max(count, 2)
    lead = t.rng.choice(matter.leads)
    joins = [each for each in matter.joins if each != lead]
    return [lead, *t.rng.sample(joins, min(count - 1, len(joins)))]


def _calling(t: Teller, departments: Sequence[str]) -> dict[str, Any]:
    """Who leads and who supports, with a reason where several are called."""
    reason = {"reason": t.text("joint")} if len(departments) > 1 else {}
    return {"lead": departments[0], "support": list(departments[1:])} | reason


def _add(t: Teller, departments: list[str], called_at: datetime) -> None:
    """One more department is called a little later; it counts as called with the others from then on."""
    more = t.rng.choice([each for each in habits.HABITS if each not in departments])
    t.added = (more, t.do(t.later(called_at, "add", 0.0), t.leader, "add_department", "whistle", department=more))


def _answered(
    t: Teller, departments: list[str], called_at: datetime, kind: WhistleKind, appointed_at: datetime | None
) -> None:
    """Everybody called does their part, and the case goes to its end."""
    t.called, calls = [*departments, *([t.added[0]] if t.added else [])], list[Called]()
    t.alone = len(t.called) == 1
    for department in departments:
        calls += answer(t, department, called_at, kind, appointed_at)
    if t.added:
        calls += answer(t, t.added[0], t.added[1], kind, appointed_at)
    lead = [each for each in calls if not each.returned]
    closed_at = close(t, calls, verify(t, lead))
    if t.happens("supervised") and (at := t.later(called_at, "twin")) < closed_at:
        t.do(at, t.command, "order_supervision", "case")
    _twins(t, t.steps[0].at, closed_at)


def _direct(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """The street's own team sees to it."""
    filed_at = _file(t, matter, at)
    routed_at = t.do(t.later(filed_at, "route"), t.leader, "route_direct", "case")
    due, late = t.due(routed_at), t.rng.random() < habits.LATE_TEAMS
    done_at = t.later(routed_at, "late_team") if late else t.within(routed_at, due)
    call = Called("direct", "")
    if t.happens("progress"):
        t.do(routed_at + (done_at - routed_at) / 2, t.leader, "report_progress", "case", done=1, of=2)
    done_at = t.do(done_at, t.leader, "complete", "direct", result=t.text("done"), photos=[t.photo])
    call.completed_at = done_at
    closed_at = close_direct(t, verify(t, [call]))
    _twins(t, t.steps[0].at, closed_at)


def _phoned(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """An emergency: report, filing and whistle in one, by telephone first."""
    t.urgency = Urgency.EMERGENCY
    departments = _departments(t, matter, at)
    given = _calling(t, departments)
    called_at = t.do(
        at, t.command, "phone_whistle", None, source="hotline", description=t.rng.choice(matter.said),
        place=t.spot.place, item=matter.item, photos=[t.photo], **given,
    )  # fmt: skip
    _answered(t, departments, called_at, WhistleKind.EMERGENCY, None)


def _cancelled(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """Filed by mistake."""
    filed_at = _file(t, matter, at)
    t.do(t.later(filed_at, "cancel"), t.command, "cancel_case", "case", reason=t.text("cancel"))


def _on_spot(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """The grid worker who saw it settles it."""
    reported_at = _report(t, matter, at, Role.GRID_WORKER)
    t.do(t.later(reported_at, "spot"), t.grid, "handle_on_spot", "report", before=t.photo, after=t.photo)


def _rejected(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """Not taken on."""
    at = t.later(_report(t, matter, at), "reject")
    t.do(at, t.command, "reject_report", "report", reason=t.text("reject"), reply=t.text("reply"))


def _withdrawn(t: Teller, matter: habits.Matter, at: datetime) -> None:
    """Taken back by who reported it."""
    reported_at = _report(t, matter, at)
    t.do(t.later(reported_at, "withdraw"), t.steps[0].actor, "withdraw_report", "report")


COURSES = {
    "whistled": _whistled, "direct": _direct, "on_spot": _on_spot, "rejected": _rejected, "withdrawn": _withdrawn,
    "cancelled": _cancelled, "phoned": _phoned,
}  # fmt: skip
"""Course → how it is told; as total as the table of shares."""
