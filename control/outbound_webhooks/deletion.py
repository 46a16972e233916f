"""Deletion of events: of callers, of what they said, of workspaces. Needs platform scope."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks import store_events
from control.outbound_webhooks.event_types import EventType

# Whose data is a part of what was said.
_WORDS: Final[tuple[EventType, ...]] = ("message.taken",)


async def delete_call_events(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes all events of these calls, also those that were not delivered yet; returns how many."""
    return await store_events.delete_of_calls(db, workspace_id, call_ids)


async def delete_spoken_events(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes those of these calls' events that hold what was said; returns how many."""
    return await store_events.delete_of_calls(db, workspace_id, call_ids, _WORDS)


async def delete_workspace_events(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` events of a workspace that is purged; returns how many."""
    return await store_events.delete_of_workspace(db, workspace_id, most)
