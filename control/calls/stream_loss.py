"""Stores that a media stream was lost with its node, so that the call's end is not taken for the caller's."""

from datetime import datetime
from uuid import UUID

from control.calls import store
from control.calls.state import mark_lost
from control.calls.state_changes import save_changes
from control.db.pool import Connection


async def record_loss(db: Connection, call_id: UUID, leg: int, now: datetime) -> None:
    """The stream `leg` ended without an outcome: its node is gone. Nothing for a call that does not exist."""
    call = await store.lock_one(db, call_id)
    if call is not None:
        await save_changes(db, [(call.state, mark_lost(call.state, leg, now))])
