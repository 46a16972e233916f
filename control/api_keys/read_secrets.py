"""Read model of keys' secrets, with the members who hold them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from control.api_keys.model import KeySecret
from control.db.pool import Connection


async def select_secrets(db: Connection, workspace_id: UUID, keys: Sequence[UUID], now: datetime) -> list[KeySecret]:
    """Those of the keys that have not ended, newest first. A key has few: all but the newest end within a week."""
    rows = await db.fetch(
        """
        SELECT s.key_id, s.prefix, u.email AS holder_email, s.created_at, s.expires_at, s.last_used_at,
               m.user_id IS NOT NULL AND u.is_active AS holder_is_member
        FROM api_key_secrets s
        JOIN users u ON u.id = s.holder_id
        LEFT JOIN workspace_members m ON m.workspace_id = s.workspace_id AND m.user_id = s.holder_id
        WHERE s.workspace_id = $1 AND s.key_id = ANY ($2) AND (s.expires_at IS NULL OR s.expires_at > $3)
        ORDER BY s.created_at DESC, s.expires_at DESC LIMIT 1000
        """,
        workspace_id, list(keys), now,
    )  # fmt: skip
    return [KeySecret(**row) for row in rows]
