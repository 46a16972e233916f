"""Read model: how providers did in the newest calls, from the ledger and the calls' events."""

from datetime import datetime
from typing import Final

from control.db.pool import Connection
from control.voice.figures import RoleMeasurement

# So many of the newest calls are read.
MAX_CALLS: Final = 500
# $1: since; $2: calls. A call counts once for each provider that it used; it failed if the provider failed in it. The
# latency of a turn belongs to the only provider that the call used in that role. Calls with a workspace's own key are
# left out: its quota and its address say nothing about the platform's.
_SELECT: Final = """
    WITH recent AS (
        SELECT id, workspace_id FROM calls WHERE created_at >= $1 ORDER BY created_at DESC, id DESC LIMIT $2
    ),
    used AS (
        SELECT u.call_id, u.provider, u.resource_type AS role FROM usage_records u JOIN recent r ON r.id = u.call_id
        WHERE u.at >= $1 AND u.resource_type IN ('stt', 'llm', 'tts')
          AND NOT EXISTS (SELECT FROM workspace_providers w WHERE w.workspace_id = r.workspace_id
                          AND w.provider = u.provider AND NOT w.uses_platform_key)
        GROUP BY 1, 2, 3
    ),
    failed AS (
        SELECT e.call_id, e.event_data ->> 'provider' AS provider, e.event_data ->> 'kind' AS role
        FROM call_events e JOIN recent r ON r.id = e.call_id
        WHERE e.at >= $1 AND e.event_type = 'provider.failed'
          AND NOT EXISTS (SELECT FROM workspace_providers w WHERE w.workspace_id = r.workspace_id
                          AND w.provider = e.event_data ->> 'provider' AND NOT w.uses_platform_key)
        GROUP BY 1, 2, 3
    ),
    seen AS (
        SELECT call_id, provider, role, bool_or(has_failed) AS has_failed FROM (
            SELECT *, false AS has_failed FROM used UNION ALL SELECT *, true FROM failed) both_kinds
        GROUP BY 1, 2, 3
    ),
    alone AS (SELECT call_id, role, min(provider) AS provider FROM seen GROUP BY 1, 2 HAVING count(*) = 1),
    latency AS (
        SELECT a.provider, a.role, (e.event_data ->> CASE a.role WHEN 'stt' THEN 'stt_ms'
            WHEN 'llm' THEN 'llm_first_token_ms' ELSE 'tts_first_byte_ms' END)::integer AS ms
        FROM call_events e JOIN alone a USING (call_id) WHERE e.at >= $1 AND e.event_type = 'turn.latency'
    ),
    ranks AS (
        SELECT provider, role, percentile_disc(0.5) WITHIN GROUP (ORDER BY ms) AS p50_ms,
               percentile_disc(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms
        FROM latency GROUP BY 1, 2
    )
    SELECT s.provider, s.role, count(*)::integer AS requests,
           (count(*) FILTER (WHERE s.has_failed))::integer AS failures, min(k.p50_ms) AS p50_ms, min(k.p95_ms) AS p95_ms
    FROM seen s LEFT JOIN ranks k USING (provider, role) GROUP BY 1, 2 LIMIT 5000
"""


async def select_measurements(db: Connection, since: datetime) -> list[RoleMeasurement]:
    """By provider and role, over the newest calls since that moment. Needs platform scope."""
    return [RoleMeasurement(**row) for row in await db.fetch(_SELECT, since, MAX_CALLS)]
