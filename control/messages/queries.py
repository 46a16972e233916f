"""SQL for callers' messages."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.messages.rules import MOST_RECIPIENTS, CallerMessage, MessageCall, NewMessage, Recipient

# Inserts one row for each run of the tool, however often the run is repeated.
_INSERT: Final = """
    INSERT INTO messages (id, workspace_id, call_id, run_id, agent_id, taken_at, caller_name, callback_number, reason,
                          text, is_urgent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (call_id, run_id) DO NOTHING
"""
_COUNT_OF_CALL: Final = "SELECT count(*) FROM messages WHERE workspace_id = $1 AND call_id = $2 AND run_id <> $3"
# Counts one more e-mail on day $3 for each of the members $2, and returns no row for a member who has already had $4 on
# that day. Rows are locked in the order of the ids, so that two transactions cannot deadlock.
_COUNT_EMAILS: Final = """
    INSERT INTO message_emails AS e (workspace_id, user_id, day, sent)
    SELECT $1, user_id, $3, 1 FROM unnest($2::uuid[]) AS u (user_id) ORDER BY user_id
    ON CONFLICT (workspace_id, user_id) DO UPDATE
    SET day = excluded.day, sent = CASE WHEN e.day = excluded.day THEN e.sent + 1 ELSE 1 END
    WHERE e.day <> excluded.day OR e.sent < $4
    RETURNING user_id, sent
"""
_COUNT: Final = "SELECT count(*) FROM messages WHERE workspace_id = $1 AND ($2::uuid IS NULL OR call_id = $2)"
_MESSAGE: Final = (
    "id", "call_id", "agent_id", "taken_at", "caller_name", "callback_number", "reason", "text", "is_urgent",
    "emailed_at",
)  # fmt: skip
_COLUMNS: Final = f"{', '.join(f'm.{name}' for name in _MESSAGE)}, a.name AS agent_name"
_PAGE: Final = f"SELECT {_COLUMNS} FROM messages m LEFT JOIN agents a ON a.id = m.agent_id WHERE m.workspace_id = $1"
_ORDER: Final = Keyset(("m.taken_at", "m.id"), "SELECT taken_at, id FROM messages WHERE id = $1 AND workspace_id = $2")
# Selects and locks a message that was not sent. The agent version that answered the call determines whether it is
# recorded.
_LOCK_UNSENT: Final = f"""
    SELECT {_COLUMNS}, m.workspace_id, w.name AS workspace_name, w.timezone,
           coalesce(c.caller_number, '') AS caller_number,
           c.status NOT IN ('queued', 'ringing', 'in_progress') AS is_over, c.ended_at,
           coalesce(v.config->'recording'->>'enabled' = 'true', false) AS is_recorded,
           c.recording_key IS NOT NULL AS has_recording
    FROM messages m
    JOIN calls c ON c.id = m.call_id
    JOIN workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
    LEFT JOIN agents a ON a.id = m.agent_id
    LEFT JOIN agent_versions v ON v.agent_id = c.agent_id AND v.version = c.agent_version
    WHERE m.id = $1 AND m.emailed_at IS NULL
    FOR UPDATE OF m
"""
# Selects the members whom the agent currently names, or else the owners. Members who cannot sign in or have not
# confirmed their address get no e-mail; otherwise a workspace could have any number of messages sent to a stranger.
_RECIPIENTS: Final = """
    WITH named AS (
        SELECT v.config->'messages'->'email_to' AS emails
        FROM agents a JOIN agent_versions v ON v.agent_id = a.id AND v.version = a.version
        WHERE a.id = $2 AND a.workspace_id = $1
    )
    SELECT u.id AS user_id, u.email, coalesce((SELECT emails FROM named) ? u.email, false) AS is_named
    FROM workspace_members m JOIN users u ON u.id = m.user_id
    WHERE m.workspace_id = $1 AND u.is_active AND u.email_verified_at IS NOT NULL
      AND (m.role = 'owner' OR (SELECT emails FROM named) ? u.email)
    ORDER BY is_named DESC, m.joined_at, m.user_id LIMIT $3 FOR KEY SHARE OF m
"""
# Callers say their number in many forms, so only its digits are compared.
_SELECT_CALLS: Final = """
    SELECT DISTINCT call_id FROM messages
    WHERE workspace_id = $1 AND taken_at <= $3
      AND regexp_replace(callback_number, '[^0-9]', '', 'g') = regexp_replace($2, '[^0-9]', '', 'g') LIMIT $4
"""


async def insert_message(db: Connection, new: NewMessage) -> bool:
    """Insert a message. Return False if a message of this run is already stored."""
    return bool(await db.execute(_INSERT, *astuple(new)) == "INSERT 0 1")


async def count_of_call(db: Connection, workspace_id: UUID, call_id: UUID, *, but: str) -> int:
    """Count the messages of a call, excluding the message of the run `but`."""
    count: int = await db.fetchval(_COUNT_OF_CALL, workspace_id, call_id, but)
    return count


async def count_messages(db: Connection, workspace_id: UUID, call_id: UUID | None) -> int:
    """Count a workspace's messages.

    Args:
        call_id: Count only messages of this call; None for all calls.
    """
    count: int = await db.fetchval(_COUNT, workspace_id, call_id)
    return count


async def count_emails(
    db: Connection, workspace_id: UUID, user_ids: Iterable[UUID], day: date, most: int
) -> dict[UUID, int]:
    """Count one more e-mail for each of these members. Return each member's count for the day, including this e-mail.

    Members who have already had `most` e-mails are left out.
    """
    rows = await db.fetch(_COUNT_EMAILS, workspace_id, list(user_ids), day, most)
    return {row["user_id"]: row["sent"] for row in rows}


async def set_emailed(db: Connection, message_id: UUID, now: datetime) -> None:
    """Record that a message's e-mails are enqueued."""
    await db.execute("UPDATE messages SET emailed_at = $2 WHERE id = $1", message_id, now)


async def select_messages(
    db: Connection, workspace_id: UUID, call_id: UUID | None, page: PageRequest
) -> ListPage[CallerMessage]:
    """Return a page, newest first. Raises Invalid (code cursor_unknown).

    Args:
        call_id: Return only messages of this call; None for all calls.
    """
    of_call, values = ("", [workspace_id]) if call_id is None else ("AND m.call_id = $2", [workspace_id, call_id])
    clause = await _ORDER.make_clause(db, page, values, (workspace_id,))
    rows = await db.fetch(f"{_PAGE} {of_call} {clause.tail}", *clause.values)
    return cut_page([_message(row) for row in rows], page)


async def lock_unsent(db: Connection, message_id: UUID) -> MessageCall | None:
    """Return an unsent message with its call, locked, or None if it was sent or deleted. Needs platform scope."""
    row = await db.fetchrow(_LOCK_UNSENT, message_id)
    if row is None:
        return None
    return MessageCall(
        message=_message(row),
        workspace_id=row["workspace_id"],
        workspace_name=row["workspace_name"],
        timezone=row["timezone"],
        caller_number=row["caller_number"],
        is_over=row["is_over"],
        ended_at=row["ended_at"],
        is_recorded=row["is_recorded"],
        has_recording=row["has_recording"],
    )


async def select_recipients(db: Connection, workspace_id: UUID, agent_id: UUID) -> list[Recipient]:
    """Return the recipients of the agent's messages: the members whom the agent names, else the owners.

    Returns up to MOST_RECIPIENTS, whose membership is locked until the transaction ends. Needs platform scope.
    """
    rows = await db.fetch(_RECIPIENTS, workspace_id, agent_id, MOST_RECIPIENTS)
    named = [row for row in rows if row["is_named"]]
    return [Recipient(row["user_id"], row["email"]) for row in named or rows]


async def select_calls_of_number(
    db: Connection, workspace_id: UUID, number: str, until: datetime, most: int
) -> list[UUID]:
    """Return calls with a message that requests a callback to this number."""
    return [row["call_id"] for row in await db.fetch(_SELECT_CALLS, workspace_id, number, until, most)]


async def delete_messages(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Delete the messages of these calls. Return how many were deleted."""
    status = await db.execute(
        "DELETE FROM messages WHERE workspace_id = $1 AND call_id = ANY($2::uuid[])", workspace_id, call_ids
    )
    return int(status.split()[-1])


def _message(row: Any) -> CallerMessage:
    return CallerMessage(**{name: row[name] for name in _MESSAGE}, agent_name=row["agent_name"])
