"""SQL for routing: the platform's routing, the workspaces' strategies, and the providers' figures."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.voice.routing.rules import PlatformRouting, StoredStrategy

# The figures of provider `p` by role, for ProviderOffer. Figures from calls take precedence over those from probes.
SELECT_FIGURES: Final = """
    SELECT coalesce(jsonb_object_agg(x.role, jsonb_build_object(
        'p50_ms', x.p50_ms, 'error_rate', x.error_rate)), '{}') AS figures
    FROM (SELECT DISTINCT ON (g.role) g.role, g.p50_ms, g.error_rate
          FROM provider_figures g WHERE g.provider = p.provider
          ORDER BY g.role, g.p50_ms IS NULL, g.source = 'probes') x
"""
# The routing rules of workspace `w`, for make_rules.
SELECT_RULES: Final = """
    (SELECT jsonb_build_object(
        'default_strategy', r.default_strategy, 'fallback_chain', r.fallback_chain,
        'strategy', s.strategy, 'config', s.config, 'fallback_enabled', s.fallback_enabled)
     FROM (SELECT) one LEFT JOIN voice_routing r ON r.id
          LEFT JOIN voice_strategies s ON s.workspace_id = w.id)
"""


async def select_routing(db: Connection) -> PlatformRouting | None:
    """Return the platform's routing, or None if it has never been set."""
    row = await db.fetchrow("SELECT default_strategy, fallback_chain, updated_at FROM voice_routing")
    return None if row is None else PlatformRouting(**row)


async def upsert_routing(db: Connection, routing: PlatformRouting) -> None:
    """Set the platform's routing."""
    await db.execute(
        """
        INSERT INTO voice_routing (default_strategy, fallback_chain, updated_at) VALUES ($1, $2, $3)
        ON CONFLICT (id) DO UPDATE SET default_strategy = excluded.default_strategy,
            fallback_chain = excluded.fallback_chain, updated_at = excluded.updated_at
        """,
        routing.default_strategy,
        list(routing.fallback_chain),
        routing.updated_at,
    )


async def select_strategy(db: Connection, workspace_id: UUID) -> StoredStrategy | None:
    """Return the workspace's routing, or None if it has never been set."""
    row = await db.fetchrow(
        "SELECT strategy, config, fallback_enabled FROM voice_strategies WHERE workspace_id = $1", workspace_id
    )
    return None if row is None else StoredStrategy(**row)


async def upsert_strategy(db: Connection, workspace_id: UUID, strategy: StoredStrategy, now: datetime) -> None:
    """Set the workspace's routing."""
    await db.execute(
        """
        INSERT INTO voice_strategies (workspace_id, strategy, config, fallback_enabled, updated_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (workspace_id) DO UPDATE SET strategy = excluded.strategy, config = excluded.config,
            fallback_enabled = excluded.fallback_enabled, updated_at = excluded.updated_at
        """,
        workspace_id,
        strategy.strategy,
        dict(strategy.config),
        strategy.fallback_enabled,
        now,
    )


async def select_rules(db: Connection, workspace_id: UUID) -> Mapping[str, Any]:
    """Return the workspace's routing rules, for make_rules."""
    rules: Mapping[str, Any] = await db.fetchval(f"SELECT {SELECT_RULES} FROM (SELECT $1::uuid AS id) w", workspace_id)
    return rules


async def remove_from_chain(db: Connection, providers: Iterable[str]) -> None:
    """Remove deleted providers from the platform's fallback chain."""
    await db.execute(
        """
        UPDATE voice_routing SET fallback_chain = ARRAY(
            SELECT name FROM unnest(fallback_chain) WITH ORDINALITY AS c (name, place)
            WHERE name <> ALL($1::text[]) ORDER BY place)
        WHERE fallback_chain && $1::text[]
        """,
        list(providers),
    )
