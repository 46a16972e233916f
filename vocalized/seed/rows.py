"""Generated data of a busy platform, as set-based SQL: the same rows for the same counts, 90 days up to now.

Run by the owner of a migrated database without workspaces; parameters are documented beside each statement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import asyncpg  # type: ignore[import-untyped]

DAYS: Final = 90

# UUIDv7 of a moment and a number: sorts by time, as the programs' ids do.
_ID: Final = """
CREATE FUNCTION pg_temp.id_at(moment timestamptz, kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM moment) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(kind || number), 1, 3) || '8' || substr(md5(kind || number), 4, 15))::uuid
$$
"""

# Partitions for past months of the ledger: `migrate` creates the coming ones.
_PARTITIONS: Final = """
DO $$
DECLARE
    month date;
    name text;
BEGIN
    FOR ago IN 1..4 LOOP
        month := (date_trunc('month', now() AT TIME ZONE 'UTC') - make_interval(months => ago))::date;
        name := 'usage_records' || to_char(month, '_YYYY_MM');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF usage_records FOR VALUES FROM (%L) TO (%L)', name,
                month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        END IF;
    END LOOP;
END
$$
"""

# Ranks from 0; workspaces of low rank are the old and busy ones.
_WORKSPACES: Final = """
CREATE TEMP TABLE made AS
SELECT n AS rank, pg_temp.id_at(began, 'workspace', n) AS id, began, pg_temp.id_at(began, 'user', n * 3) AS owner,
       CASE WHEN n % 20 < 8 THEN 'trial' WHEN n % 20 < 15 THEN 'starter' WHEN n % 20 < 19 THEN 'growth'
            ELSE 'business' END AS tier,
       1 + n % 5 AS agents
FROM (SELECT n, now() - interval '89 days' * (1 - n::float / $1::integer) AS began
      FROM generate_series(0, $1::integer - 1) AS n) AS numbered
"""

_TABLES: Final = (
    """
    INSERT INTO users (id, email, name, password_hash, email_verified_at, created_at, last_login_at)
    SELECT pg_temp.id_at(began, 'user', rank * 3 + m), 'user' || rank * 3 + m || '@example.com',
           (ARRAY['Ann', 'Ben', 'Cleo', 'Dan', 'Eva', 'Finn', 'Gül', 'Hal'])[1 + (rank + m) % 8] || ' '
           || (ARRAY['Meyer', 'Okafor', 'Rossi', 'Silva', 'Tanaka', 'Weber', 'Young'])[1 + (rank * 3 + m) % 7],
           '!', began, began, now() - interval '1 hour' * (rank % 500)
    FROM made, generate_series(0, 2) AS m
    """,
    """
    INSERT INTO workspaces (id, name, industry, status, status_before, tier_name, trial_ends_at, suspended_at,
                            suspended_why, created_by, created_at)
    SELECT id, (ARRAY['Dental', 'Law', 'Salon', 'Clinic', 'Hotel', 'Pizza', 'Plumbing', 'Estate'])[1 + rank % 8]
               || ' No. ' || rank,
           (ARRAY['dental', 'legal', 'salon', 'healthcare', 'hotel', 'restaurant', 'home_services', 'real_estate']
           )[1 + rank % 8],
           CASE WHEN rank % 33 = 5 THEN 'suspended' WHEN tier = 'trial' THEN 'trial' ELSE 'active' END,
           CASE WHEN rank % 33 = 5 THEN CASE WHEN tier = 'trial' THEN 'trial' ELSE 'active' END END,
           tier, CASE WHEN tier = 'trial' THEN now() + interval '10 days' END,
           CASE WHEN rank % 33 = 5 THEN now() - interval '3 days' END,
           CASE WHEN rank % 33 = 5 THEN 'unpaid' END, owner, began
    FROM made
    """,
    """
    INSERT INTO workspace_members (workspace_id, user_id, role, joined_at)
    SELECT id, pg_temp.id_at(began, 'user', rank * 3 + m), (ARRAY['owner', 'admin', 'viewer'])[1 + m], began
    FROM made, generate_series(0, 2) AS m
    """,
    """
    INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee)
    SELECT pg_temp.id_at(at, 'change' || status, rank), id, at, status, tier, t.monthly_fee
    FROM (
        SELECT rank, id, tier, began AS at, CASE WHEN tier = 'trial' THEN 'trial' ELSE 'active' END AS status FROM made
        UNION ALL SELECT rank, id, tier, now() - interval '3 days', 'suspended' FROM made WHERE rank % 33 = 5
    ) AS change JOIN tiers t ON t.tier_name = change.tier
    """,
    """
    INSERT INTO invitations (id, workspace_id, email, role, token_hash, invited_by, created_at, expires_at)
    SELECT pg_temp.id_at(now(), 'invitation', rank), id, 'guest' || rank || '@example.com', 'member',
           sha256(rank::text::bytea), owner, now() - interval '1 day', now() + interval '6 days'
    FROM made WHERE rank % 3 = 0
    """,
    """
    CREATE TEMP TABLE made_agents AS
    SELECT m.*, a, pg_temp.id_at(began, 'agent', rank * 10 + a) AS agent_id, t.id AS template_id, t.default_config
    FROM made m CROSS JOIN LATERAL generate_series(0, m.agents - 1) AS a
    JOIN (SELECT id, default_config, row_number() OVER (ORDER BY name) - 1 AS n, count(*) OVER () AS c
          FROM agent_templates WHERE deleted_at IS NULL) t ON t.n = (m.rank + a) % t.c
    """,
    """
    INSERT INTO agents (id, workspace_id, name, status, template_id, version, activated_at, created_by, created_at)
    SELECT agent_id, id, 'Agent ' || a, CASE WHEN a = 4 THEN 'draft' ELSE 'live' END, template_id, 3,
           CASE WHEN a < 4 THEN began END, owner, began + interval '1 minute' * a
    FROM made_agents
    """,
    """
    INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, created_by, created_at)
    SELECT agent_id, v, id, 'Agent ' || a, default_config, owner, began + interval '1 hour' * v
    FROM made_agents, generate_series(1, 3) AS v
    """,
    """
    INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status, agent_id, country, created_at,
                               monthly_price)
    SELECT pg_temp.id_at(began, 'number', rank * 10 + a), id, '+1555' || lpad((rank * 10 + a)::text, 7, '0'),
           'simulated', 'active', agent_id, 'US', began, 1.15
    FROM made_agents WHERE a < 4
    """,
)

# $1 first number, $2 last number: calls are inserted in batches. Ranks by a square, so that few workspaces have many.
_CALLS: Final = """
WITH drawn AS MATERIALIZED (
    SELECT n, floor((SELECT count(*) FROM made) * power(random(), 2))::integer AS rank, random() AS r1, random() AS r2,
           random() AS r3, now() - interval '90 days' * random() AS any_time
    FROM generate_series($1::bigint, $2::bigint) AS n
),
timed AS MATERIALIZED (
    SELECT n, rank, r1, r2, r3,
           -- Most people phone between 8 and 18.
           least(date_trunc('day', any_time) + interval '1 second' * (CASE WHEN r3 < 0.9 THEN 28800 + 36000 * r2
                 ELSE 86399 * r2 END), now() - interval '1 second') AS at
    FROM drawn
),
spoken AS MATERIALIZED (
    SELECT t.*, CASE WHEN r1 < 0.82 THEN 'completed' WHEN r1 < 0.9 THEN 'no_answer' WHEN r1 < 0.96 THEN 'busy'
                ELSE 'failed' END AS status,
           CASE WHEN r1 < 0.82 THEN 5 + floor(-120 * ln(1 - r3 * 0.99))::integer ELSE 0 END AS seconds
    FROM timed t
),
put AS (
    INSERT INTO calls (id, workspace_id, agent_id, agent_version, direction, carrier, carrier_call_id, caller_number,
                       called_number, status, end_reason, created_at, started_at, answered_at, ended_at,
                       duration_seconds, cost_total, sentiment, sentiment_score, success, summary, transcription,
                       details)
    SELECT pg_temp.id_at(at, 'call', n), m.id, pg_temp.id_at(m.began, 'agent', m.rank * 10 + n % m.agents), 3,
           CASE WHEN r2 < 0.85 THEN 'inbound' ELSE 'outbound' END,
           CASE WHEN n % 3 = 0 THEN 'telnyx' ELSE 'twilio' END, 'made-' || n,
           '+1444' || lpad((n % 10000000)::text, 7, '0'),
           '+1555' || lpad((m.rank * 10 + n % m.agents)::text, 7, '0'), status,
           CASE status WHEN 'completed' THEN 'caller_hangup' WHEN 'failed' THEN 'carrier_error' END,
           at, at, CASE WHEN status = 'completed' THEN at + interval '2 seconds' END,
           at + interval '1 second' * seconds,
           seconds, round(seconds / 60.0 * t.price_per_minute, 6),
           CASE WHEN status = 'completed' THEN (ARRAY['positive', 'neutral', 'negative'])[1 + n % 3] END,
           CASE WHEN status = 'completed' THEN (ARRAY[0.6, 0, -0.5])[1 + n % 3] END,
           CASE WHEN status = 'completed' AND n % 5 > 0 THEN n % 10 <> 1 END,
           CASE WHEN status = 'completed' THEN 'The caller asked about opening hours.' END,
           -- Words in all calls, in each tenth, and in each thousandth, for searches.
           CASE WHEN status = 'completed' THEN format(
               E'Agent: Hello, how can I help?\nCaller: When are you open? I need subject%s, of group%s.\nAgent: Sure.',
               n % 1000, n % 10) END,
           CASE WHEN status = 'completed' THEN jsonb_build_object(
               'failed_providers', CASE WHEN n % 200 = 0 THEN '{"stt": ["deepgram"]}' ELSE '{}' END::jsonb,
               'latency', jsonb_build_object('stt', jsonb_build_object(45 + n % 9, 3),
                   'llm', jsonb_build_object(58 + n % 7, 3), 'tts', jsonb_build_object(48 + n % 5, 3))) ELSE '{}' END
    FROM spoken s JOIN made m USING (rank) JOIN tiers t ON t.tier_name = m.tier
    RETURNING id, workspace_id, agent_id, created_at, duration_seconds, cost_total
)
INSERT INTO usage_records (id, workspace_id, call_id, agent_id, at, resource_type, provider, quantity, unit, cost,
                           price)
SELECT overlay(p.id::text PLACING u.digit FROM 36)::uuid, p.workspace_id, p.id, p.agent_id,
       p.created_at + interval '1 second' * CASE u.kind WHEN 'call_minutes' THEN 0 ELSE p.duration_seconds END, u.kind,
       u.provider, p.duration_seconds * u.rate, u.unit, round(p.duration_seconds * u.cost, 9),
       CASE WHEN u.kind = 'call_minutes' THEN p.cost_total ELSE 0 END
FROM put p
CROSS JOIN (VALUES
    ('0', 'call_minutes', '', 1, 'second', 0), ('1', 'stt', 'deepgram', 1000, 'ms', 0.0001),
    ('2', 'llm', 'openai', 9, 'prompt_tokens', 0.00004), ('3', 'tts', 'elevenlabs', 6, 'characters', 0.0003)
) AS u (digit, kind, provider, rate, unit, cost)
WHERE p.duration_seconds > 0
"""

_AUDIT: Final = """
INSERT INTO audit_log (id, at, actor, actor_id, actor_email, action, resource_type, resource_id, workspace_id, details)
SELECT pg_temp.id_at(at, 'audit', n), at, CASE WHEN n % 10 < 7 THEN 'user' ELSE 'admin' END, m.owner,
       'user' || m.rank * 3 || '@example.com',
       (ARRAY['agent.update', 'agent.activate', 'agent.pause', 'member.invite', 'workspace.update', 'setting.update',
              'workspace.suspend'])[1 + n % 7],
       'agent', n::text, m.id, '{"before": {"name": "A"}, "after": {"name": "B"}}'
FROM (SELECT n, now() - interval '90 days' * (1 - n::float / $1::integer) AS at
      FROM generate_series(1, $1::integer) AS n) AS line
JOIN made m ON m.rank = line.n % (SELECT count(*) FROM made)
"""


@dataclass(frozen=True, slots=True)
class SeedSize:
    """Numbers of rows. audit: rows of the audit log. batch: calls per statement."""

    workspaces: int = 1_000
    calls: int = 1_000_000
    audit: int = 200_000
    batch: int = 50_000


async def insert_rows(
    db: asyncpg.Connection, size: SeedSize, password_hash: str, progress: Callable[[str], None]
) -> None:
    """Inserts all rows. progress: called with a text. Raises asyncpg.PostgresError."""
    await db.execute("SET synchronous_commit = off; SET statement_timeout = 0; SELECT setseed(0.5)")
    for statement in (_ID, _PARTITIONS):
        await db.execute(statement)
    await db.execute(_WORKSPACES, size.workspaces)
    for statement in _TABLES:
        await db.execute(statement)
    await db.execute("UPDATE users SET password_hash = $1", password_hash)
    await db.execute(_AUDIT, size.audit)
    for first in range(1, size.calls + 1, size.batch):
        last = min(first + size.batch - 1, size.calls)
        await db.execute(_CALLS, first, last)
        progress(f"{last:,} calls")
    progress("statistics for the planner")
    await db.execute("VACUUM (ANALYZE)")
