"""SQL that finds the agent for a call: workspace, tier, agent, version and providers in one query."""

from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.voice.catalog.service import FIGURES_QUERY, RULES_QUERY

# Countries of the numbers that workspace `w` may call from, or the number itself if its country is not stored.
_HOMES: Final = """
    ARRAY(SELECT DISTINCT coalesce(n.country, n.phone_number) FROM phone_numbers n
          WHERE n.workspace_id = w.id AND n.status = 'active' AND n.carrier IN ('twilio', 'telnyx')) AS homes
"""
# The part before ";" is the number of a target with an extension.
_OURS: Final = """
    EXISTS (SELECT FROM phone_numbers n
            WHERE n.phone_number = split_part({number}, ';', 1)
              AND n.status IN ('buying', 'active', 'releasing')) AS is_ours
"""
# The only numbers that workspace `w` may call while it is on trial: numbers that its members verified; null for any.
_TRIAL_NUMBERS: Final = """
    CASE WHEN w.status = 'trial'
              AND coalesce((SELECT value FROM settings WHERE key = 'trial_calls_verified_only'), 'true') = 'true'
         THEN ARRAY(SELECT DISTINCT y.phone_number
                    FROM verified_numbers y JOIN workspace_members m ON m.user_id = y.user_id
                    WHERE m.workspace_id = w.id LIMIT 1000) END AS trial_numbers
"""
# The data that the plan needs of the workspace's tools that version `v` names.
_TOOLS: Final = """
    (SELECT coalesce(jsonb_agg(jsonb_build_object('name', h.name, 'config', h.config)), '[]') FROM http_tools h
     WHERE h.workspace_id = w.id AND v.config->'http_tools' ? h.name) AS http_tools,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'config', s.config, 'tools', s.tools)), '[]')
     FROM mcp_servers s
     WHERE s.workspace_id = w.id
       AND v.config->'mcp_tools' @> jsonb_build_array(jsonb_build_object('server', s.name))) AS mcp_servers,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('id', i.id, 'actions', (
                SELECT jsonb_object_agg(d->>'name', coalesce((d->>'read_only')::boolean, false))
                FROM jsonb_array_elements(y.config->'actions') d))), '[]')
     FROM integrations i JOIN integration_types y ON y.type = i.integration_type
     WHERE i.workspace_id = w.id
       AND v.config->'action_tools' @> jsonb_build_array(jsonb_build_object('integration_id', i.id::text))
    ) AS action_connections
"""
_ANSWERING: Final = f"""
    SELECT x.workspace_id, x.number_id, w.status AS workspace_status, w.deleted_at IS NOT NULL AS is_deleted,
           EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                   WHERE m.workspace_id = w.id AND m.role = 'owner' AND u.email_verified_at IS NOT NULL) AS is_verified,
           t.max_concurrent_calls, t.features, w.settings, w.name AS workspace_name, w.timezone,
           a.id AS agent_id, a.status AS agent_status, v.version, v.name, v.config, v.voice_provider, v.voice_config,
           v.created_at, {_HOMES}, {_TRIAL_NUMBERS}, {_OURS.format(number="v.config->>'fallback_number'")},
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'provider', p.provider, 'kinds', p.kinds, 'is_enabled', p.is_enabled, 'priority', p.priority,
                'needs_key', p.needs_key, 'for_tests', p.for_tests, 'config', p.config, 'options', p.options,
                'platform_key', p.api_key IS NOT NULL, 'allowed', coalesce(o.is_enabled, true),
                'uses_platform_key', coalesce(o.uses_platform_key, true), 'own_key', o.api_key IS NOT NULL,
                'own_config', coalesce(o.config, '{{}}'), 'data_policy', p.data_policy,
                'estimated_costs', p.estimated_costs,
                'figures', f.figures,
                'sealed', encode(CASE WHEN coalesce(o.uses_platform_key, true) THEN p.api_key ELSE o.api_key END,
                                 'base64'))), '[]')
            FROM providers p LEFT JOIN workspace_providers o ON o.provider = p.provider AND o.workspace_id = w.id,
                 LATERAL ({FIGURES_QUERY}) f
           ) AS offers, {RULES_QUERY} AS rules, {_TOOLS}
    FROM target x
    JOIN workspaces w ON w.id = x.workspace_id
    JOIN tiers t ON t.tier_name = w.tier_name
    LEFT JOIN agents a ON a.workspace_id = x.workspace_id AND a.id = x.agent_id AND a.deleted_at IS NULL
    LEFT JOIN agent_versions v ON v.agent_id = a.id AND v.version = coalesce(x.version, a.version)
"""
_BY_NUMBER: Final = f"""
    WITH target AS (SELECT id AS number_id, workspace_id, agent_id, NULL::integer AS version
                    FROM phone_numbers WHERE phone_number = $1 AND carrier = $2 AND status = 'active')
    {_ANSWERING}
"""
_BY_AGENT: Final = f"""
    WITH target AS (SELECT NULL::uuid AS number_id, $1::uuid AS workspace_id, $2::uuid AS agent_id,
                           $3::integer AS version)
    {_ANSWERING}
"""


async def select_by_number(db: Connection, number: str, carrier: str) -> Any:
    """Return the row for this number, or None if the number is not active or not at this carrier.

    Needs platform scope, because the workspace is not known yet.
    """
    return await db.fetchrow(_BY_NUMBER, number, carrier)


async def select_by_agent(db: Connection, workspace_id: UUID, agent_id: UUID | None, version: int | None) -> Any:
    """Return the row for an agent.

    Args:
        version: None for the current version.
    """
    return await db.fetchrow(_BY_AGENT, workspace_id, agent_id, version)


async def select_dial_scope(db: Connection, workspace_id: UUID, number: str) -> Any:
    """Return the row for `destinations.make_dial_scope`.

    It contains the destinations that a workspace's calls may reach, and whether this number is one of our own numbers,
    as far as the scope allows.
    """
    return await db.fetchrow(
        f"SELECT w.settings, {_HOMES}, {_TRIAL_NUMBERS}, {_OURS.format(number='$2')} FROM workspaces w WHERE w.id = $1",
        workspace_id,
        number,
    )
