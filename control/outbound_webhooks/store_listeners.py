"""SQL that finds the endpoints which want events."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_SELECT: Final = """
    SELECT id, workspace_id, event_types FROM outbound_webhook_endpoints
    WHERE workspace_id = ANY($1::uuid[]) AND is_enabled ORDER BY created_at, id
"""


@dataclass(frozen=True, slots=True)
class EventListener:
    """An enabled endpoint. event_types: None for all."""

    id: UUID
    event_types: Sequence[str] | None


async def select_listeners(db: Connection, workspace_ids: Collection[UUID]) -> dict[UUID, list[EventListener]]:
    """By workspace; one without endpoints is left out."""
    found: dict[UUID, list[EventListener]] = {}
    for row in await db.fetch(_SELECT, list(workspace_ids)):
        found.setdefault(row["workspace_id"], []).append(EventListener(row["id"], row["event_types"]))
    return found
