"""The steps that histories are told with: each says who did what when, and leaves out what does not matter."""

from collections.abc import Callable
from datetime import datetime

from domain.dispatch import arrival, disposal, dunning, returns
from domain.dispatch.case import Case
from domain.dispatch.report import Report
from domain.dispatch.response import Response
from domain.dispatch.values import OfficerRef, Part, Place, Source
from domain.kernel import Kind, child, new_family
from domain.policy.deadlines import Limit, Stage, Unit, Urgency, WhistleKind
from tests.kit import KEEPER, RULES, act, local, person

HERE = Place(lat=43.8503, lon=126.5602, address="德胜街道")
FAR = Place(lat=43.8530, lon=126.5602)
"""Some 300 m to the north."""

FAMILY = new_family(local("2022-12-14 09:00"))
CASE, WHISTLE, RESPONSE = child(FAMILY, Kind.CASE), child(FAMILY, Kind.WHISTLE), child(FAMILY, Kind.RESPONSE)
EVALUATION, INTERVIEW = child(FAMILY, Kind.EVALUATION), child(FAMILY, Kind.INTERVIEW)
BUREAU, POLICE = "2202-scjg", "220204-bjlpcs"
FIVE_DAYS = Limit(amount=5, unit=Unit.WORKING_DAYS)
SIGN_ITEM = RULES.catalogue_version("2026-1").item("牌匾标识内容错误")

ReportStep = Callable[[Report], object]
CaseStep = Callable[[Case], object]
ResponseStep = Callable[[Response], object]


def officer(name: str, *, certified: bool = True) -> OfficerRef:
    return OfficerRef(person=person(name), name=name, organisation=BUREAU, certificate=None, certified=certified)


# Reports and cases.


def reported(
    at: str = "09:10", by: str = "grid worker", place: Place = HERE, item: str | None = None, ordinal: int = 0,
    reporter: str | None = None, *, imported: bool = False,
) -> Callable[[], Report]:  # fmt: skip
    return lambda: Report.submit(
        child(FAMILY, Kind.REPORT, ordinal), act(at, by, imported=imported), KEEPER, source=Source.GRID,
        description="餐厅牌匾标识文字需整改", place=place, item=item, photos=(),
        reporter=person(reporter) if reporter else None, drill=False, area="220204", street=None, division=None,
    )  # fmt: skip


def filed(at: str = "10:30", urgency: Urgency = Urgency.GENERAL, *, imported: bool = False) -> Callable[[], Case]:
    return lambda: Case.file(
        CASE, SIGN_ITEM, act(at, imported=imported), KEEPER, number="20221214-0001", report=FAMILY, catalogue="2026-1",
        urgency=urgency, place=HERE, source=Source.GRID, area="220204", street=None, division=None, drill=False,
    )  # fmt: skip


# Responses.


def called(
    at: str = "13:00", urgency: Urgency = Urgency.GENERAL, kind: WhistleKind = WhistleKind.ENFORCEMENT,
    appointed: str | None = None, limit: Limit | None = FIVE_DAYS,
) -> Callable[[], Response]:  # fmt: skip
    return lambda: disposal.dispatch(
        RESPONSE, act(at), KEEPER, item_limit=limit, appointed_at=local(appointed) if appointed else None,
        whistle=WHISTLE, department=BUREAU, part=Part.LEAD, kind=kind, urgency=urgency, item=SIGN_ITEM.code,
        street=None, place=HERE, drill=False,
    )  # fmt: skip


def set_to_work(at: str = "13:00") -> Callable[[], Response]:
    """The street's own team handles the case directly."""
    return lambda: disposal.dispatch(
        RESPONSE, act(at), KEEPER, item_limit=FIVE_DAYS, whistle=None, department="220204001-T", part=Part.LEAD,
        kind=None, urgency=Urgency.GENERAL, item=SIGN_ITEM.code, street="220204001", place=HERE, drill=False,
    )  # fmt: skip


def signed(at: str = "13:20") -> ResponseStep:
    return lambda response: arrival.sign(response, act(at, "liaison"), KEEPER)


def checked_in(at: str = "14:20", place: Place | None = HERE, device: str | None = None) -> ResponseStep:
    device_at: datetime | None = local(device) if device else None
    return lambda response: arrival.check_in(
        response, (officer("执法人员一"),), place, device_at, act(at, "liaison"), KEEPER
    )


def confirmed(at: str, given_time: str | None = None) -> ResponseStep:
    moment = local(given_time) if given_time else None
    return lambda response: arrival.confirm(response, moment, act(at, "street"), KEEPER)


def corrected(at: str, to: str) -> ResponseStep:
    return lambda response: arrival.correct(response, local(to), "记录有误", act(at, "street"), KEEPER)


def completed(at: str = "15:40", by: str = "liaison") -> ResponseStep:
    return lambda response: disposal.complete(response, "已更换", ("photo",), act(at, by), KEEPER)


def passed(at: str = "16:00", by: str = "street") -> ResponseStep:
    return lambda response: disposal.pass_verification(response, act(at, by), KEEPER)


def failed(at: str = "16:00", by: str = "street") -> ResponseStep:
    return lambda response: disposal.fail_verification(response, "未整改到位", act(at, by), KEEPER)


def extension_asked(at: str, until: str) -> ResponseStep:
    return lambda response: disposal.request_extension(response, local(until), "等待材料", act(at, "liaison"), KEEPER)


def extension_granted(at: str, by: str = "ruler") -> ResponseStep:
    return lambda response: disposal.grant_extension(response, act(at, by), KEEPER)


def return_asked(at: str = "13:30") -> ResponseStep:
    return lambda response: returns.request(response, "非本单位法定职责", act(at, "liaison"), KEEPER)


def return_denied(at: str = "13:50") -> ResponseStep:
    return lambda response: returns.deny(response, act(at))


def fired(at: str) -> ResponseStep:
    return lambda response: dunning.fire(response, act(at, "timer"), KEEPER)


def paused(at: str) -> ResponseStep:
    return lambda response: disposal.pause(response, act(at))


def resumed(at: str) -> ResponseStep:
    return lambda response: disposal.resume(response, act(at), KEEPER)


def reopened(at: str) -> ResponseStep:
    return lambda response: disposal.reopen(response, FIVE_DAYS, act(at), KEEPER)


ARRIVED = (signed(), checked_in())
COMPLETED = (*ARRIVED, completed())
VERIFIED = (*COMPLETED, passed())
EVERY_CLOCK = (Stage.SIGNATURE, Stage.ARRIVAL, Stage.DISPOSAL)
