"""The report of what a call leaves and takes."""

import os

from lab.scenarios.call_footprint import CallFootprint, _growth, _parent, report_lines

FOOTPRINT = CallFootprint(
    calls=10,
    good=True,
    tables={"call_events": (50.0, 20_000.0), "calls": (1.0, 5_000.0)},
    events={"caller.said": 40.0, "call.ended": 10.0},
    written_bytes=30_000.0,
    wal_bytes=100_000.0,
    commits=30.0,
    cpu_ms={"api": 12.34},
    redis_commands=200.0,
    redis_bytes=80_000.0,
    stored_bytes=0.0,
)


def test_a_month_is_that_many_calls() -> None:
    lines = report_lines(FOOTPRINT, [1_000_000])
    assert "| 1,000,000 | 51,000,000 | 25.0 | 100.0 | 19.3 |" in lines
    assert "| all | 51.0 | 25,000 |" in lines and "| CPU of api, ms | 12.3 |" in lines


def test_only_tables_that_grew_count_the_largest_first() -> None:
    before = {"a": (2, 8_192), "b": (0, 8_192), "c": (5, 8_192)}
    after = {"a": (12, 16_384), "b": (10, 90_112), "c": (5, 16_384)}
    assert list(_growth(before, after, 10).items()) == [("b", (1.0, 8_192.0)), ("a", (1.0, 819.2))]


def test_the_parent_of_a_process_is_read() -> None:
    assert _parent(os.getpid()) == os.getppid()
