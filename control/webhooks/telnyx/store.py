"""SQL of Telnyx's stored events."""

from typing import Final

from control.db.pool import Connection

# Newest call.initiated of a leg: its call_control_id.
SELECT_CALL_OF_LEG: Final = """
SELECT payload #>> '{data,payload,call_control_id}' FROM webhook_events
WHERE source = 'telnyx' AND event_type = 'call.initiated' AND payload #>> '{data,payload,call_leg_id}' = $1
ORDER BY received_at DESC LIMIT 1
"""


async def find_call_of_leg(db: Connection, call_leg_id: str) -> str | None:
    """Returns the call_control_id of a leg whose call.initiated was stored. call.recording.saved names only the leg
    (the SDK's type of it has no call_control_id)."""
    found: str | None = await db.fetchval(SELECT_CALL_OF_LEG, call_leg_id)
    return found
