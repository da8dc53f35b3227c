"""What can happen to an officer on the register. Officers act in public office: their names are no secret.

Citizens never appear here; their identities lie in the vault.
"""

from datetime import date
from typing import ClassVar

from domain.kernel import CaseAggregate, Frozen, Opening


class PersonRegistered(Opening):
    """登记人员: an officer of an organisation (by its code) is put on the register."""

    TOPIC: ClassVar[str] = "person.registered.v1"
    name: str
    organisation: str


class CertificateIssued(CaseAggregate.Event):
    """发证: an enforcement certificate, valid from its first day (None: from ever) through its last day."""

    TOPIC: ClassVar[str] = "person.certificate-issued.v1"
    number: str
    valid_from: date | None
    valid_until: date


class OfficerPosted(CaseAggregate.Event):
    """下沉派驻: sent to a street (by its code). `weight` names the row of the rubric's annual weights."""

    TOPIC: ClassVar[str] = "person.posted.v1"
    street: str
    weight: str
    since: date


class PostingEnded(CaseAggregate.Event):
    """结束派驻: the last day served at the street is `until`."""

    TOPIC: ClassVar[str] = "person.posting-ended.v1"
    street: str
    until: date


class StreetScoreGiven(CaseAggregate.Event):
    """街道年度评分: a street's score, out of 100, for an officer who was posted there that year."""

    TOPIC: ClassVar[str] = "person.street-score-given.v1"
    year: int
    street: str
    score: float


class HomeScoreGiven(CaseAggregate.Event):
    """派出单位年度评分: the home unit's score, out of 100, for an officer who was posted that year."""

    TOPIC: ClassVar[str] = "person.home-score-given.v1"
    year: int
    score: float


class StreetYear(Frozen):
    """What one street contributes to a year: its score, and the days served there."""

    street: str
    days: int
    score: float


class AnnualAssessmentMade(CaseAggregate.Event):
    """年度考核: the final score, what it was made of, and the rubric version that made it."""

    TOPIC: ClassVar[str] = "person.annual-assessment-made.v1"
    year: int
    final: float
    weight: str
    streets: tuple[StreetYear, ...]
    home: float
    rubric: str
