"""The officer 执法人员: on the register, certified, posted to a street 下沉派驻, assessed once a year 年度考核."""

from datetime import date
from typing import NamedTuple
from uuid import UUID, uuid5

from domain.errors import AlreadyDone, Invalid, WrongState
from domain.kernel import Act, CaseAggregate, event
from domain.policy.rubric import annual
from domain.policy.rules import Rules
from domain.registry import people_facts
from domain.registry.people_facts import (
    AnnualAssessmentMade,
    CertificateIssued,
    HomeScoreGiven,
    OfficerPosted,
    PersonRegistered,
    PostingEnded,
    StreetScoreGiven,
    StreetYear,
)

PEOPLE = UUID("b1f6a1de-52a4-5d0b-8c53-2f7d9f0c6e42")
"""The namespace of the officers' streams."""

OFFICE_SLOTS = "office"
"""Whose calendar tells the local day: every slot table of a site has the same zone."""

FULL_SCORE = 100


def person_id(organisation: str, name: str) -> UUID:
    """The stream of an officer, found from the organisation's code and the name without a look-up."""
    return uuid5(PEOPLE, f"{organisation}/{name}")


class Certificate(NamedTuple):
    """An enforcement certificate; both days belong to its validity, and without a first day it always was valid."""

    number: str
    valid_from: date | None
    valid_until: date

    def valid_on(self, day: date) -> bool:
        """Whether it may be shown on a day."""
        return (self.valid_from is None or self.valid_from <= day) and day <= self.valid_until


class Posting(NamedTuple):
    """A stay at a street; the first and the last day are served, and without a last day it goes on."""

    street: str
    weight: str
    since: date
    until: date | None = None

    def days_in(self, year: int) -> int:
        """The days served within a calendar year; a posting without an end runs to 31 December (our default)."""
        first, last = max(self.since, date(year, 1, 1)), date(year, 12, 31)
        if self.until is not None:
            last = min(self.until, last)
        return max((last - first).days + 1, 0)


class Person(CaseAggregate):
    """One officer of an organisation."""

    TOPIC = "person"
    FACTS = people_facts

    def __init__(self, name: str, organisation: str) -> None:
        self.name, self.organisation = name, organisation
        self.certificates: list[Certificate] = []
        self.postings: list[Posting] = []
        self.street_scores: dict[tuple[int, str], float] = {}
        self.home_scores: dict[int, float] = {}
        self.assessments: dict[int, float] = {}

    @classmethod
    def register(cls, name: str, organisation: str, act: Act) -> "Person":
        """Put an officer on the register. One who stands there already is loaded, and refuses: `may_register`."""
        return cls.open(PersonRegistered, person_id(organisation, name), act, name=name, organisation=organisation)

    # What is asked of an officer.

    def certificate_on(self, day: date) -> str | None:
        """The number of a certificate that is valid on a day, the one that lasts longest; None where there is none."""
        valid = [each for each in self.certificates if each.valid_on(day)]
        return max(valid, key=lambda each: each.valid_until).number if valid else None

    @property
    def posting(self) -> Posting | None:
        """The latest posting, where its end is not recorded."""
        return self.postings[-1] if self.postings and self.postings[-1].until is None else None

    def days_by_street(self, year: int) -> dict[str, int]:
        """Street → the days served there within a calendar year, in the order of the postings."""
        days: dict[str, int] = {}
        for posting in self.postings:
            if served := posting.days_in(year):
                days[posting.street] = days.get(posting.street, 0) + served
        return days

    # Guards, asked before the arguments are looked at.

    def may_register(self) -> None:
        """Refuse with AlreadyDone: whoever can be asked stands on the register."""
        raise AlreadyDone(f"{self.name} of {self.organisation} is on the register already.", person=str(self.id))

    def may_post(self, street: str) -> None:
        """Refuse while a posting has no recorded end: AlreadyDone at that street, else WrongState."""
        if self.posting is None:
            return
        if self.posting.street == street:
            raise AlreadyDone(f"{self.name} is posted to {street} already.", person=str(self.id))
        raise self._wrong(f"is posted to {self.posting.street}: end that posting first")

    def may_end_posting(self) -> None:
        """Refuse unless a posting has no recorded end."""
        if self.posting is None:
            if self.postings:
                raise AlreadyDone(f"The last posting of {self.name} was ended already.", person=str(self.id))
            raise self._wrong("was never posted: post the officer first")

    def may_be_scored_by_street(self, street: str, year: int) -> None:
        """Refuse a second score, and the score of a street where the officer did not serve that year."""
        if (year, street) in self.street_scores:
            raise AlreadyDone(f"{street} scored {self.name} for {year} already.", person=str(self.id), year=year)
        if street not in self.days_by_street(year):
            raise self._wrong(f"was not posted to {street} in {year}: only a street of that year scores")

    def may_be_scored_by_home(self, year: int) -> None:
        """Refuse a second score, and one for a year without a posting."""
        if year in self.home_scores:
            raise AlreadyDone(f"The home unit scored {self.name} for {year} already.", person=str(self.id), year=year)
        self._must_have_served(year)

    def may_be_assessed(self, year: int) -> None:
        """Refuse a second assessment, and one for which a posting or a score is missing."""
        if year in self.assessments:
            raise AlreadyDone(f"{self.name} was assessed for {year} already.", person=str(self.id), year=year)
        self._must_have_served(year)
        missing = [street for street in self.days_by_street(year) if (year, street) not in self.street_scores]
        if year not in self.home_scores:
            missing.append(self.organisation)
        if missing:
            raise self._wrong(f"lacks the {year} score of {', '.join(missing)}: take it first")

    # Decisions.

    def issue_certificate(self, number: str, valid_from: date | None, valid_until: date, act: Act) -> None:
        """发证. A renewal may keep the number. AlreadyDone for the same once more, Invalid for reversed days."""
        if Certificate(number, valid_from, valid_until) in self.certificates:
            raise AlreadyDone(f"Certificate {number} was issued already.", person=str(self.id), number=number)
        if valid_from is not None and valid_until < valid_from:
            raise Invalid(
                f"Certificate {number} ends on {valid_until} before it begins on {valid_from}: swap the days.",
                valid_from=valid_from.isoformat(),
                valid_until=valid_until.isoformat(),
            )
        self.record(CertificateIssued, act, number=number, valid_from=valid_from, valid_until=valid_until)

    def post(self, street: str, weight: str, since: date, act: Act, rules: Rules) -> None:
        """下沉派驻. Invalid for a weight that the rubric lacks, or a day that the posting before still covers."""
        self.may_post(street)
        known = rules.rubric(act.at).annual_weights
        if weight not in known:
            raise Invalid(f"weight: {weight!r} is not one of {', '.join(sorted(known))}.", weight=weight)
        last = max((each.until for each in self.postings if each.until is not None), default=None)
        if last is not None and since <= last:
            raise Invalid(
                f"The posting before lasts through {last}: begin the new one later.",
                since=since.isoformat(),
                last=last.isoformat(),
            )
        self.record(OfficerPosted, act, street=street, weight=weight, since=since)

    def end_posting(self, until: date, act: Act) -> None:
        """结束派驻: `until` is the last day served. Invalid before the first one."""
        self.may_end_posting()
        assert self.posting is not None
        if until < self.posting.since:
            raise Invalid(
                f"The posting began on {self.posting.since}: it cannot end on {until}.",
                since=self.posting.since.isoformat(),
                until=until.isoformat(),
            )
        self.record(PostingEnded, act, street=self.posting.street, until=until)

    def score_by_street(self, street: str, year: int, score: float, act: Act, rules: Rules) -> None:
        """街道年度评分, once for a street and year. Invalid off the scale, or before the year begins."""
        self.may_be_scored_by_street(street, year)
        _check_score(score)
        _check_begun(year, act, rules)
        self.record(StreetScoreGiven, act, year=year, street=street, score=score)

    def score_by_home(self, year: int, score: float, act: Act, rules: Rules) -> None:
        """派出单位年度评分, once a year. Invalid off the scale, or before the year begins."""
        self.may_be_scored_by_home(year)
        _check_score(score)
        _check_begun(year, act, rules)
        self.record(HomeScoreGiven, act, year=year, score=score)

    def assess(self, year: int, act: Act, rules: Rules) -> None:
        """年度考核: w of the streets' scores by days served, the rest the home unit's, by the rubric in force.

        Where the postings of a year differ in their weight, the latest one's decides (our default).
        """
        self.may_be_assessed(year)
        _check_begun(year, act, rules)
        rubric = rules.rubric(act.at)
        weight = next(each.weight for each in reversed(self.postings) if each.days_in(year))
        streets = tuple(
            StreetYear(street=street, days=days, score=self.street_scores[year, street])
            for street, days in self.days_by_street(year).items()
        )
        home = self.home_scores[year]
        self.record(
            AnnualAssessmentMade,
            act,
            year=year,
            final=annual(rubric, weight, [(each.score, each.days) for each in streets], home),
            weight=weight,
            streets=streets,
            home=home,
            rubric=rubric.version,
        )

    def fire(self, act: Act, keeper: object) -> None:
        """Nothing falls due by itself: an expired certificate is simply no longer valid."""

    def _must_have_served(self, year: int) -> None:
        if not self.days_by_street(year):
            raise self._wrong(f"was not posted in {year}: only a posted officer is assessed")

    def _wrong(self, what: str) -> WrongState:
        return WrongState(f"{self.name} of {self.organisation} {what}.", person=str(self.id))

    # Applied facts.

    @event(CertificateIssued)
    def _certified(self, number: str, valid_from: date | None, valid_until: date) -> None:
        self.certificates.append(Certificate(number, valid_from, valid_until))

    @event(OfficerPosted)
    def _posted(self, street: str, weight: str, since: date) -> None:
        self.postings.append(Posting(street, weight, since))

    @event(PostingEnded)
    def _posting_ended(self, until: date) -> None:
        self.postings[-1] = self.postings[-1]._replace(until=until)

    @event(StreetScoreGiven)
    def _scored_by_street(self, year: int, street: str, score: float) -> None:
        self.street_scores[year, street] = score

    @event(HomeScoreGiven)
    def _scored_by_home(self, year: int, score: float) -> None:
        self.home_scores[year] = score

    @event(AnnualAssessmentMade)
    def _assessed(self, year: int, final: float) -> None:
        self.assessments[year] = final


def _check_score(score: float) -> None:
    if not 0 <= score <= FULL_SCORE or round(score, 1) != score:
        raise Invalid(
            f"A score lies between 0 and {FULL_SCORE} and has one decimal; {score} does not fit.", score=score
        )


def _check_begun(year: int, act: Act, rules: Rules) -> None:
    """Refuse with Invalid a year that, on the site's calendar, still lies ahead."""
    today = rules.calendar(OFFICE_SLOTS, act.at).local_date(act.at)
    if year > today.year:
        raise Invalid(f"{year} has not begun: today is {today}.", year=year)
