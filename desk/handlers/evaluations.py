"""Commands on a response's evaluation and outcome: evaluate, object, review, commend, criticise, interview."""

from uuid import UUID

from desk import consequences
from desk.arguments import DecideReview, Evaluate, HoldInterview, Nothing, Reason, Rectify, ReplyObjection
from desk.handlers import Handler, Handlers
from desk.unit import Unit
from domain.dispatch.evaluation import Evaluation
from domain.dispatch.interview import Interview
from domain.dispatch.response import Response
from domain.errors import WrongState


def sheet_of(unit: Unit, response: Response) -> Evaluation:
    """The evaluation of a response; WRONG_STATE while it has none."""
    found = unit.evaluation(response.id)
    if found is None:
        raise WrongState(f"The response is {response.state.value} and has no evaluation.", response=str(response.id))
    return found


def interview_of(unit: Unit, response: Response) -> Interview:
    """The latest interview that a response led to; WRONG_STATE where there is none."""
    found = unit.interviews(response.id)
    if not found:
        raise WrongState("No interview was opened on this response.", response=str(response.id))
    return found[-1]


def involved(unit: Unit, response: Response) -> set[UUID]:
    """Who ruled on a return or an extension of the response, or passed the case's legal review: recused."""
    reviewer = unit.case(response.id).reviewed_by
    return response.ruled_by | ({reviewer} if reviewer else set())


def evaluate(unit: Unit, response: Response, given: Evaluate) -> None:
    """街道评价."""
    sheet_of(unit, response).give_street_part(
        given.conduct, given.cooperation, given.vetoes, unit.act, unit.keeper_of(response)
    )


def object_to(unit: Unit, response: Response, given: Reason) -> None:
    """异议."""
    sheet_of(unit, response).object(given.reason, unit.act, unit.keeper_of(response))


def reply(unit: Unit, response: Response, given: ReplyObjection) -> None:
    """答复."""
    sheet_of(unit, response).reply(given.text, unit.act, unit.keeper_of(response))


def request_review(unit: Unit, response: Response, given: Nothing) -> None:
    """申请复核."""
    sheet_of(unit, response).request_review(unit.act, unit.keeper_of(response))


def decide_review(unit: Unit, response: Response, given: DecideReview) -> None:
    """复核决定: final, and what had been opened on what is exempted is withdrawn."""
    evaluation = sheet_of(unit, response)
    evaluation.decide(given.exempt, unit.act, unit.keeper_of(response), upheld=given.upheld)
    consequences.settle(unit, evaluation, unit.act)


def commend(unit: Unit, response: Response, given: Nothing) -> None:
    """通报表扬."""
    sheet_of(unit, response).confirm_commendation(unit.act)


def criticise(unit: Unit, response: Response, given: Nothing) -> None:
    """通报批评."""
    sheet_of(unit, response).confirm_criticism(unit.act)


def confirm_interview(unit: Unit, response: Response, given: Nothing) -> None:
    """约谈确认."""
    interview_of(unit, response).confirm(unit.act)


def hold_interview(unit: Unit, response: Response, given: HoldInterview) -> None:
    """约谈."""
    interview_of(unit, response).hold(given.minutes, unit.act)


def rectify(unit: Unit, response: Response, given: Rectify) -> None:
    """整改."""
    interview_of(unit, response).rectify(given.evidence, unit.act)


HANDLERS: Handlers = {
    "evaluate": Handler(lambda unit, response: sheet_of(unit, response).may_be_evaluated(unit.act), evaluate),
    "object": Handler(lambda unit, response: sheet_of(unit, response).may_object(unit.act), object_to),
    "reply_objection": Handler(lambda unit, response: sheet_of(unit, response).may_reply(unit.act), reply),
    "request_review": Handler(
        lambda unit, response: sheet_of(unit, response).may_request_review(unit.act), request_review
    ),
    "decide_review": Handler(
        lambda unit, response: sheet_of(unit, response).may_decide(unit.act, involved(unit, response)), decide_review
    ),
    "confirm_commendation": Handler(lambda unit, response: sheet_of(unit, response).may_commend(), commend),
    "confirm_criticism": Handler(lambda unit, response: sheet_of(unit, response).may_criticise(), criticise),
    "confirm_interview": Handler(lambda unit, response: interview_of(unit, response).may_confirm(), confirm_interview),
    "hold_interview": Handler(lambda unit, response: interview_of(unit, response).may_hold(), hold_interview),
    "rectify": Handler(lambda unit, response: interview_of(unit, response).may_rectify(), rectify),
}
