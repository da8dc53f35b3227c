"""The bench of single requests in its shortest form: each kind is served, and told beside the floor."""

from bench import requests


def test_each_kind_of_request_is_asked_and_told() -> None:
    rows = requests.run("sqlite", rounds=2, asked=5)
    assert [row["name"] for row in rows] == ["command", "/health", "case file", "board", "inbox", "figures"]
    assert all(row["p50_ms"] for row in rows)
