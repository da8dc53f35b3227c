"""Commands on officers: register, certify, post, score, assess."""

from datetime import date

from desk.arguments import AnnualScore, AssessYear, EndPosting, IssueCertificate, PostOfficer, RegisterPerson
from desk.handlers import Handler, Handlers, no_guard
from desk.unit import Unit
from domain.errors import Invalid
from domain.registry.organisations import OrganisationKind
from domain.registry.people import Person, person_id


def register(unit: Unit, target: None, given: RegisterPerson) -> None:
    """登记人员."""
    home = unit.city.find(given.organisation)
    known = unit.find(Person, person_id(home.code, given.name))
    if known is not None:
        known.may_register()
    person = Person.register(given.name, home.code, unit.act)
    unit.ids["person"] = person.id
    unit.begin(person)


def certify(unit: Unit, person: Person, given: IssueCertificate) -> None:
    """发证."""
    since = _day(given.valid_from) if given.valid_from is not None else None
    person.issue_certificate(given.number, since, _day(given.valid_until), unit.act)


def post(unit: Unit, person: Person, given: PostOfficer) -> None:
    """下沉派驻."""
    street = unit.city.find(given.street)
    if street.kind is not OrganisationKind.STREET:
        raise Invalid(f"{street.name} is no street; an officer is posted to a street.", organisation=street.code)
    person.post(street.code, given.weight, _day(given.since), unit.act, unit.world.rules)


def end_posting(unit: Unit, person: Person, given: EndPosting) -> None:
    """结束派驻."""
    person.end_posting(_day(given.until), unit.act)


def score_by_street(unit: Unit, person: Person, given: AnnualScore) -> None:
    """街道年度评分."""
    street = unit.city.street_of(unit.organisation.division).code
    person.score_by_street(street, given.year, given.score, unit.act, unit.world.rules)


def score_by_home(unit: Unit, person: Person, given: AnnualScore) -> None:
    """派出单位年度评分."""
    person.score_by_home(given.year, given.score, unit.act, unit.world.rules)


def assess(unit: Unit, person: Person, given: AssessYear) -> None:
    """年度考核."""
    person.assess(given.year, unit.act, unit.world.rules)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid(f"{text!r} is not a day of the calendar; write it as YYYY-MM-DD.", day=text) from None


HANDLERS: Handlers = {
    "register_person": Handler(no_guard, register),
    "issue_certificate": Handler(no_guard, certify),
    "post_officer": Handler(no_guard, post),
    "end_posting": Handler(lambda unit, person: person.may_end_posting(), end_posting),
    "score_posting_street": Handler(no_guard, score_by_street),
    "score_posting_home": Handler(no_guard, score_by_home),
    "assess_officer": Handler(no_guard, assess),
}
