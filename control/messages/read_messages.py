"""Read model of callers' messages: with the agent's name, and what decides when and to whom one is sent."""

from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.messages.model import CallerMessage, MessageCall, Recipient

MOST_RECIPIENTS: Final = 10
_MESSAGE: Final = (
    "id", "call_id", "agent_id", "taken_at", "caller_name", "callback_number", "reason", "text", "is_urgent",
    "emailed_at",
)  # fmt: skip
_COLUMNS: Final = f"{', '.join(f'm.{name}' for name in _MESSAGE)}, a.name AS agent_name"
_PAGE: Final = f"SELECT {_COLUMNS} FROM messages m LEFT JOIN agents a ON a.id = m.agent_id WHERE m.workspace_id = $1"
_ORDER: Final = Keyset(("m.taken_at", "m.id"), "SELECT taken_at, id FROM messages WHERE id = $1 AND workspace_id = $2")
# A message that was not sent, locked. Whether a call is recorded is told by the version that answered it.
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
# The members whom the agent names as it is now, before the owners. Nobody else gets mail, and no member who cannot sign
# in or has not confirmed the address: a workspace could have any number of messages sent to a stranger.
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


async def select_messages(
    db: Connection, workspace_id: UUID, call_id: UUID | None, page: PageRequest
) -> ListPage[CallerMessage]:
    """A page, newest first. call_id: only of this call. Raises Invalid (code cursor_unknown)."""
    of_call, values = ("", [workspace_id]) if call_id is None else ("AND m.call_id = $2", [workspace_id, call_id])
    clause = await _ORDER.make_clause(db, page, values, (workspace_id,))
    rows = await db.fetch(f"{_PAGE} {of_call} {clause.tail}", *clause.values)
    return cut_page([_message(row) for row in rows], page)


async def lock_unsent(db: Connection, message_id: UUID) -> MessageCall | None:
    """The message with its call; None when it was sent, or is deleted. In platform scope."""
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
    """Who gets the agent's messages: the members whom it names, else the owners; up to MOST_RECIPIENTS. They stay
    members until the transaction ends. In platform scope."""
    rows = await db.fetch(_RECIPIENTS, workspace_id, agent_id, MOST_RECIPIENTS)
    named = [row for row in rows if row["is_named"]]
    return [Recipient(row["user_id"], row["email"]) for row in named or rows]


def _message(row: Any) -> CallerMessage:
    return CallerMessage(**{name: row[name] for name in _MESSAGE}, agent_name=row["agent_name"])
