"""Read model: how providers did in each workspace's newest calls, from the ledger and the calls' events."""

from datetime import datetime
from typing import Final

from control.db.pool import Connection
from control.voice.figures import WorkspaceMeasurement

# So many calls are read, of the newest of all workspaces: the newest of each workspace first, so that one with many
# calls does not hide the others.
MAX_CALLS: Final = 500
NEWEST_CALLS: Final = 5_000
# $1: since; $2: calls; $3: newest calls. A call counts once for each provider that it used; it failed if the provider
# failed in it. The latency of a turn belongs to the only provider that the call used in that role. Calls under a
# workspace's own key are left out, also when it has given the key up since: its quota and its address say nothing about
# the platform's.
_SELECT: Final = """
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
    """By workspace, provider and role, over the newest calls since that moment. Needs platform scope."""
    return [WorkspaceMeasurement(**row) for row in await db.fetch(_SELECT, since, MAX_CALLS, NEWEST_CALLS)]
