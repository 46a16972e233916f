"""SQL of callers' messages."""

from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# One row for each run of the tool, however often the run is repeated.
_INSERT: Final = """
    INSERT INTO messages (id, workspace_id, call_id, run_id, agent_id, taken_at, caller_name, callback_number, reason,
                          text, is_urgent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (call_id, run_id) DO NOTHING
"""
_COUNT_OF_CALL: Final = "SELECT count(*) FROM messages WHERE workspace_id = $1 AND call_id = $2 AND run_id <> $3"
_COUNT: Final = "SELECT count(*) FROM messages WHERE workspace_id = $1 AND ($2::uuid IS NULL OR call_id = $2)"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to insert. run_id: of the tool, within the call."""

    id: UUID
    workspace_id: UUID
    call_id: UUID
    run_id: str
    agent_id: UUID
    taken_at: datetime
    caller_name: str
    callback_number: str
    reason: str
    text: str
    is_urgent: bool


async def insert_message(db: Connection, new: NewMessage) -> bool:
    """False: a message of this run is stored already."""
    return bool(await db.execute(_INSERT, *astuple(new)) == "INSERT 0 1")


async def count_of_call(db: Connection, workspace_id: UUID, call_id: UUID, *, but: str) -> int:
    """Counts a call's messages, without the one of run `but`."""
    count: int = await db.fetchval(_COUNT_OF_CALL, workspace_id, call_id, but)
    return count


async def count_messages(db: Connection, workspace_id: UUID, call_id: UUID | None) -> int:
    """Counts a workspace's messages. call_id: only of this call."""
    count: int = await db.fetchval(_COUNT, workspace_id, call_id)
    return count


async def set_emailed(db: Connection, message_id: UUID, now: datetime) -> None:
    """Stores that a message's e-mails are enqueued."""
    await db.execute("UPDATE messages SET emailed_at = $2 WHERE id = $1", message_id, now)
