"""Read model: what the workspaces of a tier use of its limits (agents, members and invitations, phone numbers)."""

from control.db.pool import Connection
from control.platform.model import Tier
from control.platform.tier_changes import TIER_LIMITS, TierUse


async def select_tier_use(db: Connection, tier: Tier) -> TierUse:
    """For each limit: the highest use by a workspace of the tier, and how many use more than `tier` allows."""
    row = await db.fetchrow(
        """
        WITH used AS (
            SELECT (SELECT count(*) FROM agents a WHERE a.workspace_id = w.id AND a.deleted_at IS NULL) AS max_agents,
                   (SELECT count(*) FROM workspace_members m WHERE m.workspace_id = w.id)
                   + (SELECT count(*) FROM invitations i WHERE i.workspace_id = w.id AND i.accepted_at IS NULL
                      AND i.revoked_at IS NULL AND i.expires_at > now()) AS max_members,
                   (SELECT count(*) FROM phone_numbers p WHERE p.workspace_id = w.id
                    AND p.status IN ('buying', 'active')) AS max_phone_numbers
            FROM workspaces w WHERE w.tier_name = $1 AND w.deleted_at IS NULL
        )
        SELECT coalesce(max(max_agents), 0) AS max_agents, count(*) FILTER (WHERE max_agents > $2) AS over_max_agents,
               coalesce(max(max_members), 0) AS max_members,
               count(*) FILTER (WHERE max_members > $3) AS over_max_members,
               coalesce(max(max_phone_numbers), 0) AS max_phone_numbers,
               count(*) FILTER (WHERE max_phone_numbers > $4) AS over_max_phone_numbers
        FROM used
        """,
        tier.tier_name,
        *(getattr(tier, name) for name in TIER_LIMITS),
    )
    return TierUse({name: row[name] for name in TIER_LIMITS}, {name: row[f"over_{name}"] for name in TIER_LIMITS})
