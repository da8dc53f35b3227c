"""Commands on reports: submit, check, settle, merge, file."""

from uuid import UUID, uuid5

from desk.actors import STREET_ROLES, Role
from desk.arguments import (
    Citizen,
    ConfirmSiteCheck,
    FileCase,
    HandleOnSpot,
    MergeReport,
    Nothing,
    RejectReport,
    SubmitReport,
    Unmask,
)
from desk.handlers import Handler, Handlers, no_guard
from desk.unit import Unit
from domain.dispatch.case import UNDER_WAY, Case
from domain.dispatch.report import Report
from domain.errors import Invalid, Unknown, WrongState
from domain.kernel import Kind, case_of, child, kind_of
from domain.policy.catalogue import Item
from domain.registry.organisations import covers

CITIZENS = UUID("0f0c8a52-6f0a-5d1f-9a53-3f7f1a6a2b01")
"""The namespace of citizens' ids, each derived from the command that named them, so that a retry names the same one."""


def submit(unit: Unit, target: None, given: SubmitReport) -> None:
    """上报."""
    make_report(unit, given)


def make_report(unit: Unit, given: SubmitReport, *, backfilled: bool = False) -> Report:
    """Open a report in the reporter's jurisdiction; a photo is needed where the item demands one."""
    item = find_item(unit, given.item) if given.item else None
    if item is not None and item.photo_required and not given.photos:
        raise Invalid(f"{item.name} is reported with a photo.", item=item.code)
    check_photos(unit, given.photos)
    area = unit.organisation.division
    street = area if unit.actor.role in (*STREET_ROLES, Role.MOBILE_GRID_WORKER) and unit.city.has(area) else None
    if given.division is not None and not covers(area, given.division):
        raise Invalid(f"Division {given.division} lies outside {unit.organisation.name}.", division=given.division)
    report = Report.submit(
        unit.world.family(unit.act),
        unit.act,
        unit.keeper(),
        source=given.source,
        description=given.description,
        place=given.place,
        item=item.code if item else None,
        photos=given.photos,
        reporter=citizen(unit, given.reporter, "reporter") if given.reporter else None,
        drill=given.drill,
        area=area,
        street=street,
        division=given.division,
        backfilled=backfilled,
    )
    unit.ids["report"] = report.id
    return unit.begin(report)


def citizen(unit: Unit, named: Citizen, part: str) -> UUID:
    """Keep a citizen's identity in the vault, and answer the id that events may carry."""
    person = uuid5(CITIZENS, f"{unit.act.meta.command_id}/{part}")
    if unit.world.vault is not None:
        unit.world.vault.register(person, named.name, named.phone)
    return person


def find_item(unit: Unit, name: str) -> Item:
    """An item of the catalogue in force, by name or code."""
    return unit.world.rules.catalogue(unit.act.at).item(name)


def check_photos(unit: Unit, photos: tuple[str, ...]) -> None:
    """Refuse photos that were never uploaded, where there is a place to upload them."""
    if unit.world.photos is not None:
        for photo in photos:
            if not unit.world.photos.exists(photo):
                raise Unknown(f"No photo {photo!r} was uploaded; upload it first and name its hash.", photo=photo)


def request_check(unit: Unit, report: Report, given: Nothing) -> None:
    """核实."""
    report.request_check(unit.act)


def confirm_check(unit: Unit, report: Report, given: ConfirmSiteCheck) -> None:
    """核实反馈."""
    report.confirm_check(given.finding, unit.act, unit.keeper())


def reject(unit: Unit, report: Report, given: RejectReport) -> None:
    """不予受理."""
    report.reject(given.reason, given.reply, unit.act)


def withdraw(unit: Unit, report: Report, given: Nothing) -> None:
    """撤回."""
    report.withdraw(unit.act)


def handle_on_spot(unit: Unit, report: Report, given: HandleOnSpot) -> None:
    """自行处置."""
    check_photos(unit, (given.before, given.after))
    report.handle_on_spot(given.before, given.after, unit.act)


def merge(unit: Unit, report: Report, given: MergeReport) -> None:
    """合并 into a master, named by its report or its case."""
    try:
        named = UUID(given.into)
    except ValueError:
        raise Unknown(f"There is no report or case {given.into!r}.", into=given.into) from None
    if kind_of(named) not in (Kind.REPORT, Kind.CASE):
        raise Unknown(f"{given.into} is neither a report nor a case.", into=given.into)
    master = unit.need(Report, child(named, Kind.REPORT))
    case = unit.find(Case, case_of(named))
    if kind_of(named) == Kind.CASE and case is None:
        raise Unknown(f"There is no case {given.into}.", into=given.into)
    if case is not None and case.way not in UNDER_WAY:
        raise WrongState(f"The master case {case.number} is {case.state.value}.", case=str(case.id))
    report.merge(master, case.item if case is not None else master.item, unit.act, unit.keeper())


def unmerge(unit: Unit, report: Report, given: Nothing) -> None:
    """撤销合并."""
    assert report.into is not None
    master = unit.need(Report, report.into)
    case = unit.find(Case, case_of(master.id))
    if case is not None and case.way not in UNDER_WAY:
        raise WrongState(f"The master case {case.number} is {case.state.value}.", case=str(case.id))
    report.unmerge(master, unit.act, unit.keeper())


def file(unit: Unit, report: Report, given: FileCase) -> None:
    """立案."""
    make_case(unit, report, given.item, given.urgency)


def make_case(unit: Unit, report: Report, item_name: str, urgency: str, *, backfilled: bool = False) -> Case:
    """File a case from a report: item, limit and catalogue version are frozen, and the number is drawn."""
    item = find_item(unit, item_name)
    case_id = case_of(report.id)
    report.file(case_id, unit.act)
    case = Case.file(
        case_id,
        item,
        unit.act,
        unit.keeper(),
        number=draw_number(unit, report.street or report.area),
        report=report.id,
        catalogue=unit.world.rules.catalogue(unit.act.at).version,
        urgency=urgency,
        place=report.place,
        source=report.source,
        area=report.area,
        street=report.street,
        division=report.division,
        drill=report.drill,
        backfilled=backfilled,
        external=report.external,
    )
    unit.ids["case"] = case.id
    return unit.begin(case)


def draw_number(unit: Unit, division: str) -> str:
    """The next case number of a district and day, such as 船营221214-003: short enough to say aloud.

    It is drawn when the command is decided and taken when it is saved; whoever loses to another process draws again.
    """
    district = unit.city.district_of(division)
    day = unit.keeper().calendar_day(unit.act.at)
    name = f"{district}/{day.isoformat()}"
    drawn = unit.draw(name)
    return f"{unit.city.short_name(district)}{day:%y%m%d}-{drawn + 1:03d}"


def unmask(unit: Unit, report: Report, given: Unmask) -> None:
    """解密: once the record of it is stored, the caller may read the identity of the person named."""
    unit.ids["person"] = report.unmask(given.reason, unit.act)


def erase(unit: Unit, report: Report, given: Unmask) -> None:
    """删除: the key is destroyed once the record of it is stored."""
    unit.ids["person"] = report.erase(unit.act)


HANDLERS: Handlers = {
    "submit_report": Handler(no_guard, submit),
    "request_site_check": Handler(lambda unit, report: report.may_request_check(), request_check),
    "confirm_site_check": Handler(lambda unit, report: report.may_confirm_check(), confirm_check),
    "reject_report": Handler(lambda unit, report: report.may_be_rejected(), reject),
    "merge_report": Handler(lambda unit, report: report.may_be_merged(), merge),
    "unmerge_report": Handler(lambda unit, report: report.may_unmerge(), unmerge),
    "withdraw_report": Handler(lambda unit, report: report.may_withdraw(unit.act), withdraw),
    "handle_on_spot": Handler(lambda unit, report: report.may_be_handled(), handle_on_spot),
    "file_case": Handler(lambda unit, report: report.may_be_filed(), file),
    "unmask_reporter": Handler(lambda unit, report: report.may_unmask(), unmask),
    "erase_reporter": Handler(lambda unit, report: report.may_unmask(), erase),
}
