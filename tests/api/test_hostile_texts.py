"""Hostile texts in every text field of every command: a clear refusal, or handed on to the letter."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from api.app import COMMAND_ROUTERS
from api.commands import Row
from api.examples import EXAMPLES
from tests.api.fakes import STREAM, FakeDesk, client_of, edge, sending

HOSTILE = {
    "sql": "'; DROP TABLE event; --",
    "more sql": '" OR 1=1 /*',
    "emoji": "👩🏽‍🚒🚨" * 5,
    "right to left": "\u202eתפוז مرحبا\u202c",
    "markup": "<script>alert(1)</script>",
    "template": "{{7*7}} ${jndi:ldap://x} %s %(x)s",
    "spreadsheet formula": "=HYPERLINK(1)",
    "path": "../../etc/passwd",
    "control characters": "a\u0000b\u0007c\u001b[31m",
    "line breaks": "one\r\ntwo\u2028three",
    "combining": "Z̸̡͚͕a̵l̶g̷o̸",
    "unusual normal forms": "ﬁ 〇 ｆｕｌｌ é é",
    "100 kB": "长" * 34_000,
    "blank": " \t\u3000",
    "empty": "",
}

ROWS: list[Row] = [row for module in COMMAND_ROUTERS for row in module.ROWS]


def texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts of an example are."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, (*path, name))
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from texts(inner, (*path, index))


def put(body: Any, path: tuple[Any, ...], text: str) -> None:
    for step in path[:-1]:
        body = body[step]
    body[path[-1]] = text


def taken(body: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        body = body[step]
    return body


FIELDS = [(row, path) for row in ROWS for path in texts(EXAMPLES[row.command])]


@pytest.mark.parametrize(("row", "path"), FIELDS, ids=[f"{r.command}:{'.'.join(map(str, p))}" for r, p in FIELDS])
def test_a_hostile_text_is_refused_clearly_or_reaches_the_desk_to_the_letter(row: Row, path: tuple[Any, ...]) -> None:
    desk = FakeDesk()
    client = client_of(edge(desk))
    for name, text in HOSTILE.items():
        body = copy.deepcopy(dict(EXAMPLES[row.command]))
        put(body, path, text)
        reply = client.post("/api/v1" + row.path.format(id=STREAM), json=body, headers=sending(name.replace(" ", "-")))
        if reply.status_code == 422:
            assert reply.json()["code"] == "INVALID", name
            assert any(field["field"].startswith(f"body.{path[0]}") for field in reply.json()["fields"]), name
        else:
            assert reply.status_code in {200, 201}, (name, reply.text)
            given = desk.calls[-1].given
            assert taken(given.model_dump(mode="json"), path) == text, name  # type: ignore[union-attr]


def test_a_blank_text_and_an_endless_one_are_never_accepted() -> None:
    client = client_of(edge())
    for name in ("blank", "empty", "100 kB"):
        body = {"reason": HOSTILE[name]}
        reply = client.post(f"/api/v1/cases/{STREAM}/cancellation", json=body, headers=sending())
        assert reply.status_code == 422, name


@pytest.mark.parametrize(
    "moment",
    [
        "2026-03-02T09:00:00",
        "2026-03-02T09:00:00+99:00",
        "2026-03-02T09:00:00 Asia/Shanghai",
        "9999-12-31T23:59:59+08:00",
        "1066-10-14T09:00:00+00:00",
        "2026-02-30T09:00:00+08:00",
        "tomorrow",
        1_800_000_000,
        None,
    ],
    ids=[
        "naive",
        "no such zone",
        "a zone's name",
        "far future",
        "long ago",
        "no such day",
        "words",
        "a number",
        "nothing",
    ],
)
def test_a_time_that_is_not_plainly_a_moment_of_this_century_is_refused(moment: object) -> None:
    desk = FakeDesk()
    body = {"reason": "冬季无法施工", "resume_at": moment}
    reply = client_of(edge(desk)).post(f"/api/v1/cases/{STREAM}/suspension", json=body, headers=sending())
    assert (reply.status_code, desk.calls) == (422, [])
    assert [field["field"] for field in reply.json()["fields"]] == ["body.resume_at"]


def test_a_time_in_any_zone_is_the_same_moment() -> None:
    desk = FakeDesk()
    client = client_of(edge(desk))
    for number, moment in enumerate(("2026-03-02T09:00:00+08:00", "2026-03-02T01:00:00Z", "2026-03-01T20:00:00-05:00")):
        body = {"reason": "冬季无法施工", "resume_at": moment}
        client.post(f"/api/v1/cases/{STREAM}/suspension", json=body, headers=sending(str(number)))
    assert len({call.given.resume_at for call in desk.calls}) == 1  # type: ignore[union-attr]
