"""Figures of providers by role, measured separately from calls and from probes. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

Source = Literal["calls", "probes"]
# From best to worst. `unknown` ranks first because it does not indicate a fault.
STATUSES: Final = ("unknown", "healthy", "degraded", "down")
# With fewer requests than this, the error rate is not judged.
FEWEST: Final = 3
DEGRADED: Final = 0.1
DOWN: Final = 0.5
# Maximum share of workspaces whose failures are attributed to the workspaces themselves.
MOST_LEFT_OUT: Final = 0.25


@dataclass(frozen=True, slots=True)
class ProbeState:
    """The latest probe of a provider.

    Attributes:
        failures: Number of failed probes since the last success. 0 if the latest probe succeeded.
    """

    at: datetime
    failures: int


@dataclass(frozen=True, slots=True)
class RoleFigures:
    """Figures of a role of a provider.

    Attributes:
        requests: Number of calls or probes.
        error_rate: 0 to 1.
        since: When the status began.
    """

    provider: str
    role: str
    source: Source
    status: str
    since: datetime
    requests: int
    error_rate: float | None
    p50_ms: int | None
    p95_ms: int | None
    checked_at: datetime


@dataclass(frozen=True, slots=True)
class RoleMeasurement:
    """Recent measurements of a role of a provider.

    Attributes:
        failures: Number of failed requests.
        p50_ms: None if no latency was measured.
        p95_ms: None if no latency was measured.
    """

    provider: str
    role: str
    requests: int
    failures: int
    p50_ms: int | None = None
    p95_ms: int | None = None

    @property
    def error_rate(self) -> float | None:
        """Share of failed requests, 0 to 1. None if the status is unknown."""
        return None if self.status == "unknown" else round(self.failures / self.requests, 4)

    @property
    def status(self) -> str:
        """Status derived from the share of failed requests."""
        if not self.requests:
            return "unknown"
        rate = self.failures / self.requests
        if self.requests < FEWEST:
            return "unknown" if self.failures else "healthy"
        return "down" if rate >= DOWN else "degraded" if rate >= DEGRADED else "healthy"


@dataclass(frozen=True, slots=True)
class WorkspaceMeasurement:
    """Recent measurements of a role of a provider, from the calls of a single workspace."""

    workspace_id: UUID
    provider: str
    role: str
    requests: int
    failures: int
    p50_ms: int | None = None
    p95_ms: int | None = None

    @property
    def failed_share(self) -> float:
        """Share of failed requests, 0 to 1."""
        return self.failures / self.requests if self.requests else 1.0


def combine(measured: Iterable[WorkspaceMeasurement]) -> list[RoleMeasurement]:
    """Return the platform's measurement of each role. Latencies are those of the median workspace.

    If a provider fails for a single workspace, or for at most a quarter of all, the cause is what these workspaces
    request, such as an unknown model or a refused text. So up to this number, the workspaces with the highest failure
    rates are left out. No workspace can affect how the calls of others are routed.
    """
    by_role: dict[tuple[str, str], list[WorkspaceMeasurement]] = {}
    for figures in measured:
        by_role.setdefault((figures.provider, figures.role), []).append(figures)
    return [_combine_role(provider, role, found) for (provider, role), found in by_role.items()]


def _combine_role(provider: str, role: str, measured: Sequence[WorkspaceMeasurement]) -> RoleMeasurement:
    counted = _leave_out(measured)
    return RoleMeasurement(
        provider,
        role,
        sum(figures.requests for figures in counted),
        sum(figures.failures for figures in counted),
        _rank(sorted(figures.p50_ms for figures in counted if figures.p50_ms is not None), 0.5),
        _rank(sorted(figures.p95_ms for figures in counted if figures.p95_ms is not None), 0.5),
    )


def _leave_out(measured: Sequence[WorkspaceMeasurement]) -> Sequence[WorkspaceMeasurement]:
    """Return the workspaces whose failures count. Return all of them if too many workspaces have failures."""
    most = max(1, int(MOST_LEFT_OUT * len(measured)))
    down = sum(figures.failed_share >= DOWN for figures in measured)
    if down > most or down == len(measured):
        return measured
    by_failures = sorted(measured, key=lambda figures: figures.failed_share)
    doubtful = by_failures[-most:]
    return [*by_failures[:-most], *(figures for figures in doubtful if figures.failed_share < DEGRADED)]


def measure(provider: str, role: str, latencies_ms: Sequence[int | None]) -> RoleMeasurement:
    """Return the measurement from these probes. A latency of None is a failed probe."""
    known = sorted(latency for latency in latencies_ms if latency is not None)
    failures = len(latencies_ms) - len(known)
    return RoleMeasurement(provider, role, len(latencies_ms), failures, _rank(known, 0.5), _rank(known, 0.95))


def count_outages_once(latencies_ms: Sequence[int | None]) -> list[int | None]:
    """Remove the retries of outages that have ended, so that frequent probes of an outage do not outweigh later probes.

    An outage that has not ended keeps all its failures. Failures before the first success are dropped, because the
    provider was not ready yet.

    Args:
        latencies_ms: Latencies of probes, newest first. None is a failed probe.
    """
    counted: list[int | None] = []
    has_worked = False
    for latency_ms in latencies_ms:
        is_retry = has_worked and latency_ms is None and counted[-1] is None
        has_worked = has_worked or latency_ms is not None
        if not is_retry:
            counted.append(latency_ms)
    if has_worked and counted[-1] is None:
        counted.pop()
    return counted


def worst_status(figures: Iterable[RoleFigures]) -> RoleFigures | None:
    """Return the figures of the worst role. If a role has figures from calls and from probes, calls take precedence."""
    by_role: dict[str, RoleFigures] = {}
    for figure in figures:
        known = by_role.get(figure.role)
        if known is None or (figure.source == "calls" and figure.status != "unknown") or known.status == "unknown":
            by_role[figure.role] = figure
    return max(by_role.values(), key=lambda figure: STATUSES.index(figure.status), default=None)


def _rank(ordered: Sequence[int], share: float) -> int | None:
    """Return the smallest value that is at least as great as this share of all values."""
    if not ordered:
        return None
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
