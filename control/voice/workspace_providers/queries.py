"""SQL for workspace_providers: a workspace's own settings and keys of providers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """A workspace's settings of a provider.

    Attributes:
        sealed: The workspace's sealed key.
        config: Options by kind.
    """

    is_enabled: bool = True
    uses_platform_key: bool = True
    sealed: bytes | None = None
    config: Mapping[str, Any] | None = None


async def lock_settings(db: Connection, workspace_id: UUID, provider: str) -> ProviderSettings:
    """Return the settings, or the defaults if none are stored, and block other changes until the transaction ends."""
    await db.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('provider ' || $1::text || ' ' || $2, 0))",
        str(workspace_id),
        provider,
    )
    row = await db.fetchrow(
        """
        SELECT is_enabled, uses_platform_key, api_key AS sealed, config FROM workspace_providers
        WHERE workspace_id = $1 AND provider = $2
        """,
        workspace_id,
        provider,
    )
    return ProviderSettings() if row is None else ProviderSettings(**row)


async def upsert_settings(
    db: Connection, workspace_id: UUID, provider: str, settings: ProviderSettings, now: datetime
) -> None:
    """Store the settings. Also store when the workspace returned to the platform's key."""
    await db.execute(
        """
        INSERT INTO workspace_providers
            AS w (workspace_id, provider, is_enabled, uses_platform_key, api_key, config, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (workspace_id, provider) DO UPDATE SET
            platform_key_since = CASE WHEN excluded.uses_platform_key AND NOT w.uses_platform_key THEN $7
                                      ELSE w.platform_key_since END,
            is_enabled = excluded.is_enabled,
            uses_platform_key = excluded.uses_platform_key, api_key = excluded.api_key, config = excluded.config,
            updated_at = excluded.updated_at
        """,
        workspace_id,
        provider,
        settings.is_enabled,
        settings.uses_platform_key,
        settings.sealed,
        dict(settings.config or {}),
        now,
    )
