"""All versioned rules of a site in one hand: policies, calendars, catalogues and rubrics."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from domain.policy.calendar import CalendarAlert, CalendarData, Calendars, WorkCalendar
from domain.policy.catalogue import Catalogue, Catalogues
from domain.policy.deadlines import Clock
from domain.policy.policy import DeadlinePolicy, Policies
from domain.policy.rubric import Rubric, Rubrics

__all__ = ["Rules"]

Json = Mapping[str, Any]


class Rules:
    """What is in force when, and every version that an event may cite. Unknown where there is none."""

    def __init__(self, policies: Policies, calendars: Calendars, catalogues: Catalogues, rubrics: Rubrics) -> None:
        self.policies = policies
        self.calendars = calendars
        self.catalogues = catalogues
        self.rubrics = rubrics

    @classmethod
    def from_dicts(
        cls, policies: Iterable[Json], calendars: Iterable[Json], catalogues: Iterable[Json], rubrics: Iterable[Json]
    ) -> "Rules":
        """Rules from parsed JSON documents, one for each version; pydantic's ValidationError says what is wrong."""
        return cls(
            Policies("deadline policy", [DeadlinePolicy.model_validate(one) for one in policies]),
            Calendars([CalendarData.model_validate(one) for one in calendars]),
            Catalogues("catalogue", [Catalogue.model_validate(one) for one in catalogues]),
            Rubrics("rubric", [Rubric.model_validate(one) for one in rubrics]),
        )

    def policy(self, at: datetime) -> DeadlinePolicy:
        """The deadline policy in force."""
        return self.policies.current(at)

    def policy_version(self, version: str) -> DeadlinePolicy:
        """The deadline policy of that version."""
        return self.policies.get(version)

    def calendar(self, slots: str, at: datetime) -> WorkCalendar:
        """The working calendar in force, for whoever works by that slot table."""
        return self.calendars.get(self.calendars.current(at).version, slots)

    def calendar_version(self, version: str, slots: str) -> WorkCalendar:
        """The working calendar of that version and slot table."""
        return self.calendars.get(version, slots)

    def calendar_of(self, clock: Clock) -> WorkCalendar:
        """The working calendar that a clock was started by, and keeps."""
        return self.calendars.get(clock.calendar, clock.slots)

    def calendar_alerts(self, year: int) -> tuple[CalendarAlert, ...]:
        """What an administrator must see about a year's calendar."""
        return self.calendars.alerts(year)

    def catalogue(self, at: datetime) -> Catalogue:
        """The catalogue in force."""
        return self.catalogues.current(at)

    def catalogue_version(self, version: str) -> Catalogue:
        """The catalogue of that version, which a filed case has frozen."""
        return self.catalogues.get(version)

    def rubric(self, at: datetime) -> Rubric:
        """The rubric in force."""
        return self.rubrics.current(at)

    def rubric_version(self, version: str) -> Rubric:
        """The rubric of that version."""
        return self.rubrics.get(version)
