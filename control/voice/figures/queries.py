"""SQL for provider figures and probes, and for the recent calls that figures are measured from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.voice.figures.rules import ProbeState, RoleFigures, RoleMeasurement, Source, WorkspaceMeasurement
from shared.ids import new_id

# How long probes are kept.
KEPT: Final = timedelta(days=2)
_FIGURE_COLUMNS: Final = (
    "provider, role, source, status, since, requests, error_rate::float8, p50_ms, p95_ms, checked_at"
)


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """The result of a probe.

    Attributes:
        latency_ms: None if the probe failed for `reason`.
        cost: Upper limit in US dollars.
    """

    provider: str
    role: str
    at: datetime
    latency_ms: int | None
    cost: Decimal
    reason: str = ""


async def select_figures(db: Connection) -> list[RoleFigures]:
    """Return the figures of all providers."""
    rows = await db.fetch(f"SELECT {_FIGURE_COLUMNS} FROM provider_figures ORDER BY provider, role, source LIMIT 5000")
    return [RoleFigures(**row) for row in rows]


async def upsert_figures(db: Connection, source: Source, measured: Sequence[RoleMeasurement], now: datetime) -> None:
    """Replace this source's figures for these roles. Roles of deleted providers are ignored."""
    await db.execute(
        """
        INSERT INTO provider_figures AS f
            (provider, role, source, status, since, requests, error_rate, p50_ms, p95_ms, checked_at)
        SELECT n.provider, n.role, $1, n.status, $2, n.requests, n.error_rate, n.p50_ms, n.p95_ms, $2
        FROM unnest($3::text[], $4::text[], $5::text[], $6::integer[], $7::float8[], $8::integer[], $9::integer[])
             AS n (provider, role, status, requests, error_rate, p50_ms, p95_ms)
        JOIN providers p USING (provider)
        ON CONFLICT (provider, role, source) DO UPDATE SET
            since = CASE WHEN f.status = excluded.status THEN f.since ELSE excluded.since END,
            status = excluded.status, requests = excluded.requests, error_rate = excluded.error_rate,
            p50_ms = excluded.p50_ms, p95_ms = excluded.p95_ms, checked_at = excluded.checked_at
        """,
        source,
        now,
        [figures.provider for figures in measured],
        [figures.role for figures in measured],
        [figures.status for figures in measured],
        [figures.requests for figures in measured],
        [figures.error_rate for figures in measured],
        [figures.p50_ms for figures in measured],
        [figures.p95_ms for figures in measured],
    )


async def forget_unseen(db: Connection, source: Source, now: datetime) -> None:
    """Set roles that this source has not measured at `now` to unknown."""
    await db.execute(
        """
        UPDATE provider_figures SET status = 'unknown', since = $2, requests = 0, error_rate = NULL, p50_ms = NULL,
               p95_ms = NULL, checked_at = $2
        WHERE source = $1 AND checked_at < $2 AND status <> 'unknown'
        """,
        source,
        now,
    )


async def update_health(db: Connection, worst: Mapping[str, RoleFigures]) -> None:
    """Update the catalog's health columns with the figures of each provider's worst role."""
    lines = list(worst.values())
    await db.execute(
        """
        UPDATE providers p SET health_status = n.status, latency_ms = n.p50_ms, error_rate = n.error_rate,
               last_check = n.checked_at
        FROM unnest($1::text[], $2::text[], $3::integer[], $4::float8[], $5::timestamptz[])
             AS n (provider, status, p50_ms, error_rate, checked_at)
        WHERE p.provider = n.provider
        """,
        [line.provider for line in lines],
        [line.status for line in lines],
        [line.p50_ms for line in lines],
        [line.error_rate for line in lines],
        [line.checked_at for line in lines],
    )


async def update_costs(db: Connection, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Set the estimated costs of a minute, by provider and role."""
    await db.executemany(
        "UPDATE providers SET estimated_costs = $2 WHERE provider = $1 AND estimated_costs IS DISTINCT FROM $2",
        [(provider, dict(roles)) for provider, roles in costs.items()],
    )


async def select_versions(db: Connection) -> dict[str, datetime]:
    """Return when the settings of each provider last changed."""
    return {row["provider"]: row["updated_at"] for row in await db.fetch("SELECT provider, updated_at FROM providers")}


async def insert_probes(db: Connection, results: Iterable[ProbeResult], versions: Mapping[str, datetime]) -> None:
    """Insert probes. Skips probes of providers that changed after `versions` was read.

    Such a probe used the previous key and settings.
    """
    await db.executemany(
        """
        INSERT INTO provider_probes (id, provider, role, at, latency_ms, cost, reason)
        SELECT $1, provider, $3, $4, $5, $6, $7 FROM providers WHERE provider = $2 AND updated_at = $8
        """,
        [
            (
                *(
                    UUID(new_id()),
                    result.provider,
                    result.role,
                    result.at,
                    result.latency_ms,
                    result.cost,
                    result.reason[:200],
                ),
                versions[result.provider],
            )
            for result in results
        ],
    )


async def forget_probes(db: Connection, provider: str) -> None:
    """Delete the probes and probe figures of a provider, because its key or settings changed."""
    await db.execute("DELETE FROM provider_probes WHERE provider = $1", provider)
    await db.execute("DELETE FROM provider_figures WHERE provider = $1 AND source = 'probes'", provider)
    await db.execute(
        "UPDATE providers SET health_status = 'unknown', latency_ms = NULL, error_rate = NULL, last_check = NULL "
        "WHERE provider = $1",
        provider,
    )


async def sum_probe_costs(db: Connection, since: datetime) -> Decimal:
    """Return the upper limit of what probes have cost since the given time, in US dollars."""
    return Decimal(await db.fetchval("SELECT coalesce(sum(cost), 0) FROM provider_probes WHERE at >= $1", since))


async def select_probe_states(db: Connection, since: datetime) -> dict[str, ProbeState]:
    """Return the states of the providers that were probed since the given time."""
    rows = await db.fetch(
        """
        SELECT provider, max(at) AS at,
               count(DISTINCT at) FILTER (WHERE at > coalesce(worked_at, '-infinity')) AS failures
        FROM (SELECT provider, at, max(at) FILTER (WHERE latency_ms IS NOT NULL) OVER (PARTITION BY provider)
                     AS worked_at
              FROM provider_probes WHERE at >= $1) probes
        GROUP BY provider LIMIT 5000
        """,
        since,
    )
    return {row["provider"]: ProbeState(row["at"], row["failures"]) for row in rows}


async def select_probes(db: Connection, since: datetime, most: int) -> dict[tuple[str, str], list[int | None]]:
    """Return the latencies of the latest probes by provider and role, newest first.

    Args:
        most: Maximum number of probes per provider and role.
    """
    rows = await db.fetch(
        """
        SELECT provider, role, latency_ms FROM (
            SELECT provider, role, latency_ms, row_number() OVER (PARTITION BY provider, role ORDER BY at DESC) AS place
            FROM provider_probes WHERE at >= $1) newest
        WHERE place <= $2 ORDER BY provider, role, place LIMIT 100000
        """,
        since,
        most,
    )
    found: dict[tuple[str, str], list[int | None]] = {}
    for row in rows:
        found.setdefault((row["provider"], row["role"]), []).append(row["latency_ms"])
    return found


async def select_refused_keys(db: Connection, since: datetime) -> list[str]:
    """Return the providers in service whose latest probe since the given time found that the vendor refuses the key."""
    rows = await db.fetch(
        """
        SELECT n.provider FROM (
            SELECT DISTINCT ON (provider) provider, reason FROM provider_probes WHERE at >= $1
            ORDER BY provider, at DESC) n
        JOIN providers p USING (provider)
        WHERE p.is_enabled AND n.reason ~ '^HTTP 40[13]( |$)' ORDER BY 1 LIMIT 1000
        """,
        since,
    )
    return [row["provider"] for row in rows]


async def delete_probes(db: Connection, before: datetime) -> int:
    """Delete probes made before `before`. Return the number of deleted rows."""
    status: str = await db.execute("DELETE FROM provider_probes WHERE at < $1", before)
    return int(status.rpartition(" ")[2])


# MAX_CALLS is the number of calls that are read. They are selected from the newest calls of all workspaces, in turn
# from each workspace, so that a workspace with many calls does not hide the others.
MAX_CALLS: Final = 500
NEWEST_CALLS: Final = 5_000
# $1: since; $2: number of calls; $3: number of newest calls to select from. A call counts once for each provider that
# it used, and as failed if the provider failed in it. The latency of a turn counts for a provider only if the call used
# no other provider in that role. Calls with a workspace's own key are left out, even if the workspace has since removed
# the key, because their quota and address are not the platform's.
_SELECT_MEASUREMENTS: Final = """
    WITH recent AS (
        SELECT id, workspace_id, created_at FROM (
            SELECT *, row_number() OVER (PARTITION BY workspace_id ORDER BY created_at DESC, id DESC) AS place FROM (
                SELECT id, workspace_id, created_at FROM calls WHERE created_at >= $1
                ORDER BY created_at DESC, id DESC LIMIT $3) newest) placed
        ORDER BY place, created_at DESC, id DESC LIMIT $2
    ),
    own AS (
        SELECT r.id AS call_id, w.provider FROM recent r JOIN workspace_providers w USING (workspace_id)
        WHERE NOT w.uses_platform_key OR r.created_at < w.platform_key_since
    ),
    used AS (
        SELECT u.call_id, r.workspace_id, u.provider, u.resource_type AS role
        FROM usage_records u JOIN recent r ON r.id = u.call_id
        WHERE u.at >= $1 AND u.resource_type IN ('stt', 'llm', 'tts') AND u.details ->> 'purpose' IS NULL
          AND NOT EXISTS (SELECT FROM own o WHERE o.call_id = u.call_id AND o.provider = u.provider)
        GROUP BY 1, 2, 3, 4
    ),
    failed AS (
        SELECT e.call_id, r.workspace_id, e.event_data ->> 'provider' AS provider, e.event_data ->> 'kind' AS role
        FROM call_events e JOIN recent r ON r.id = e.call_id
        WHERE e.at >= $1 AND e.event_type = 'provider.failed'
          AND NOT EXISTS (SELECT FROM own o WHERE o.call_id = e.call_id AND o.provider = e.event_data ->> 'provider')
        GROUP BY 1, 2, 3, 4
    ),
    seen AS (
        SELECT call_id, workspace_id, provider, role, bool_or(has_failed) AS has_failed FROM (
            SELECT *, false AS has_failed FROM used UNION ALL SELECT *, true FROM failed) both_kinds
        GROUP BY 1, 2, 3, 4
    ),
    alone AS (
        SELECT call_id, workspace_id, role, min(provider) AS provider FROM seen GROUP BY 1, 2, 3 HAVING count(*) = 1
    ),
    latency AS (
        SELECT a.workspace_id, a.provider, a.role, (e.event_data ->> CASE a.role WHEN 'stt' THEN 'stt_ms'
            WHEN 'llm' THEN 'llm_first_token_ms' ELSE 'tts_first_byte_ms' END)::integer AS ms
        FROM call_events e JOIN alone a USING (call_id) WHERE e.at >= $1 AND e.event_type = 'turn.latency'
    ),
    ranks AS (
        SELECT workspace_id, provider, role, percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50_ms,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms
        FROM latency GROUP BY 1, 2, 3
    )
    SELECT s.workspace_id, s.provider, s.role, count(*)::integer AS requests,
           (count(*) FILTER (WHERE s.has_failed))::integer AS failures, min(k.p50_ms) AS p50_ms, min(k.p95_ms) AS p95_ms
    FROM seen s LEFT JOIN ranks k USING (workspace_id, provider, role) GROUP BY 1, 2, 3 LIMIT 10000
"""


async def select_measurements(db: Connection, since: datetime) -> list[WorkspaceMeasurement]:
    """Return measurements by workspace, provider and role, from the newest calls since the given time.

    Requires platform scope.
    """
    return [WorkspaceMeasurement(**row) for row in await db.fetch(_SELECT_MEASUREMENTS, since, MAX_CALLS, NEWEST_CALLS)]
