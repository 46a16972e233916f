"""Read model: which agents name a provider."""

from control.db.pool import Connection


async def is_named_by_live_agent(db: Connection, provider: str) -> bool:
    """Whether the current version of a live agent names the provider. Reads the configs of all live agents, for an
    operation of the staff. Needs platform scope."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM agents a JOIN agent_versions v ON v.agent_id = a.id AND v.version = a.version
            WHERE a.status = 'live' AND a.deleted_at IS NULL
              AND (v.voice_provider = $1
                   OR jsonb_path_exists(v.config, '$.speech.*[*].provider ? (@ == $name)',
                                        jsonb_build_object('name', $1::text))) LIMIT 1)
        """,
        provider,
    )
    return found
