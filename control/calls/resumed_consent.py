"""Takes into a call's record what only the checkpoint of a lost node knows about announcements and consent."""

from datetime import UTC, datetime
from uuid import UUID

from control.calls import store
from control.calls.consent import apply_checkpoint
from control.calls.recording_discard import enqueue_discards
from control.calls.recording_start import enqueue_recording_starts
from control.calls.state_changes import save_changes
from control.db.pool import Connection
from shared.bus.checkpoints import Checkpoint


async def record_checkpoint(db: Connection, call_id: UUID, checkpoint: Checkpoint, now: datetime) -> None:
    """The node may have been lost between its checkpoint and its events. The next one relies on the checkpoint and says
    nothing again: without this the record would not tell what it relies on, and the carrier would not begin to record,
    or not stop. Needs platform scope."""
    call = await store.lock_one(db, call_id)
    if call is None:
        return
    # The node's clock may be wrong by years.
    at_s = min(max(checkpoint.at_ms / 1_000, call.state.created_at.timestamp()), now.timestamp())
    at = datetime.fromtimestamp(at_s, UTC)
    after = apply_checkpoint(call.state, checkpoint, at)
    if after != call.state:
        changed = [(call.state, after)]
        await save_changes(db, changed)
        await enqueue_recording_starts(db, changed)
        await enqueue_discards(db, changed)
