"""What the made-up city is like: tables of shares and delays, and nothing else.

Nothing here is a rule of the trade; those lie in the policy. All figures are our defaults. They are shaped so that a
case has some 12 to 15 events, as Beijing's hotline 12345 has (257 million events on 21.4 million cases a year), and so
that the day has the two peaks that hotlines report, late in the morning and early in the afternoon. The New York
sample in data/ covers one night only: the share of what comes online and by telephone is taken from it (418 and 186
online, 349 by telephone, of 1,000), the course of the day cannot be.
"""

from collections.abc import Mapping
from typing import NamedTuple

from desk.actors import Role

HOURS: tuple[float, ...] = (
    1.0, 0.6, 0.4, 0.3, 0.4, 0.9, 1.8, 3.4, 6.4, 9.6, 10.2, 7.8, 4.6, 5.0, 9.0, 8.8, 8.0, 5.8, 4.2, 3.8, 3.4, 2.6, 1.8,
    1.2,
)  # fmt: skip
"""Reports by the hour of a working day, local time; only the proportions count."""

WEEKEND_HOURS: tuple[float, ...] = (
    1.3, 0.9, 0.6, 0.4, 0.4, 0.8, 1.5, 2.8, 5.0, 7.0, 7.6, 6.6, 5.0, 5.0, 6.4, 6.6, 6.4, 6.0, 5.6, 5.4, 5.0, 3.8, 2.6,
    1.8,
)  # fmt: skip
"""The same for Saturdays and Sundays: a later and flatter day."""

WEEKDAYS: tuple[float, ...] = (1.15, 1.08, 1.04, 1.02, 1.0, 0.62, 0.54)
"""Reports by day, from Monday on; only the proportions count."""


class District(NamedTuple):
    """How much of the traffic a district has, and roughly where its middle lies (WGS-84; a scheme, no survey)."""

    share: float
    lat: float
    lon: float


DISTRICTS: Mapping[str, District] = {
    "220204": District(20, 43.834, 126.541),
    "220202": District(17, 43.882, 126.575),
    "220203": District(13, 43.910, 126.562),
    "220211": District(13, 43.821, 126.562),
    "220271": District(3, 44.010, 126.480),
    "220272": District(5, 43.805, 126.530),
    "220273": District(1, 43.720, 126.300),
    "220221": District(7, 43.673, 126.498),
    "220281": District(6, 43.724, 127.345),
    "220282": District(6, 42.972, 126.746),
    "220283": District(5, 44.406, 126.966),
    "220284": District(4, 42.946, 126.061),
}
"""District → its part in the traffic. Within one, the n-th street has a share like 1/n of the first."""

SPREAD_DEGREES = 0.012
"""How far matters lie from a district's middle, one standard deviation."""


class Origin(NamedTuple):
    """Who brings a report in, how, and how often."""

    share: float
    source: str
    role: Role
    named: bool
    """Whether the reporter is a citizen whose identity goes to the vault."""


ORIGINS: tuple[Origin, ...] = (
    Origin(36, "grid", Role.GRID_WORKER, named=False),
    Origin(16, "hotline", Role.COMMAND_OFFICER, named=True),
    Origin(19, "hotline", Role.STREET_OFFICER, named=True),
    Origin(9, "rider", Role.MOBILE_GRID_WORKER, named=False),
    Origin(14, "open311", Role.COMMAND_OFFICER, named=False),
    Origin(6, "superior_order", Role.COMMAND_OFFICER, named=False),
)

COURSES: Mapping[str, float] = {
    "whistled": 39, "direct": 33, "on_spot": 19, "rejected": 6, "withdrawn": 1, "cancelled": 1, "phoned": 1.5,
}  # fmt: skip
"""How a matter goes, at large."""

FOR_EACH_OTHER: Mapping[str, float] = {
    "late_triage": 0.03, "site_check": 0.04, "twin": 0.09, "draft": 0.15, "appointment": 0.06, "pushed": 0.15,
    "key_work": 0.03, "joint_in_list": 0.04, "late_routing": 0.03, "urged": 0.02, "supervised": 0.005,
    "suspended": 0.02, "resumed_early": 0.4, "added": 0.01, "late_verification": 0.04, "no_rating": 0.10,
    "no_street_part": 0.25, "blamed": 0.05, "reopened": 0.012, "commended": 0.25, "criticised": 0.6,
    "interview_confirmed": 0.7, "interview_held": 0.7, "interview_rectified": 0.7, "second_twin": 0.2,
    "enforced": 0.08, "assigned": 0.08, "scene_released": 0.2, "left_early": 0.02, "no_position": 0.04,
    "street_late": 0.05, "progress": 0.1, "upheld": 0.4, "photographed": 0.5, "no_more_time": 0.2, "item_named": 0.4,
    "same_officer": 0.5,
}  # fmt: skip
"""How often each of these happens where it can."""

SATISFACTION: Mapping[str, float] = {"satisfied": 72, "fairly": 14, "not": 7, "unreachable": 7}


class Matter(NamedTuple):
    """An item of the catalogue: how often it comes, whose it is, who joins in, and how urgent it is judged."""

    item: str
    share: float
    leads: tuple[str, ...]
    joins: tuple[str, ...]
    urgent: float
    said: tuple[str, ...]


MATTERS: tuple[Matter, ...] = (
    Matter("占道经营", 17, ("220204-cgdd", "2202-cgj"), ("2202-gaj", "2202-scjg"), 0.0,
           ("流动摊贩占用人行道经营", "夜市摊位占道，行人绕行")),
    Matter("店外经营", 13, ("220204-cgdd", "2202-cgj"), ("2202-scjg",), 0.0,
           ("店铺将货物摆放店外", "早餐店桌椅摆到盲道上")),
    Matter("牌匾标识内容错误", 4, ("2202-scjg",), ("220204-bjlpcs", "2202-cgj"), 0.0, ("饭店牌匾标识内容有误",)),
    Matter("违规牌匾标识", 7, ("2202-cgj", "220204-cgdd"), ("2202-scjg",), 0.0,
           ("楼顶违规设置牌匾", "牌匾破损有坠落风险")),
    Matter("临街单位擅自搭建电源线", 6, ("2202-cgj", "2202-xfjy"), ("2202-xfjy", "2202-gaj"), 0.15,
           ("临街商铺私拉电源线", "楼道内飞线充电")),
    Matter("擅自架设管线", 5, ("2202-zjj",), ("2202-zrzy",), 0.0, ("小区外墙擅自架设管线",)),
    Matter("私搭乱建（在建）", 4, ("2202-zrzy", "2202-cgj"), ("2202-gaj",), 0.05, ("楼顶正在加盖彩钢房",)),
    Matter("私搭乱建（存量）", 3, ("2202-zrzy", "2202-cgj"), ("2202-zjj", "2202-gaj"), 0.0, ("院内存量违建仓房",)),
    Matter("非法小广告", 10, ("2202-cgj",), ("2202-gaj",), 0.0, ("楼道内张贴小广告", "电线杆上喷涂办证电话")),
    Matter("井盖缺失", 6, ("2202-zjj", "2202-jtys"), ("2202-gaj",), 0.6, ("路面井盖缺失", "井盖破损，有车辆颠簸")),
    Matter("噪声扰民", 12, ("2202-sthj", "2202-gaj"), ("2202-scjg", "2202-gaj"), 0.05,
           ("工地夜间施工噪声扰民", "烧烤店夜间音响声音大")),
    Matter("污水外溢", 7, ("2202-zjj", "2202-sthj"), ("2202-wjw", "2202-sthj"), 0.3, ("小区下水井堵塞污水外溢",)),
    Matter("暴露垃圾", 6, ("2202-cgj",), ("2202-wjw",), 0.0, ("绿化带内暴露垃圾未清运",)),
)  # fmt: skip

DIRECT: tuple[str, ...] = ("占道经营", "店外经营")
"""What is in every street's own list."""

PHONED: tuple[str, ...] = ("井盖缺失", "污水外溢", "临街单位擅自搭建电源线")
"""What may be an emergency."""

DEPARTMENTS_CALLED: tuple[float, ...] = (73, 21, 6)
"""How often a whistle calls one, two or three departments."""


class Habit(NamedTuple):
    """How a department behaves: the share of calls in which it does each of these."""

    signs_late: float = 0.04
    arrives_late: float = 0.04
    never_comes: float = 0.003
    disposes_late: float = 0.05
    never_disposes: float = 0.006
    returns: float = 0.02
    asks_for_time: float = 0.05
    reworked: float = 0.06
    objects: float = 0.12
    asks_for_review: float = 0.5


HABITS: Mapping[str, Habit] = {
    "2202-scjg": Habit(signs_late=0.02, arrives_late=0.02, disposes_late=0.03, reworked=0.03),
    "2202-sthj": Habit(arrives_late=0.07, disposes_late=0.08, returns=0.05, asks_for_time=0.09),
    "2202-zjj": Habit(signs_late=0.08, arrives_late=0.06, never_comes=0.006, disposes_late=0.11, asks_for_time=0.12),
    "2202-zrzy": Habit(signs_late=0.07, disposes_late=0.12, never_disposes=0.015, returns=0.06, objects=0.25),
    "2202-gaj": Habit(signs_late=0.05, arrives_late=0.05, disposes_late=0.02, reworked=0.02),
    "2202-xfjy": Habit(signs_late=0.01, arrives_late=0.01, disposes_late=0.02, reworked=0.02),
    "2202-jtys": Habit(arrives_late=0.08, disposes_late=0.07),
    "2202-wjw": Habit(signs_late=0.06, never_comes=0.008, returns=0.05),
    "2202-cgj": Habit(arrives_late=0.03, disposes_late=0.04, reworked=0.10),
    "220204-cgdd": Habit(signs_late=0.02, arrives_late=0.02, disposes_late=0.04, reworked=0.09),
    "220204-bjlpcs": Habit(signs_late=0.06, arrives_late=0.07),
}
"""Department → its habits."""

LATE_TEAMS = 0.07
"""How often a street's own team is late."""

RULINGS: Mapping[str, float] = {"upheld": 45, "denied": 40, "referred": 15}
"""How a return that is asked for is ruled on."""

REFERRED: Mapping[str, float] = {"upheld": 50, "denied": 50}
"""How supervision rules on one that was referred to it."""

PEOPLE: Mapping[Role, int] = {
    Role.GRID_WORKER: 5, Role.MOBILE_GRID_WORKER: 3, Role.STREET_OFFICER: 3, Role.STREET_LEADER: 2,
    Role.COMMAND_OFFICER: 20, Role.DEPARTMENT_LIAISON: 4, Role.DEPARTMENT_HEAD: 1, Role.SPECIALIST: 4,
    Role.SUPERVISION: 4, Role.ORGANISATION_DEPT: 2,
}  # fmt: skip
"""How many people hold a role in one organisation."""

COMMAND, SUPERVISION, ORGANISATION = "2202-zhzx", "2202-sfj", "2202-zzb"
"""The city's command centre, supervision office and organisation department."""

OFFICERS: tuple[str, str] = ("执法人员一", "执法人员二")
"""The two certified officers that every department has on the register."""

Range = tuple[float, float]

MINUTES: Mapping[str, Range] = {
    "triage": (3, 85), "late_triage": (125, 400), "check": (20, 100), "spot": (10, 90), "reject": (10, 100),
    "withdraw": (4, 40), "route": (4, 85), "late_route": (125, 300), "draft": (3, 40),
    "sign": (3, 50), "late_sign": (62, 115), "arrive": (15, 60), "late_arrive": (125, 420),
    "return": (15, 150), "rule": (20, 220), "refer": (120, 1400), "enforce": (5, 25), "release": (5, 30),
    "confirm": (5, 60), "late_complete": (20, 2200), "verify": (8, 190), "late_verify": (245, 700),
    "rework": (30, 360), "ask": (5, 60), "grant": (10, 200), "close": (4, 80), "rate": (20, 1100),
    "evaluate": (30, 1300), "object": (60, 1100), "reply": (60, 800), "review": (30, 1000), "decide": (200, 2000),
    "commend": (60, 1400), "interview": (20, 220), "hold": (120, 400), "rectify": (20, 200), "default": (60, 900),
    "reopen": (400, 3500), "urge": (10, 60), "team": (15, 100), "late_team": (125, 400), "twin": (5, 240),
    "cancel": (10, 30), "add": (5, 20),
}  # fmt: skip
"""How long each deed takes, in minutes of working time: at least, at most."""

URGENT_MINUTES: Mapping[str, Range] = {
    "sign": (2, 22), "late_sign": (32, 50), "arrive": (6, 25), "late_arrive": (65, 150), "verify": (4, 26),
    "late_verify": (32, 90), "rework": (10, 40), "late_complete": (10, 300), "default": (60, 300), "confirm": (3, 15),
    "enforce": (1, 4), "release": (2, 10), "triage": (2, 25), "route": (1, 13), "urge": (2, 6), "close": (4, 60),
}  # fmt: skip
"""The same for what is urgent, around the clock; what is not named here keeps office hours."""

EMERGENCY_MINUTES: Mapping[str, Range] = {
    "sign": (1, 8), "late_sign": (11, 14), "arrive": (3, 14), "late_arrive": (31, 70), "late_complete": (5, 90),
    "confirm": (1, 6),
}  # fmt: skip
"""The same for emergencies, before the table of what is urgent is asked."""

TEXTS: Mapping[str, tuple[str, ...]] = {
    "reject": ("不属于受理范围", "无法核实位置"),
    "reply": ("已告知诉求人向有关部门反映",),
    "rework": ("现场仍有遗留问题", "照片与现场不符"),
    "joint": ("需多部门联合处置",),
    "done": ("已现场整改完毕", "已清理，恢复原状", "已责令当事人整改，复查合格"),
    "basis": ("不属于本部门法定职责",),
    "time": ("需协调产权单位", "材料采购需要时间"),
    "suspend": ("冬季无法施工，待开工", "涉及诉讼，待判决"),
    "object": ("到场时间记录有误", "延误由道路封闭造成"),
    "answer": ("经核对记录，维持评价", "情况属实，请司法局复核"),
    "interview": ("已约谈主要负责人，限期整改",),
    "rectify": ("已制定整改措施并落实",),
    "reopen": ("同一问题再次出现",),
    "cancel": ("重复录入",),
    "action": ("现场检查并制作笔录", "责令停止违法行为"),
    "finding": ("现场属实",),
    "addresses": ("解放大路", "吉林大街", "北京路", "光华路", "松江路", "桃源路", "南京街", "重庆路"),
}
"""What people write."""
