"""Walking a list: each page shows what it must, in order, once, whatever is asked; and no page reads it all."""

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, true
from sqlalchemy.exc import StatementError

from api import keeping, listing, scopes, walking
from api.listing import page
from api.routes.lists import LISTS
from api.scopes import by_name, in_scope
from api.searching import search
from api.walking import Question, legs
from domain.registry.organisations import City
from projections.board import BOARD, CONCERNS
from projections.inbox import INBOX
from projections.storage import ViewStore
from projections.tables import Indexed, ViewTable
from projections.times import moment
from shaoxiang.house import migrate_all
from shaoxiang.settings import Settings
from tests.projections.kit import RULES, VIEWS

BOARD_LIST, INBOX_LIST = (next(row.listing for row in LISTS if row.name == name) for name in ("board", "inbox"))
STREETS = ("220202001", "220202002", "220204001")
STATES = ("filed", "whistled", "closed", "cancelled", None)
DEPARTMENTS = ("2202-scjg", "2202-gaj", None)
ROWS = 240
DAY = 86_400_000_000
EVERYTHING = {"all": True}


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ViewStore]:
    """Views of either kind, with a board and an inbox full of matters."""
    if request.param == "sqlite":
        made = ViewStore(tmp_path / "views.db")
    else:
        url = request.getfixturevalue("database")
        migrate_all(Settings.model_validate({"dir": tmp_path, "database": url}))
        made = ViewStore.connect(url)
    made.prepare(VIEWS)
    with made.writing() as db:
        db.execute(insert(BOARD.table), MATTERS)
        db.execute(insert(INBOX.table), RESPONSES)
        db.execute(insert(CONCERNS.table), [{"who": "rider", "case_id": row["id"]} for row in MATTERS[::7]])
    yield made
    made.close()


def _matters() -> list[dict[str, Any]]:
    dice = random.Random(1)
    found = []
    for number in range(ROWS):
        state, street, at = dice.choice(STATES), dice.choice((*STREETS, None)), dice.randrange(40) * DAY
        running = state in {"filed", "whistled"} and dice.random() < 0.7
        blank = dict.fromkeys(BOARD.columns)
        found.append(blank | {
            "id": f"01900000-0000-7000-8000-{number:04x}02000000",
            "number": None if state is None else f"昌邑2606{number % 30 + 1:02d}-{number:03d}",
            "state": state, "report_state": "filed" if state else dice.choice(("reported", "rejected")),
            "reported_at": at, "filed_at": at + DAY if state else None,
            "item": dice.choice(("CG-001", "CG-002", None)), "urgency": dice.choice(("general", "urgent")),
            "area": street or "220202", "street": street, "jurisdiction": street or dice.choice(("220202", "2202")),
            "division": f"{street}001" if street else None, "lead": dice.choice(DEPARTMENTS),
            "due_at": at + dice.randrange(5) * DAY if running else None, "warn_at": at if running else None,
            "suspended": dice.random() < 0.1, "listed": False, "drill": dice.random() < 0.1,
            "departments": "{}", "clocks": "{}",
        })  # fmt: skip
    return found


def _responses() -> list[dict[str, Any]]:
    blank = dict.fromkeys(INBOX.columns)
    return [
        blank | {
            "id": row["id"][:28] + "04000000", "case_id": row["id"], "department": row["lead"], "part": "lead",
            "state": row["state"], "street": row["street"], "jurisdiction": row["jurisdiction"], "drill": row["drill"],
            "dispatched_at": row["reported_at"], "next_due": row["due_at"], "next_warn": row["warn_at"],
            "urgency": row["urgency"], "item": row["item"], "paused": False, "warned": "[]", "clocks": "{}",
        }
        for row in MATTERS if row["lead"]
    ]  # fmt: skip


MATTERS = _matters()
RESPONSES = _responses()


def pages(store: ViewStore, wanted: listing.Listing, **given: Any) -> tuple[list[str], int]:
    """The ids of all pages, and how many pages there were."""
    found: list[str] = []
    cursor, turned = None, 0
    asked: dict[str, Any] = {"scope": EVERYTHING, "filters": {}, "sort": wanted.sorts[0], "limit": 7} | given
    while turned == 0 or cursor is not None:
        with store.reading() as db:
            rows, cursor = page(db, wanted, cursor=cursor, **asked)
        found += [row["id"] for row in rows]
        turned += 1
    return found, turned


def expected(rows: list[dict[str, Any]], sort: str, tails: Any, filters: dict[str, Any]) -> list[str]:
    """The same by the letter: filtered, sorted, and what has no time behind what has."""
    kept = [row for row in rows if all(row[name] == value for name, value in filters.items())]
    found: list[str] = []
    for leg in legs(sort, tails):
        here = [row for row in kept if row[leg.column] is not None and (not leg.missing or row[leg.missing] is None)]
        here.sort(key=lambda row, leg=leg: (row[leg.column], row["id"]), reverse=leg.falling)  # type: ignore[misc]
        found += [row["id"] for row in here]
    return found


FILTERS: tuple[dict[str, Any], ...] = (
    {}, {"state": "closed"}, {"state": "filed"}, {"report_state": "rejected"}, {"item": "CG-001"},
    {"street": STREETS[0]}, {"lead": DEPARTMENTS[0]}, {"suspended": True}, {"drill": False}, {"drill": True},
    {"street": STREETS[1], "state": "cancelled", "urgency": "urgent"}, {"state": "closed", "report_state": "rejected"},
    {"urgency": "urgent"}, {"item": "CG-001", "urgency": "urgent"}, {"item": "CG-001", "urgency": "general"},
    {"item": "CG-002", "lead": DEPARTMENTS[1], "state": "whistled"}, {"number": "昌邑260601-000"},
)  # fmt: skip


@pytest.mark.parametrize(("steps", "few"), [((500,), 5000), ((3, 5), 0), ((4,), 30)])
def test_every_filter_in_every_order_shows_each_row_once_and_in_order(
    store: ViewStore, monkeypatch: pytest.MonkeyPatch, steps: tuple[int, ...], few: int
) -> None:
    monkeypatch.setattr(listing, "STEPS", steps)
    monkeypatch.setattr(walking, "FEW", few)
    for filters, sort in itertools.product(FILTERS, BOARD_LIST.sorts):
        found, _ = pages(store, BOARD_LIST, filters=filters, sort=sort, limit=11)
        assert found == expected(MATTERS, sort, BOARD_LIST.tails, filters), (filters, sort)


def test_the_inbox_is_walked_alike_by_department_and_by_street(store: ViewStore) -> None:
    for department, sort in itertools.product(DEPARTMENTS[:2], INBOX_LIST.sorts):
        found, _ = pages(store, INBOX_LIST, scope={"department": department}, sort=sort)
        assert found == expected(RESPONSES, sort, INBOX_LIST.tails, {"department": department})


@pytest.mark.parametrize("few", [0, 5000])
@pytest.mark.parametrize("sort", BOARD_LIST.sorts)
def test_a_street_sees_its_own_and_what_nobody_took_on_merged_in_one_order(
    store: ViewStore, monkeypatch: pytest.MonkeyPatch, sort: str, few: int
) -> None:
    monkeypatch.setattr(walking, "FEW", few)
    own = [row for row in MATTERS if row["jurisdiction"] in {STREETS[0], "220202", "2202"}]
    found, _ = pages(store, BOARD_LIST, scope={"street_prefix": STREETS[0]}, sort=sort)
    assert found == expected(own, sort, BOARD_LIST.tails, {})


@pytest.mark.parametrize("few", [0, 5000])
def test_a_rider_sees_the_own_reports_be_they_few_or_many(
    store: ViewStore, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(scopes, "FEW", few)
    found, _ = pages(store, BOARD_LIST, scope={"person": "rider"}, sort="-reported_at")
    assert found == expected(MATTERS[::7], "-reported_at", {}, {})


def test_a_statement_is_put_together_once_and_asked_with_the_values_of_each_who_asks(
    store: ViewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeping.forget()
    monkeypatch.setattr(walking, "FEW", 0)

    def all_ask(days: range) -> None:
        for street, state, since in itertools.product(STREETS, STATES[:4], days):
            given = {"state": state, "since": moment(since * DAY), "until": moment((since + 20) * DAY)}
            seen = [row for row in MATTERS if row["jurisdiction"] in {street, street[:6], street[:4]}]
            own = [row for row in seen if since <= row["reported_at"] // DAY <= since + 20]
            scope = {"street_prefix": street}
            found, _ = pages(store, BOARD_LIST, scope=scope, filters=given, sort="-reported_at", limit=5)
            assert found == expected(own, "-reported_at", {}, {"state": state}), (street, given)

    all_ask(range(0, 20, 5))
    before = keeping.how_many()
    all_ask(range(1, 20, 5))
    assert 0 < before == keeping.how_many()


def test_readers_of_every_kind_get_their_own_from_statements_that_others_had_made(store: ViewStore) -> None:
    """Twice, so that the second time every statement is there already, made for somebody else."""
    keeping.forget()
    led = {row["case_id"] for row in RESPONSES if row["department"] == DEPARTMENTS[0]}
    with store.writing() as db:
        db.execute(insert(CONCERNS.table), [{"who": DEPARTMENTS[0], "case_id": case} for case in sorted(led)])
    readers: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        ({"all": True}, lambda _: True),
        ({"street_prefix": "2202"}, lambda _: True),
        *(
            ({"street_prefix": code}, lambda row, code=code: row["jurisdiction"].startswith(code))  # type: ignore[misc]
            for code in ("220202", "220204")
        ),
        *(
            ({"street_prefix": code}, lambda row, code=code: row["jurisdiction"] in {code, code[:6], code[:4]})  # type: ignore[misc]
            for code in STREETS
        ),
        ({"person": "rider"}, lambda row: row in MATTERS[::7]),
        ({"person": "nobody"}, lambda _: False),
        ({"department": DEPARTMENTS[0]}, lambda row: row["id"] in led),
        ({"street_prefix": None}, lambda _: False),
    ]
    filters: list[dict[str, Any]] = [{}, {"drill": True}, {"drill": False}, {"state": "filed", "urgency": "urgent"}]
    for _ in range(2):
        for (scope, sees), asked in itertools.product(readers, filters):
            found, _ = pages(store, BOARD_LIST, scope=scope, filters=asked, sort="-reported_at", limit=40)
            assert found == expected([row for row in MATTERS if sees(row)], "-reported_at", {}, asked), (scope, asked)


def test_a_statement_is_not_asked_without_a_value(store: ViewStore) -> None:
    condition = in_scope(BOARD, {"street_prefix": STREETS[0]}, bind=by_name)
    with store.reading() as db, pytest.raises(StatementError, match="prefix"):
        db.execute(select(BOARD.table.c.id).where(condition), {"larger_4": "2202", "larger_6": "220202"})


def test_a_page_for_which_too_few_match_is_short_and_names_where_to_go_on(
    store: ViewStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "STEPS", (5, 10))
    monkeypatch.setattr(walking, "FEW", 0)
    with store.reading() as db:
        first = page(db, BOARD_LIST, EVERYTHING, {"urgency": "nothing"}, "-reported_at", None, 50)
    assert first.rows == []
    assert first.after is not None
    found, turned = pages(store, BOARD_LIST, filters={"urgency": "nothing"}, sort="-reported_at", limit=50)
    assert (found, turned) == ([], ROWS // 15 + 1)


def test_no_rows_are_counted_twice_for_one_page(store: ViewStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several indexes hold what is whistled; whether that is few rows is asked once."""
    monkeypatch.setattr(walking, "FEW", 1)
    monkeypatch.setattr(listing, "STEPS", (3, ROWS))
    counted: list[str] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT count"):
            counted.append(str((statement, parameters)))

    event.listen(store.engine, "before_cursor_execute", note)
    pages(store, BOARD_LIST, filters={"state": "whistled"}, sort="-reported_at", limit=ROWS)
    assert counted
    assert len(counted) == len(set(counted))


@pytest.mark.parametrize("text", ["\0", "a\0b"])
def test_a_text_that_no_store_can_hold_matches_nothing(store: ViewStore, text: str) -> None:
    assert pages(store, BOARD_LIST, filters={"item": text})[0] == []


@pytest.mark.parametrize("values", ['"x", "y"', "1, 2", '1, "a\\u0000"', '1, "\\ud800"', "null, null", '9e99, "a"'])
def test_a_cursor_with_values_of_another_kind_is_refused(store: ViewStore, values: str) -> None:
    import base64

    from api.problems import ApiProblem

    cursor = base64.urlsafe_b64encode(f'["board_2", "due_at", 0, {values}]'.encode()).decode()
    with store.reading() as db, pytest.raises(ApiProblem):
        page(db, BOARD_LIST, EVERYTHING, {}, "due_at", cursor, 5)


class TestNoPageReadsItAll:
    """What SQLite says of its plans; PostgreSQL's depend on how much there is, and are measured by the bench."""

    @pytest.fixture
    def plans(self, tmp_path: Path) -> Iterator[tuple[ViewStore, list[str]]]:
        store = ViewStore(tmp_path / "views.db")
        said: list[str] = []
        store.prepare(VIEWS)

        def explain(connection: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if statement.startswith(("SELECT", "WITH")):
                rows = connection.connection.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                said.extend(row[3] for row in rows)

        event.listen(store.engine, "before_cursor_execute", explain)
        yield store, said
        store.close()

    @pytest.mark.parametrize("filters", FILTERS)
    @pytest.mark.parametrize("sort", BOARD_LIST.sorts)
    def test_each_filter_and_order_of_the_board_follows_an_index(
        self, plans: tuple[ViewStore, list[str]], filters: dict[str, Any], sort: str
    ) -> None:
        store, said = plans
        with store.reading() as db:
            page(db, BOARD_LIST, {"street_prefix": "2202"}, filters, sort, None, 50)
        whole = [line for line in said if line.startswith(("SCAN board_2", "SCAN inbox_2")) and "INDEX" not in line]
        assert said
        assert whole == []

    @pytest.mark.parametrize("row", LISTS, ids=lambda row: row.name)
    def test_each_order_of_each_list_has_an_index_that_gives_it(self, row: Any) -> None:
        view: ViewTable = row.listing.table
        fixed = {"department": ("2202-scjg",)} if view is INBOX else {}
        question = Question(view, true, fixed, {}, None, lambda _: (), None, {})  # type: ignore[arg-type]
        for sort in row.listing.sorts:
            for leg in legs(sort, row.listing.tails):
                assert walking._index(question, leg) is not None, (row.name, sort)

    def test_what_a_street_has_not_closed_is_found_among_that_alone(self) -> None:
        fixed = {"jurisdiction": ("220204001",), "state": ("whistled",)}
        [leg] = legs("-reported_at", {})

        def index(state: str) -> Indexed | None:
            asked = {"street": "220204001", "state": state}
            question = Question(BOARD, true, fixed, asked, None, lambda _: (), None, {})  # type: ignore[arg-type]
            return walking._index(question, leg)

        assert index("whistled") == next(each for each in BOARD.indexes if each.name == "open")
        assert index("closed") == next(
            each for each in BOARD.indexes if each.columns[0] == "jurisdiction" and not each.where
        )

    def test_what_is_counted_along_an_index_of_its_own_is_not_walked_along_it(self) -> None:
        question = Question(INBOX, true, {}, {}, None, lambda _: (), None, {})  # type: ignore[arg-type]
        [leg] = legs("next_due", {})
        assert walking._index(question, leg) is None


class TestSearch:
    def found(self, store: ViewStore, city: City, text: str) -> set[str]:
        return set(pages(store, BOARD_LIST, search=search(text, city, RULES))[0])

    def test_an_items_name_is_found_by_any_part_of_it(self, store: ViewStore, city: City) -> None:
        wanted = {row["id"] for row in MATTERS if row["item"] == "CG-001"}
        assert self.found(store, city, "占道") == self.found(store, city, "占道经营") == wanted

    def test_a_place_is_found_with_all_that_lies_in_it(self, store: ViewStore, city: City) -> None:
        in_street = {row["id"] for row in MATTERS if row["street"] == STREETS[0]}
        in_district = {row["id"] for row in MATTERS if row["jurisdiction"].startswith("220202")}
        assert self.found(store, city, "兴华街道") == in_street
        assert self.found(store, city, "东厂宅") == in_street
        assert self.found(store, city, "昌邑区") == in_district

    def test_a_number_is_found_with_or_without_its_district_and_from_its_beginning(
        self, store: ViewStore, city: City
    ) -> None:
        one = {row["id"] for row in MATTERS if row["number"] == "昌邑260604-003"}
        day = {row["id"] for row in MATTERS if (row["number"] or "").startswith("昌邑260604")}
        assert self.found(store, city, "昌邑260604-003") == self.found(store, city, "260604-003") == one
        assert self.found(store, city, "260604") == day

    def test_each_word_must_be_met(self, store: ViewStore, city: City) -> None:
        both = {row["id"] for row in MATTERS if row["item"] == "CG-001" and row["street"] == STREETS[0]}
        assert self.found(store, city, "占道 兴华街道") == both

    @pytest.mark.parametrize("text", ["月球", "占道 月球", "\0", "%", "_"])
    def test_what_is_no_name_and_no_number_finds_nothing(self, store: ViewStore, city: City, text: str) -> None:
        assert self.found(store, city, text) == set()
