"""What measurements say of a provider."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.voice.figures.rules import (
    RoleFigures,
    RoleMeasurement,
    WorkspaceMeasurement,
    combine,
    count_outages_once,
    measure,
    worst_status,
)

NOW = datetime(2026, 11, 26, tzinfo=UTC)
FIGURES = RoleFigures(
    provider="acme",
    role="stt",
    source="probes",
    status="healthy",
    since=NOW,
    requests=5,
    error_rate=0.0,
    p50_ms=1,
    p95_ms=2,
    checked_at=NOW,
)


@pytest.mark.parametrize(
    ("requests", "failures", "status"),
    [(0, 0, "unknown"), (1, 1, "unknown"), (1, 0, "healthy"), (3, 2, "down"), (10, 1, "degraded"), (20, 1, "healthy")],
)
def test_status_by_failures(requests: int, failures: int, status: str) -> None:
    assert RoleMeasurement("acme", "stt", requests, failures).status == status


def of_workspaces(*figures: tuple[int, int, int | None]) -> list[WorkspaceMeasurement]:
    """Requests, failures and latency of so many workspaces."""
    return [WorkspaceMeasurement(uuid4(), "acme", "llm", a, b, ms, ms) for a, b, ms in figures]


def test_one_workspace_cannot_make_a_provider_look_bad_nor_slow() -> None:
    (found,) = combine(of_workspaces((10, 0, 300), (10, 1, 400), (50, 50, 9_000), (50, 0, 9_000)))
    assert (found.requests, found.failures, found.p50_ms) == (70, 1, 400)
    assert combine(of_workspaces((1, 0, 300), (500, 500, None)))[0].error_rate == 0.0
    now_and_then = combine(of_workspaces((10, 0, 300), (10, 1, 400), (10, 0, 400), (400, 196, 9_000)))
    assert (now_and_then[0].requests, now_and_then[0].status) == (30, "healthy")


def test_all_workspaces_count_where_few_requests_fail() -> None:
    assert combine(of_workspaces((10, 0, 300), (20, 1, 400)))[0].requests == 30


def test_an_outage_of_all_or_of_many_workspaces_counts() -> None:
    assert combine(of_workspaces((10, 9, 300), (4, 4, None)))[0].status == "down"
    assert combine(of_workspaces((9, 9, None)))[0].status == "down"
    many = combine(of_workspaces(*[(10, 10, None)] * 3, *[(10, 0, 300)] * 6))
    assert (many[0].requests, many[0].failures) == (90, 30)


@pytest.mark.parametrize(
    ("newest_first", "counted"),
    [
        ([], []),
        ([None], [None]),
        ([None, None, 5], [None, None, 5]),
        ([5, None, None], [5]),
        ([5, None, None, 6, None], [5, None, 6]),
    ],
)
def test_counts_ended_outages_once_and_drops_failures_before_the_first_success(
    newest_first: list[int | None], counted: list[int | None]
) -> None:
    assert count_outages_once(newest_first) == counted


def test_has_no_error_rate_after_one_failure() -> None:
    assert measure("acme", "llm", [None]).error_rate is None
    assert measure("acme", "llm", [None] * 3).error_rate == 1.0
    assert measure("acme", "llm", [5]).error_rate == 0.0


@given(st.lists(st.none() | st.integers(0, 10_000), max_size=40))
def test_ranks_are_measured_values_and_failures_are_counted(latencies: list[int | None]) -> None:
    found = measure("acme", "llm", latencies)
    known = sorted(latency for latency in latencies if latency is not None)
    assert (found.requests, found.failures) == (len(latencies), len(latencies) - len(known))
    if known:
        assert found.p50_ms == known[(len(known) - 1) // 2]
        assert found.p95_ms is not None and sum(one <= found.p95_ms for one in known) >= 0.95 * len(known)


@pytest.mark.parametrize(
    ("changes", "worst"),
    [
        ([], None),
        ([{}, {"role": "tts", "status": "down"}], ("tts", "probes")),
        ([{"status": "down"}, {"source": "calls"}], ("stt", "calls")),
        ([{"status": "down"}, {"source": "calls", "status": "unknown"}], ("stt", "probes")),
    ],
)
def test_the_worst_role_counts_and_calls_go_before_probes(
    changes: list[dict[str, Any]], worst: tuple[str, str] | None
) -> None:
    found = worst_status(replace(FIGURES, **change) for change in changes)
    assert (None if found is None else (found.role, found.source)) == worst
