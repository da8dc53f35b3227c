"""The vocabulary of deadlines: stages, units, urgencies, whistle kinds, limits, and versioned data."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from domain.errors import Unknown

__all__ = [
    "Frozen", "Limit", "Stage", "Unit", "Urgency", "Version", "Versioned", "Versions", "WhistleKind",
]  # fmt: skip


class Frozen(BaseModel):
    """A value: frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Unit(StrEnum):
    """What a limit counts. Minutes, urgent hours and natural days run around the clock."""

    MINUTES = "minutes"
    URGENT_HOURS = "urgent_hours"
    WORKING_HOURS = "working_hours"
    WORKING_DAYS = "working_days"
    NATURAL_DAYS = "natural_days"

    @property
    def working(self) -> bool:
        """Whether only working time counts."""
        return self in (Unit.WORKING_HOURS, Unit.WORKING_DAYS)


class Limit(Frozen):
    """A budget of time, such as 2 working hours."""

    amount: int = Field(ge=0)
    unit: Unit


class Stage(StrEnum):
    """What a clock waits for."""

    TRIAGE = "triage"
    DISPATCH = "dispatch"
    SIGNATURE = "signature"
    ARRIVAL = "arrival"
    RETURN = "return"
    ARBITRATION = "arbitration"
    DISPOSAL = "disposal"
    VERIFICATION = "verification"
    EVALUATION = "evaluation"
    CALLBACK = "callback"
    OBJECTION = "objection"
    REPLY = "reply"
    REVIEW_REQUEST = "review_request"
    DECISION = "decision"
    RECTIFICATION = "rectification"
    SUSPENSION = "suspension"
    LISTING = "listing"
    REMINDER_LIMIT = "reminder_limit"
    INTERVIEW_LIMIT = "interview_limit"


class Urgency(StrEnum):
    """How pressing a case is."""

    GENERAL = "general"
    URGENT = "urgent"
    EMERGENCY = "emergency"


class WhistleKind(StrEnum):
    """综合执法哨, 重点工作哨, 攻坚哨 and 应急处置哨."""

    ENFORCEMENT = "enforcement"
    KEY_WORK = "key_work"
    ESCALATED = "escalated"
    EMERGENCY = "emergency"


class Version(Frozen):
    """A version of data that a site may replace; each verdict names the one that gave it."""

    version: str = Field(min_length=1)
    in_force_from: AwareDatetime


class Versioned(Protocol):
    """Anything that has a version and a moment from which it is in force."""

    @property
    def version(self) -> str:
        """The name that events cite."""

    @property
    def in_force_from(self) -> datetime:
        """The moment from which it is used for what starts."""


T = TypeVar("T", bound=Versioned)


class Versions(Generic[T]):
    """All versions of one kind of data, ordered by the moment from which each is in force."""

    def __init__(self, what: str, versions: Iterable[T]) -> None:
        self._what = what
        self._all = sorted(versions, key=lambda one: one.in_force_from)
        self._starts = [one.in_force_from for one in self._all]
        self._by_name = {one.version: one for one in self._all}
        if not self._all or len(self._by_name) != len(self._all) or len(set(self._starts)) != len(self._starts):
            raise ValueError(f"{what}: there must be at least one version, each with its own name and start")

    def __iter__(self) -> Iterator[T]:
        return iter(self._all)

    @property
    def newest(self) -> T:
        """The version that comes into force last."""
        return self._all[-1]

    def current(self, at: datetime) -> T:
        """The version in force at a moment; Unknown before the first one."""
        position = bisect_right(self._starts, at)
        if position == 0:
            raise Unknown(
                f"No {self._what} was in force at {at.isoformat()}: load an earlier version.", at=at.isoformat()
            )
        return self._all[position - 1]

    def get(self, version: str) -> T:
        """The version of that name; Unknown if it was never loaded."""
        try:
            return self._by_name[version]
        except KeyError:
            message = f"There is no {self._what} version {version!r}: load it, events refer to it."
            raise Unknown(message, version=version) from None
