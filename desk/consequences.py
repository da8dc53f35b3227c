"""What follows from what: the rules that reach from one aggregate to another, in the same transaction.

Facts first: an arrival missed opens an interview at once, a disposal missed after a timely arrival issues the
reminder at once; the final evaluation confirms or withdraws what was opened early.
"""

from datetime import datetime

from desk.unit import Unit, evaluation_id, interview_id
from domain.dispatch import disposal, dunning
from domain.dispatch.case import Case
from domain.dispatch.evaluation import Evaluation, EvaluationState
from domain.dispatch.facts.evaluation import EvaluationFinalised
from domain.dispatch.facts.response import ArrivalMissed, DisposalMissed
from domain.dispatch.interview import Interview
from domain.dispatch.response import Response, ResponseState
from domain.dispatch.values import Part
from domain.dispatch.whistle import Whistle, WhistleState
from domain.errors import LeadNotLast
from domain.kernel import Act, CaseAggregate
from domain.policy.arithmetic import due_after_pause
from domain.policy.deadlines import Stage
from domain.policy.rubric import Band, Outcome

INTERVIEW, REMIND = "interview", "remind"
BY_ARRIVAL = "arrival_missed"


def standing_interview(unit: Unit, response: Response) -> Interview | None:
    """The interview that stands for a response, or None."""
    return next((each for each in reversed(unit.interviews(response.id)) if each.stands), None)


def open_interview(unit: Unit, response: Response, because: str, act: Act) -> None:
    """Open an interview escalation, unless one stands; it counts on the repeat ladder."""
    if response.is_direct or standing_interview(unit, response) is not None:
        return
    keeper = unit.keeper_of(response)
    stream = interview_id(response.id, len(unit.interviews(response.id)))
    interview = Interview.convene(
        stream, act, keeper, response=response.id, department=response.department, because=because, drill=response.drill
    )
    unit.begin(interview)
    if response.is_done:
        interview.finish(act)
    if not response.drill:
        unit.standing(response.department).enter(INTERVIEW, response.id, act, keeper)


def withdraw_interview(unit: Unit, response: Response, because: str, act: Act) -> None:
    """Withdraw the interview that stands, and strike its mark."""
    interview = standing_interview(unit, response)
    if interview is not None:
        interview.withdraw(because, act)
        if not response.drill:
            unit.standing(response.department).strike(INTERVIEW, response.id, act, unit.keeper_of(response))


def issue_reminder(unit: Unit, response: Response, because: str, act: Act, *, anew: bool = False) -> None:
    """Issue the reminder, unless one stands; it counts on the repeat ladder.

    A miss in a new round, after a reopening, reminds `anew` beside the reminder of an earlier round.
    """
    stands = response.reminder is not None and not (anew and response.reminder_is_of_an_earlier_round)
    if response.is_direct or stands:
        return
    keeper = unit.keeper_of(response)
    dunning.issue_reminder(response, because, act, keeper)
    if not response.drill:
        unit.standing(response.department).enter(REMIND, response.id, act, keeper)


def withdraw_reminder(unit: Unit, response: Response, because: str, act: Act) -> None:
    """Withdraw the reminder that stands, and strike its mark."""
    if response.reminder is not None:
        dunning.withdraw_reminder(response, because, act)
        if not response.drill:
            unit.standing(response.department).strike(REMIND, response.id, act, unit.keeper_of(response))


def withdraw_opened(unit: Unit, response: Response, because: str, act: Act) -> None:
    """Withdraw everything that was opened on a response."""
    withdraw_interview(unit, response, because, act)
    withdraw_reminder(unit, response, because, act)


def after_arrival(unit: Unit, response: Response, act: Act) -> None:
    """An arrival was judged, perhaps again: on time undoes the interview that its miss opened, late opens it.

    A disposal missed before a timely arrival is judged here.
    """
    if response.arrival is None:
        return
    if response.arrival.band is not Band.ON_TIME:
        open_interview(unit, response, BY_ARRIVAL, act)
    else:
        interview = standing_interview(unit, response)
        if interview is not None and interview.because == BY_ARRIVAL:
            withdraw_interview(unit, response, "arrived_in_time", act)
        if Stage.DISPOSAL in response.missed_stages:
            issue_reminder(unit, response, "disposal_missed", act)
    amend_draft(unit, response, act)


def after_timers(unit: Unit, target: CaseAggregate, first: int, act: Act) -> None:
    """What follows from the facts that a stream's timers recorded, from its `first`-th pending one on."""
    for fact in tuple(target.pending_events)[first:]:
        if isinstance(target, Response):
            if isinstance(fact, ArrivalMissed):
                open_interview(unit, target, BY_ARRIVAL, act)
            elif isinstance(fact, DisposalMissed) and target.arrival and target.arrival.band is Band.ON_TIME:
                issue_reminder(unit, target, "disposal_missed", act, anew=True)
        elif isinstance(target, Evaluation) and isinstance(fact, EvaluationFinalised):
            settle(unit, target, act)


def settle(unit: Unit, evaluation: Evaluation, act: Act) -> None:
    """The evaluation is final: what was opened early is confirmed or withdrawn, what was not is opened now."""
    response, outcome = unit.need(Response, evaluation.response), evaluation.outcome
    if outcome is not Outcome.INTERVIEW:
        withdraw_interview(unit, response, "evaluation_final", act)
    if outcome is not Outcome.REMIND:
        withdraw_reminder(unit, response, "evaluation_final", act)
    if outcome is Outcome.INTERVIEW:
        open_interview(unit, response, "evaluation_final", act)
    elif outcome is Outcome.REMIND:
        issue_reminder(unit, response, "evaluation_final", act)


def after_end(unit: Unit, response: Response, act: Act) -> None:
    """A response was verified or defaulted: limits are met, its sheet is drafted, its whistle perhaps resolved."""
    if response.is_direct:
        return
    interview = standing_interview(unit, response)
    if interview is not None and response.state is ResponseState.VERIFIED:
        interview.finish(act)
    keeper, evaluation = unit.keeper_of(response), unit.evaluation(response.id)
    if evaluation is None:
        facts = disposal.facts_of(response, ())
        drafted = Evaluation.draft(
            evaluation_id(response.id),
            facts,
            act,
            keeper,
            response=response.id,
            department=response.department,
            drill=response.drill,
        )
        unit.begin(drafted)
    else:
        evaluation.amend(disposal.facts_of(response, evaluation.reopened), act, keeper)
    whistle = unit.whistle_of(response)
    if whistle is not None and not any(each.is_open for each in unit.responses(whistle)):
        whistle.resolve(act)


def amend_draft(unit: Unit, response: Response, act: Act) -> None:
    """The facts of a drafted sheet changed."""
    evaluation = unit.evaluation(response.id)
    if evaluation is not None and evaluation.state is EvaluationState.DRAFTED and response.disposals:
        evaluation.amend(disposal.facts_of(response, evaluation.reopened), act, unit.keeper_of(response))


def reopened(unit: Unit, case: Case, cause: str, act: Act) -> None:
    """The case was reopened: its verified responses go to rework, its sheets back to the draft."""
    for response in unit.responses_of(case):
        evaluation = unit.evaluation(response.id)
        disposal.reopen(response, case.item_limit, act, unit.keeper_of(response))
        if evaluation is not None:
            evaluation.send_back(cause, act)
            evaluation.amend(disposal.facts_of(response, evaluation.reopened), act, unit.keeper_of(response))
    for whistle in unit.whistles(case):
        if any(response.is_open for response in unit.responses(whistle)):
            whistle.reopen(act)


def suspended(unit: Unit, case: Case, act: Act) -> None:
    """Every clock of the case's responses pauses."""
    for response in unit.responses_of(case):
        disposal.pause(response, act)
        for interview in unit.interviews(response.id):
            interview.pause(act)


def resumed(unit: Unit, case: Case, act: Act) -> None:
    """Every clock that the suspension paused runs on."""
    for response in unit.responses_of(case):
        keeper = unit.keeper_of(response)
        disposal.resume(response, act, keeper)
        for interview in unit.interviews(response.id):
            interview.resume(act, keeper)
    since = case.clocks[Stage.SUSPENSION].started_at
    for whistle in unit.whistles(case):
        _defer(unit, whistle, since, act)


def _defer(unit: Unit, whistle: Whistle, since: datetime, act: Act) -> None:
    """An appointment that lay ahead at the suspension moves like its allowance, whoever has arrived by then."""
    appointed_at = whistle.appointed_at
    if whistle.state is not WhistleState.BLOWN or appointed_at is None or since > appointed_at:
        return
    first = unit.responses(whistle)[0]
    arrival = first.clocks[Stage.ARRIVAL]
    calendar = unit.keeper_of(first).rules.calendar_of(arrival)
    whistle.defer_appointment(due_after_pause(appointed_at, arrival.limit.unit, since, act.at, calendar), act)


def lead_is_last(unit: Unit, response: Response) -> None:
    """Refuse to verify the lead before every supporting department is done."""
    whistle = unit.whistle_of(response)
    if whistle is None or response.part is not Part.LEAD:
        return
    waiting = [each.department for each in unit.responses(whistle) if each.id != response.id and each.is_open]
    if waiting:
        names = ", ".join(unit.city.get(code).name for code in waiting)
        raise LeadNotLast(f"The lead is verified last; still open: {names}.", departments=waiting)
