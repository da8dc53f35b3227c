"""Random commands: mostly sound, sometimes not."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any, TypeVar

from tests.model import consequences
from tests.model.deed import DEPARTMENTS
from tests.model.model import Model
from tests.model.rules_reports import ITEMS, PHOTO_ITEM
from tests.model.rules_responses import OFFICERS, UNCERTIFIED
from tests.model.things import Case, Report, Response, Thing, Whistle

T = TypeVar("T")
HERE = (43.85, 126.56)
URGENCIES = ("general", "general", "urgent", "emergency")
NAMES = (*DEPARTMENTS, "unknown department", "220204001")


class Maker:
    """Draws the arguments of commands. Where `wild`, they may be wrong in themselves."""

    def __init__(self, chance: Random, model: Model, at: datetime, *, wild: bool) -> None:
        self.chance, self.model, self.at, self.wild = chance, model, at, wild

    def one(self, options: Sequence[T], *more: T) -> T:
        """One of some options, and, where wild, of some more that are wrong."""
        return self.chance.choice([*options, *(more if self.wild else ())])

    def some(self, options: Sequence[str], *more: str) -> list[str]:
        return self.chance.choices([*options, *(more if self.wild else ())], k=self.chance.randrange(4))

    def after(self, *steps: timedelta) -> datetime:
        return self.at + self.one(steps, timedelta(), timedelta(hours=-1))

    def given(self, name: str, on: Thing | None) -> dict[str, Any]:
        """Arguments for a command on a thing."""
        make = getattr(self, f"_{name}", None)
        if make is not None:
            arguments: dict[str, Any] = make(on)
            return arguments
        return dict(PLAIN.get(name, {}))

    def _place(self, metres: float = 0.0) -> dict[str, float]:
        return {"lat": HERE[0] + metres / 111_195, "lon": HERE[1]}

    def _whistle(self, case: Case | None) -> dict[str, Any]:
        codes = self.chance.sample(DEPARTMENTS[:3], self.chance.choice((1, 1, 2, 2, 3)))
        if self.wild and self.chance.random() < 0.3:
            codes = [*codes, self.one(NAMES)]
        if case is not None and case.item == "占道经营" and len(codes) == 1:
            codes = [*codes, DEPARTMENTS[0] if codes[0] != DEPARTMENTS[0] else DEPARTMENTS[1]]
        return {"lead": codes[0], "support": codes[1:], "reason": "联合执法"}

    def _submit_report(self, on: None) -> dict[str, Any]:
        found: dict[str, Any] = {"source": "grid", "description": "占道", "place": self._place(self.one([0, 40, 300]))}
        item = self.one([None, *ITEMS], PHOTO_ITEM, "没有的事项")
        if item is not None:
            found["item"] = item
        if self.one([False, True]):
            found["reporter"] = {"name": "来电群众"}
        return found

    def _phone_whistle(self, on: None) -> dict[str, Any]:
        found = {**self._submit_report(on), **self._whistle(Case(item="占道经营"))}
        found["item"] = self.one([*ITEMS])
        if self.one([False, True]):
            found["phoned_at"] = self.at - self.one([timedelta(hours=1)], timedelta(hours=3), timedelta(hours=-1))
        return found

    def _merge_report(self, report: Report) -> dict[str, Any]:
        masters = [each for each in self.model.reports if each is not report or self.wild]
        near = [
            each for each in masters if each.open and abs(each.lat - report.lat) < 1e-4 and each.item == report.item
        ]
        masters = masters if self.wild else near or masters
        if not masters:
            return {"into": "nothing", "_master": None}
        master = self.one(masters)
        named = self.one([master, master.case or master])
        return {"into": str(named.id), "_master": master}

    def _file_case(self, report: Report) -> dict[str, Any]:
        return {"item": report.item or self.one([*ITEMS], "没有的事项"), "urgency": self.one(URGENCIES)}

    def _route_direct(self, case: Case) -> dict[str, Any]:
        return self.one([{}, {"children": 3}])

    def _correct_case(self, case: Case) -> dict[str, Any]:
        changed = self.one([{"item": self.one([*ITEMS], "没有的事项")}, {"urgency": self.one(URGENCIES)}], {})
        return {"reason": "更正", **changed}

    def _report_progress(self, case: Case) -> dict[str, Any]:
        return {"done": self.one([case.progress, 3], 0, 9), "of": self.one([case.children or 3], 4)}

    def _draft_whistle(self, case: Case) -> dict[str, Any]:
        return {**self._whistle(case), "kind": self.one(["enforcement", "key_work"])}

    def _blow_whistle(self, case: Case) -> dict[str, Any]:
        kind = self.one(["enforcement", "enforcement", "key_work", "escalated"], "emergency")
        found = {**self._whistle(case), "kind": kind}
        fitting = kind == "enforcement" and case.urgency != "emergency"
        if (fitting or self.wild) and self.chance.random() < 0.5:
            found["appointed_at"] = self.after(timedelta(hours=3), timedelta(days=1))
        if self.wild:
            for part in self.one([(), ("reason",), ("lead",), ("kind", "lead", "support")]):
                found.pop(part, None)
            if "kind" not in found and not case.draft:
                found["kind"] = "enforcement"
        return found

    def _push_case(self, case: Case) -> dict[str, Any]:
        return self._whistle(case)

    def _escalate_whistle(self, whistle: Whistle) -> dict[str, Any]:
        return self._whistle(None)

    def _order_rectification(self, case: Case) -> dict[str, Any]:
        return {"party": "某商户", "comply_by": self.after(timedelta(hours=2), timedelta(days=2))}

    def _suspend_case(self, case: Case) -> dict[str, Any]:
        steps = (timedelta(hours=2), timedelta(days=1), timedelta(days=9))
        return {"reason": "诉讼", "resume_at": self.one([self.after(*steps)], self.at + timedelta(days=400))}

    def _list_case(self, case: Case) -> dict[str, Any]:
        return {"limit_at": self.after(timedelta(days=1), timedelta(days=5))}

    def _rate(self, case: Case) -> dict[str, Any]:
        return {"satisfaction": self.one(["satisfied", "fairly", "not", "unreachable"])}

    def _add_department(self, whistle: Whistle) -> dict[str, Any]:
        free = [each for each in DEPARTMENTS if whistle.latest(each) is None]
        return {"department": self.one(free or DEPARTMENTS, *NAMES)}

    def _change_lead(self, whistle: Whistle) -> dict[str, Any]:
        others = [each.department for each in whistle.responses if each.open and not each.lead]
        return {"department": self.one(others or DEPARTMENTS, *NAMES)}

    def _move_appointment(self, whistle: Whistle) -> dict[str, Any]:
        return {"to": self.after(timedelta(hours=1), timedelta(days=2))}

    def _uphold_return(self, response: Response) -> dict[str, Any]:
        free = [each for each in DEPARTMENTS if response.whistle is None or response.whistle.latest(each) is None]
        return {"replacement": self.one(free or DEPARTMENTS, *NAMES)}

    def _assign_officers(self, response: Response) -> dict[str, Any]:
        return {"officers": self.one([sorted(OFFICERS)], [UNCERTIFIED], ["查无此人"])}

    def _check_in(self, response: Response) -> dict[str, Any]:
        assert response.case is not None
        assert response.case.report is not None
        place = {"lat": response.case.report.lat + self.one([0.0], 0.01), "lon": HERE[1]}
        found: dict[str, Any] = {} if response.direct else {"officers": self.one([[], sorted(OFFICERS)], ["查无此人"])}
        if self.one([True, True, False]):
            found["place"] = place
        if self.one([True, False, False]):
            found["device_at"] = max(self.at - timedelta(hours=1), response.at or self.at)
        if self.wild and self.chance.random() < 0.5:
            found["device_at"] = self.at + timedelta(minutes=1)
        return found

    def _confirm_arrival(self, response: Response) -> dict[str, Any]:
        return self.one([{}, {"at": self._there(response)}])

    def _correct_arrival(self, response: Response) -> dict[str, Any]:
        return {"at": self._there(response), "reason": "误记"}

    def _there(self, response: Response) -> datetime:
        """When somebody was there, as said afterwards: at the dispatch, at the very due time, or now."""
        assert response.at is not None
        watch = response.watches.get("arrival")
        due = min(watch.due, self.at) if watch is not None and watch.due is not None else self.at
        return self.one([response.at, due, self.at], self.at + timedelta(hours=1), response.at - timedelta(hours=1))

    def _record_enforcement(self, response: Response) -> dict[str, Any]:
        officers = self.one([sorted(OFFICERS)], [UNCERTIFIED, *sorted(OFFICERS)], sorted(OFFICERS)[:1], ["查无此人"])
        reviewed = response.case is not None and response.case.reviewer is not None
        action = self.one(["拆除" if reviewed else "警告"], "强制拆除")
        return {"action": action, "officers": officers, "certificates_shown": True, "recorded": True}

    def _request_extension(self, response: Response) -> dict[str, Any]:
        due = response.watches["disposal"].due or self.at
        near, far = due + timedelta(minutes=1), due + timedelta(hours=5)
        return {"until": self.one([near, near, far], due, due + timedelta(days=90)), "reason": "天气"}

    def _evaluate(self, response: Response) -> dict[str, Any]:
        return {
            "conduct": self.one([[], self.some([*consequences.CONDUCT], "没有的条目")]),
            "cooperation": self.one([[], self.some([*consequences.COOPERATION])]),
            "vetoes": self.one([[], [], self.some([*consequences.VETOES])]),
        }

    def _decide_review(self, response: Response) -> dict[str, Any]:
        names = ("arrival", "disposal", "signature", "failed_verification", "reopened", "falsified", "document_error")
        upheld = self.one([True, False])
        return {"upheld": upheld, "exempt": self.some(names, "没有的条目") if upheld or self.wild else []}


PLAIN: dict[str, dict[str, Any]] = {
    "reject_report": {"reason": "不属实", "reply": "已答复"},
    "handle_on_spot": {"before": "a", "after": "b"},
    "unmask_reporter": {"reason": "回访"},
    "erase_reporter": {"reason": "本人要求"},
    "reopen_case": {"reason": "复发"},
    "cancel_case": {"reason": "误立"},
    "withdraw_whistle": {"reason": "误吹"},
    "request_return": {"basis": "职责依据"},
    "fail_verification": {"reason": "不彻底"},
    "complete": {"result": "已清理"},
    "object": {"reason": "不服"},
    "reply_objection": {"text": "维持"},
    "hold_interview": {"minutes": "已约谈"},
    "rectify": {"evidence": "已整改"},
}
"""Commands whose arguments cannot be wrong in a way that matters here; those not named take none."""
