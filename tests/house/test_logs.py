"""A log line is structured, and nothing personal is in it."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from shaoxiang import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the log goes during a test; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    logs.configure("INFO", json=True, stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_level_time_and_fields(lines: io.StringIO) -> None:
    structlog.get_logger("desk").info("refused", code="TOO_LATE", case="船营〔2026〕1号")
    line = json.loads(lines.getvalue())
    assert line["event"] == "refused"
    assert (line["level"], line["logger"], line["code"]) == ("info", "desk", "TOO_LATE")
    assert line["case"] == "船营〔2026〕1号"
    assert line["timestamp"].endswith("Z")


def test_lines_of_libraries_take_the_same_form(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn").warning("slow %s", "client")
    line = json.loads(lines.getvalue())
    assert (line["event"], line["logger"]) == ("slow client", "uvicorn")


def test_personal_fields_are_masked_however_deep_they_lie(lines: io.StringIO) -> None:
    structlog.get_logger("api").info(
        "received",
        phone="13800000001",
        given={"reporter": {"name": "来电人一"}, "photos": [{"token": "abc", "size": 3}]},
    )
    text = lines.getvalue()
    assert not any(secret in text for secret in ("13800000001", "来电人一", "abc"))
    assert json.loads(text)["given"]["photos"] == [{"token": logs.MASK, "size": 3}]


def test_lines_below_the_level_are_left_out(lines: io.StringIO) -> None:
    structlog.get_logger("desk").debug("detail")
    logging.getLogger("desk").debug("detail")
    assert lines.getvalue() == ""


def test_a_person_reads_plain_lines(lines: io.StringIO) -> None:
    stream = io.StringIO()
    logs.configure("INFO", stream=stream)
    structlog.get_logger("desk").info("started", port=8000)
    assert "started" in stream.getvalue()
    assert "port=8000" in stream.getvalue()
    assert lines.getvalue() == ""


def test_an_exception_keeps_its_trace(lines: io.StringIO) -> None:
    try:
        int("parked")
    except ValueError:
        structlog.get_logger("views").exception("fold failed")
    line = json.loads(lines.getvalue())
    assert line["exception"][0]["exc_type"] == "ValueError"


@pytest.mark.parametrize(
    "said", ["\ud800", 2**70, {1: "one"}], ids=["half a character", "a long number", "a number as key"]
)
def test_a_line_is_written_whatever_is_said(lines: io.StringIO, said: object) -> None:
    structlog.get_logger("desk").info("heard", said=said)
    assert json.loads(lines.getvalue())["event"] == "heard"
