"""SQL of callers' messages."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from datetime import date, datetime
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
# One more e-mail of day $3 for each of members $2; no row for one who has had $4 on that day. In the order of the ids,
# so that two transactions cannot deadlock.
_COUNT_EMAILS: Final = """
    INSERT INTO message_emails AS e (workspace_id, user_id, day, sent)
    SELECT $1, user_id, $3, 1 FROM unnest($2::uuid[]) AS u (user_id) ORDER BY user_id
    ON CONFLICT (workspace_id, user_id) DO UPDATE
    SET day = excluded.day, sent = CASE WHEN e.day = excluded.day THEN e.sent + 1 ELSE 1 END
    WHERE e.day <> excluded.day OR e.sent < $4
    RETURNING user_id, sent
"""
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


async def count_emails(
    db: Connection, workspace_id: UUID, user_ids: Iterable[UUID], day: date, most: int
) -> dict[UUID, int]:
    """Counts one more e-mail for each of these members; returns how many each has had on this day, this one included.
    Those who have had `most` already are left out."""
    rows = await db.fetch(_COUNT_EMAILS, workspace_id, list(user_ids), day, most)
    return {row["user_id"]: row["sent"] for row in rows}


async def set_emailed(db: Connection, message_id: UUID, now: datetime) -> None:
    """Stores that a message's e-mails are enqueued."""
    await db.execute("UPDATE messages SET emailed_at = $2 WHERE id = $1", message_id, now)
