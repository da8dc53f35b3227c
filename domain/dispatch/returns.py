"""Asking for a return 退回, and ruling on it: the first receiver leads until it is ruled (首接负责)."""

from domain.dispatch.facts.response import DisputeReferred, ReturnDenied, ReturnRequested, ReturnUpheld
from domain.dispatch.response import Response, ResponseState
from domain.dispatch.timekeeping import Timekeeper
from domain.errors import NotPermitted, TooLate
from domain.kernel import Act
from domain.policy.deadlines import Stage, Urgency


def may_request(response: Response, act: Act) -> None:
    """Refuse unless signed, not asked before, in an emergency attended, and within the window after signing."""
    response.must_be_called()
    if response.return_asked:
        raise response.done_already("has been asked to be returned")
    if response.state not in (ResponseState.SIGNED, ResponseState.ARRIVED, ResponseState.REWORK):
        raise response.wrong("a return is asked for after signing, before completion")
    if response.urgency is Urgency.EMERGENCY and response.arrived_at is None:
        raise response.wrong("an emergency is attended first")
    window = response.clocks[Stage.RETURN]
    if not window.on_time(act.at):
        raise TooLate(f"A return could be asked for until {window.due_at.isoformat()}.", due=window.due_at.isoformat())


def request(response: Response, basis: str, act: Act, keeper: Timekeeper) -> None:
    """退回申请: on a legal basis; every duty goes on. Level 1 of the arbitration starts."""
    may_request(response, act)
    arbitration = keeper.start(Stage.ARBITRATION, act.at, response.urgency, level=1)
    response.record(ReturnRequested, act, basis=basis, clocks=(*response.met(Stage.RETURN, act), arbitration))


def may_refer(response: Response) -> None:
    """Refuse unless a return waits at level 1."""
    if response.return_referred and response.return_pending:
        raise response.done_already("is before supervision")
    _must_be_pending(response)


def refer(response: Response, act: Act, keeper: Timekeeper) -> None:
    """移送裁定: supervision rules; level 2 starts."""
    may_refer(response)
    level_two = keeper.start(Stage.ARBITRATION, act.at, response.urgency, level=2)
    response.record(DisputeReferred, act, clocks=(level_two,))


def is_for(response: Response, *, supervision: bool) -> None:
    """Refuse where the return that waits is at the other level: command's, or supervision's once referred."""
    if response.is_open and response.return_pending and response.return_referred is not supervision:
        whose = "supervision's" if response.return_referred else "the command centre's"
        raise NotPermitted(f"This return is {whose} to rule on.", response=str(response.id))


def may_rule(response: Response) -> None:
    """Refuse unless a return waits."""
    _must_be_pending(response)


def uphold(response: Response, replacement: str, act: Act) -> None:
    """退回成立; the response is released next, and the replacement dispatched."""
    response.record(ReturnUpheld, act, replacement=replacement, clocks=response.met(Stage.ARBITRATION, act))


def deny(response: Response, act: Act) -> None:
    """退回不成立."""
    response.record(ReturnDenied, act, clocks=response.met(Stage.ARBITRATION, act))


def _must_be_pending(response: Response) -> None:
    if not response.is_open or not response.return_pending:
        raise response.wrong("no return waits for a ruling")
