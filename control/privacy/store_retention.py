"""SQL of retention_progress: how far a workspace's calls were deleted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.privacy.model import RetentionKind

_UPSERT: Final = """
    INSERT INTO retention_progress (workspace_id, kind, reached_at, reached_id) VALUES ($1, $2, $3, $4)
    ON CONFLICT (workspace_id, kind) DO UPDATE SET reached_at = excluded.reached_at, reached_id = excluded.reached_id
    WHERE (retention_progress.reached_at, retention_progress.reached_id) < (excluded.reached_at, excluded.reached_id)
"""


@dataclass(frozen=True, slots=True)
class CallPosition:
    """A call's place in the order of creation."""

    created_at: datetime
    id: UUID


async def advance(db: Connection, workspace_id: UUID, kind: RetentionKind, reached: CallPosition) -> None:
    """Stores that all calls up to this one are done; never goes back."""
    await db.execute(_UPSERT, workspace_id, kind, reached.created_at, reached.id)
