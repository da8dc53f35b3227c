"""The documented scenarios play as they are written down, and a play says where it differs."""

import copy
import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shaoxiang.resources import data_folder, scenario_files
from tests.shaoxiang.commandline import Ran, shaoxiang

FILES = scenario_files()
SIGN = json.loads(FILES[0].read_text(encoding="utf-8"))
"""The first documented scenario: the restaurant sign."""

LEAD, SUPPORT = "whistle/市市场监管局", "whistle/北京路派出所"


@pytest.fixture
def doctored(tmp_path: Path) -> Any:
    """A function that writes the restaurant sign with some changes, and answers the file."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "doctored.json"
        path.write_text(json.dumps({**copy.deepcopy(SIGN), **changes}, ensure_ascii=False), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def played_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store into which every scenario was played."""
    folder = tmp_path_factory.mktemp("store")
    shaoxiang("play", *FILES, "--db", f"sqlite:///{folder}", "--json")
    return folder


def steps_with(n: int, **changes: Any) -> list[dict[str, Any]]:
    """The steps of the restaurant sign, the n-th of them changed."""
    return [{**step, **changes} if number == n else step for number, step in enumerate(SIGN["steps"])]


# Playing.


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_comes_to_what_it_expects(path: Path) -> None:
    ran = shaoxiang("play", path, "--json")
    assert ran.err == ""
    assert ran.document["passed"] is True
    assert ran.code == 0


def test_all_scenarios_play_from_a_shell_one_object_a_line() -> None:
    command = [sys.executable, "-m", "shaoxiang.cli", "play", *map(str, FILES), "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    documents = [json.loads(line) for line in ran.stdout.splitlines()]
    assert [each["passed"] for each in documents] == [True] * len(FILES), ran.stderr
    assert len({each["scenario"] for each in documents}) == len(FILES)
    assert ran.returncode == 0


def test_a_person_reads_a_timeline_the_scores_and_the_notices() -> None:
    ran = shaoxiang("play", FILES[0])
    assert f"{SIGN['name']}: passed" in ran.out
    assert "2022-12-14T13:00:00+08:00  street       whistle.blown.v1" in ran.out
    assert f"{LEAD}: verified, missed nothing, score 100.0, outcome commend" in ran.out
    assert "notice 2022-12-20T09:00:00+08:00 commendation to 市市场监管局" in ran.out


# Differences.


def test_an_expectation_that_is_not_met_is_printed_and_exits_1(doctored: Any) -> None:
    path = doctored(expect={"responses": {LEAD: {"outcome": "remind"}}})
    ran = shaoxiang("play", path)
    assert ran.code == 1
    assert f"{SIGN['name']}: FAILED" in ran.out
    assert f'differs: responses.{LEAD}.outcome: expected "remind", found "commend"' in ran.out


def test_with_json_the_difference_goes_to_the_error_stream_and_the_object_stays_readable(doctored: Any) -> None:
    ran = shaoxiang("play", doctored(expect={"cases": {"case": {"state": "cancelled"}}}), "--json")
    assert ran.code == 1
    assert ran.document["passed"] is False
    assert 'cases.case.state: expected "cancelled", found "closed"' in ran.err


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ({"cases": {"file": {"state": "closed"}}}, "cases.file: expected"),
        ({"notices": []}, "notices: expected 0 entries"),
        ({"responses": {LEAD: {"evaluation": {"score": 99.9}}}}, "score: expected 99.9, found 100.0"),
        ({"responses": {LEAD: {"due": {"arrival": "2022-12-14T15:00:01+08:00"}}}}, "due.arrival: expected"),
        ({"responses": {LEAD: {"missed": ["arrival"]}}}, "missed: expected 1 entries"),
    ],
)
def test_nothing_that_is_expected_wrongly_goes_unnoticed(doctored: Any, expect: dict[str, Any], said: str) -> None:
    ran = shaoxiang("play", doctored(expect=expect))
    assert ran.code == 1
    assert said in ran.out


def test_one_failed_scenario_among_others_fails_the_run(doctored: Any) -> None:
    ran = shaoxiang("play", doctored(expect={"notices": []}), FILES[3])
    assert ran.code == 1
    assert ran.out.count(": passed") == 1


# Refusals.


def test_a_step_that_is_refused_with_another_code_fails_and_is_named(doctored: Any) -> None:
    ran = shaoxiang("play", doctored(steps=steps_with(1, by="street", refused="WRONG_STATE"), expect={}))
    assert ran.code == 1
    assert "step 1 (2022-12-14T10:30:00+08:00 street file_case on report) should be refused as WRONG_STATE" in ran.out
    assert "but was refused: NOT_PERMITTED" in ran.out


def test_a_step_that_should_be_refused_and_passes_fails_and_is_named(doctored: Any) -> None:
    ran = shaoxiang("play", doctored(steps=steps_with(2, refused="ITEM_IN_LIST"), expect={}))
    assert ran.code == 1
    assert "blow_whistle on case) should be refused as ITEM_IN_LIST, but passed" in ran.out


def test_a_step_that_is_refused_unexpectedly_fails_and_says_why(doctored: Any) -> None:
    ran = shaoxiang("play", doctored(steps=steps_with(3, on="whistle/市住建局"), expect={}))
    assert ran.code == 1
    assert "should pass, but was refused: UNKNOWN: Nothing in this play is named 'whistle/市住建局'." in ran.out


# Files that cannot be played.


def test_an_organisation_that_the_city_does_not_have_is_named(doctored: Any) -> None:
    actors = {**SIGN["actors"], "street": {"role": "street_leader", "org": "月亮街道"}}
    ran = shaoxiang("play", doctored(actors=actors))
    assert ran.code == 2
    assert "月亮街道" in ran.complaint
    assert "Traceback" not in ran.err


def test_a_name_that_two_streets_share_is_refused_as_ambiguous(doctored: Any) -> None:
    actors = {**SIGN["actors"], "street": {"role": "street_leader", "org": "民主街道"}}
    ran = shaoxiang("play", doctored(actors=actors))
    assert ran.code == 2
    assert "民主街道" in ran.complaint


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expects": {}}, "expects: Extra inputs are not permitted"),
        ({"steps": steps_with(0, note="why")}, "steps.0.note: Extra inputs are not permitted"),
        ({"steps": steps_with(0, at="2022-12-14T09:10:00")}, "steps.0.at: Input should have timezone info"),
        ({"steps": steps_with(0, by="nobody")}, "step 0 is by 'nobody', which is not among the actors"),
        ({"steps": steps_with(0, do="whisper")}, "step 0 does 'whisper', which is no command"),
    ],
)
def test_a_file_that_does_not_fit_the_format_is_refused_and_says_where(
    doctored: Any, changes: dict[str, Any], said: str
) -> None:
    ran = shaoxiang("play", doctored(**changes))
    assert ran.code == 2
    assert said in ran.complaint


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    ran = shaoxiang("play", tmp_path / "nowhere.json")
    assert ran.code == 2
    assert "nowhere.json cannot be read: No such file or directory." in ran.complaint


# Rehearsing, and playing into a store.


def policy_with(path: Path, stage: str, amount: int) -> Path:
    """The policy that ships, with another amount in the general column of a stage."""
    policy = json.loads(next((data_folder() / "policy").glob("*.json")).read_text(encoding="utf-8"))
    limits = [limit for limit in policy["limits"] if limit["stage"] == stage]
    assert limits, f"the policy has no stage {stage}"
    limits[0]["general"]["amount"] = amount
    path.write_text(json.dumps(policy, ensure_ascii=False), encoding="utf-8")
    return path


def due(ran: Ran, response: str = LEAD) -> str:
    found: str = ran.document["responses"][response]["due"]["signature"]
    return found


def test_another_policy_changes_what_is_due_when(doctored: Any, tmp_path: Path) -> None:
    path = doctored(expect={})
    policy = policy_with(tmp_path / "policy.json", "signature", amount=3)
    assert due(shaoxiang("play", path, "--json")) == "2022-12-14T14:00:00+08:00"
    assert due(shaoxiang("play", path, "--json", "--policy", policy)) == "2022-12-14T16:00:00+08:00"


def test_playing_into_a_store_twice_gives_the_same_result_and_doubles_nothing(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'store'}"
    first, second = (shaoxiang("play", FILES[1], "--db", store, "--json") for _ in range(2))
    assert first.document == second.document
    assert (first.code, second.code) == (0, 0)


def test_a_store_of_another_kind_is_refused() -> None:
    ran = shaoxiang("play", FILES[0], "--db", "mysql://somewhere/store")
    assert ran.code == 2
    assert "mysql is not known here" in ran.complaint


def test_live_views_equal_a_fresh_fold_after_all_scenarios(played_store: Path) -> None:
    ran = shaoxiang("check", "--dir", played_store, "--json")
    assert ran.document["clean"] is True
    assert (ran.document["differences"], ran.document["parked"]) == ([], [])
    assert ran.document["position"] > 900
    assert ran.code == 0


def test_views_that_are_folded_again_are_clean(played_store: Path) -> None:
    rebuilt = shaoxiang("rebuild", "--dir", played_store, "--json")
    assert rebuilt.code == 0
    assert rebuilt.document["position"] == shaoxiang("check", "--dir", played_store, "--json").document["position"]
    assert shaoxiang("check", "--dir", played_store, "--json").document["clean"] is True


def test_a_doctored_row_is_found_and_its_table_named_until_the_views_are_rebuilt(played_store: Path) -> None:
    with sqlite3.connect(played_store / "views.db") as db:
        changed = db.execute("UPDATE notices_1 SET recipient = '2202-scjg' WHERE kind = 'escalation'").rowcount
    db.close()
    assert changed > 0
    ran = shaoxiang("check", "--dir", played_store, "--json")
    assert ran.code == 1
    assert ran.document["clean"] is False
    assert {difference["table"] for difference in ran.document["differences"]} == {"notices_1"}
    assert len(ran.document["differences"]) == changed
    assert shaoxiang("rebuild", "notices_1", "--dir", played_store).code == 0
    assert shaoxiang("check", "--dir", played_store).code == 0


def test_a_row_that_is_missing_is_found(played_store: Path) -> None:
    with sqlite3.connect(played_store / "views.db") as db:
        db.execute("DELETE FROM board_2 WHERE rowid = (SELECT MIN(rowid) FROM board_2)")
    db.close()
    ran = shaoxiang("check", "--dir", played_store, "--json")
    assert ran.code == 1
    assert {difference["table"] for difference in ran.document["differences"]} == {"board_2"}
    assert shaoxiang("rebuild", "--dir", played_store).code == 0


def test_a_view_that_nobody_knows_is_not_rebuilt(played_store: Path) -> None:
    ran = shaoxiang("rebuild", "rumours", "--dir", played_store)
    assert ran.code == 2
    assert "No view is called rumours; there are board_2" in ran.complaint


def test_officers_of_the_city_may_be_named_without_being_brought_along(doctored: Any) -> None:
    arrival = next(step for step in SIGN["steps"] if step["do"] == "check_in")
    named = {**arrival, "with": {**arrival["with"], "officers": ["执法人员一"]}}
    steps = [named if step is arrival else step for step in SIGN["steps"]]
    assert shaoxiang("play", doctored(steps=steps)).code == 0


def test_an_officer_whom_nobody_registered_is_unknown(doctored: Any) -> None:
    arrival = next(step for step in SIGN["steps"] if step["do"] == "check_in")
    named = {**arrival, "with": {**arrival["with"], "officers": ["执法人员九十九"]}, "refused": "UNKNOWN"}
    ran = shaoxiang("play", doctored(steps=[named if step is arrival else step for step in SIGN["steps"]], expect={}))
    assert "should be refused as UNKNOWN" not in ran.out
