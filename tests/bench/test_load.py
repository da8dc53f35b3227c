"""The load bench in its shortest form: the city's traffic is served over HTTP, and nothing of it is refused."""

from bench import load


def test_traffic_is_served_without_a_refusal() -> None:
    commands, *reads, behind, cpu, bars = load.run("sqlite", apis=1, rate=20.0, reads=0.5, seconds=3.0, timed=0)

    assert commands["problems"] == {}
    assert commands["server_errors"] == 0
    assert {"200", "201"} >= set(commands["statuses"])
    assert sum(row["count"] for row in reads) > 0
    assert behind["count"] > 0
    assert 0 < cpu["generator_share"] < 1
    assert "missed" in bars


def test_a_bar_that_is_not_kept_is_named() -> None:
    tally = load.Tally()
    tally.seconds, tally.commands, tally.behind = 1.0, [0.3], [2.0]
    tally.statuses.update({200: 90, 503: 1, 500: 1})

    found = load.missed(tally, rate=100.0)

    assert [each.partition(":")[0] for each in found] == [
        "nothing failed inside, and no connection broke",
        "no server error",
        "100.0 commands a second",
        "p99 of commands at most 250 ms",
        "p99 of views behind at most 1000 ms",
    ]
