"""What can happen to an evaluation 评价: one per response (一事一案一评价)."""

from typing import ClassVar
from uuid import UUID

from domain.dispatch.values import Satisfaction
from domain.kernel import CaseAggregate, Opening
from domain.policy.rubric import Facts, Sheet, SystemPart


class EvaluationDrafted(Opening):
    """系统评分: A to D are drafted from the facts when the response ends."""

    TOPIC: ClassVar[str] = "evaluation.drafted.v1"
    response: UUID
    department: str
    drill: bool
    rubric: str
    facts: Facts
    part: SystemPart


class EvaluationAmended(CaseAggregate.Event):
    """The facts changed (a reopening, a correction, a new completion), and A to D with them."""

    TOPIC: ClassVar[str] = "evaluation.amended.v1"
    rubric: str
    facts: Facts
    part: SystemPart


class EvaluationReturned(CaseAggregate.Event):
    """The case was reopened: back to drafted; an objection lapses."""

    TOPIC: ClassVar[str] = "evaluation.returned.v1"
    cause: str


class EvaluationOpened(CaseAggregate.Event):
    """The case closed: EVALUATE and CALLBACK start."""

    TOPIC: ClassVar[str] = "evaluation.opened.v1"


class StreetPartGiven(CaseAggregate.Event):
    """街道评价: conduct, cooperation and vetoes as the street saw them."""

    TOPIC: ClassVar[str] = "evaluation.street-part-given.v1"
    conduct: tuple[str, ...]
    cooperation: tuple[str, ...]
    vetoes: tuple[str, ...]


class StreetPartLapsed(CaseAggregate.Event):
    """The street said nothing by the end of EVALUATE: E and F are full, or stand as before."""

    TOPIC: ClassVar[str] = "evaluation.street-part-lapsed.v1"


class SatisfactionTaken(CaseAggregate.Event):
    """满意度: the reporter's rating, as it counts for G."""

    TOPIC: ClassVar[str] = "evaluation.satisfaction-taken.v1"
    satisfaction: Satisfaction


class SatisfactionLapsed(CaseAggregate.Event):
    """No rating by the end of CALLBACK: the reporter counts as unreachable, or stands as before."""

    TOPIC: ClassVar[str] = "evaluation.satisfaction-lapsed.v1"


class EvaluationServed(CaseAggregate.Event):
    """送达: the whole sheet is served on the department; OBJECTION starts."""

    TOPIC: ClassVar[str] = "evaluation.served.v1"
    sheet: Sheet


class ObjectionRaised(CaseAggregate.Event):
    """异议: the department objects; REPLY starts."""

    TOPIC: ClassVar[str] = "evaluation.objection-raised.v1"
    reason: str


class ObjectionReplied(CaseAggregate.Event):
    """答复: the street replied; the window for asking for review starts."""

    TOPIC: ClassVar[str] = "evaluation.objection-replied.v1"
    text: str


class ReplyMissed(CaseAggregate.Event):
    """答复超时: the street was silent; the window for asking for review starts all the same."""

    TOPIC: ClassVar[str] = "evaluation.reply-missed.v1"


class ReviewRequested(CaseAggregate.Event):
    """申请复核: supervision is asked; DECISION starts."""

    TOPIC: ClassVar[str] = "evaluation.review-requested.v1"


class DecisionMissed(CaseAggregate.Event):
    """复核超时: supervision's silence escalates; it never finalises."""

    TOPIC: ClassVar[str] = "evaluation.decision-missed.v1"


class ReviewDecided(CaseAggregate.Event):
    """复核决定: once and final. `exempt` names the clocks and deductions that no longer count."""

    TOPIC: ClassVar[str] = "evaluation.review-decided.v1"
    upheld: bool
    exempt: tuple[str, ...]


class EvaluationFinalised(CaseAggregate.Event):
    """评价生效: the sheet is final, and the outcome with it. `because` is `silence` or `review`."""

    TOPIC: ClassVar[str] = "evaluation.finalised.v1"
    sheet: Sheet
    because: str


class CommendationProposed(CaseAggregate.Event):
    """拟表扬: proposed by rule, waits for the organisation department."""

    TOPIC: ClassVar[str] = "evaluation.commendation-proposed.v1"


class CommendationConfirmed(CaseAggregate.Event):
    """通报表扬: confirmed by the organisation department."""

    TOPIC: ClassVar[str] = "evaluation.commendation-confirmed.v1"


class CriticismProposed(CaseAggregate.Event):
    """拟通报批评: proposed by rule, waits for supervision."""

    TOPIC: ClassVar[str] = "evaluation.criticism-proposed.v1"


class CriticismConfirmed(CaseAggregate.Event):
    """通报批评: confirmed by supervision and circulated."""

    TOPIC: ClassVar[str] = "evaluation.criticism-confirmed.v1"
