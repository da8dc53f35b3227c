"""What the tests of the policy share: the rules that ship, local times, and short ways to say a limit."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from domain.policy.calendar import WorkCalendar
from domain.policy.deadlines import Clock, Limit, Stage, Unit, start_clock
from domain.policy.rules import Rules

DATA = Path(__file__).parents[3] / "data"
ZONE = ZoneInfo("Asia/Shanghai")


def document(name: str) -> dict[str, Any]:
    """A JSON document of the data folder."""
    parsed: dict[str, Any] = json.loads((DATA / name).read_text(encoding="utf-8"))
    return parsed


RULES = Rules.from_dicts(
    [document("policy/2026-1.json")],
    [document("calendar/cn.json")],
    [document("catalogue/2026-1.json")],
    [document("rubric/2026-1.json")],
)
POLICY = RULES.policy_version("2026-1")
RUBRIC = RULES.rubric_version("2026-1")
CATALOGUE = RULES.catalogue_version("2026-1")
OFFICE = RULES.calendar_version("cn-2026-1", "office")


def local(text: str) -> datetime:
    """A local time of the site, such as 2026-02-13 16:30, as aware UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC)


def shown(at: datetime | None) -> str | None:
    """A moment as the site's clock shows it, to the second where there are seconds."""
    if at is None:
        return None
    return at.astimezone(ZONE).replace(tzinfo=None).isoformat(" ").removesuffix(":00")


def working_hours(amount: int) -> Limit:
    """A limit in working hours."""
    return Limit(amount=amount, unit=Unit.WORKING_HOURS)


def working_days(amount: int) -> Limit:
    """A limit in working days."""
    return Limit(amount=amount, unit=Unit.WORKING_DAYS)


def natural_days(amount: int) -> Limit:
    """A limit in natural days."""
    return Limit(amount=amount, unit=Unit.NATURAL_DAYS)


def minutes(amount: int) -> Limit:
    """A limit in minutes."""
    return Limit(amount=amount, unit=Unit.MINUTES)


def urgent_hours(amount: int) -> Limit:
    """A limit in urgent hours."""
    return Limit(amount=amount, unit=Unit.URGENT_HOURS)


def started(limit: Limit, at: str, calendar: WorkCalendar = OFFICE, appointed: str | None = None) -> Clock:
    """A disposal clock that started at a local time."""
    return start_clock(
        Stage.DISPOSAL, limit, local(at), calendar, "disposal.item", POLICY, local(appointed) if appointed else None
    )
