"""Read model of callers' messages: with the agent's name, and what decides when and to whom one is sent."""

from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.messages.model import CallerMessage, MessageCall

MOST_OWNERS: Final = 10
_MESSAGE: Final = (
    "id", "call_id", "agent_id", "taken_at", "caller_name", "callback_number", "reason", "text", "is_urgent",
    "emailed_at",
)  # fmt: skip
_COLUMNS: Final = f"{', '.join(f'm.{name}' for name in _MESSAGE)}, a.name AS agent_name"
_PAGE: Final = f"SELECT {_COLUMNS} FROM messages m LEFT JOIN agents a ON a.id = m.agent_id WHERE m.workspace_id = $1"
_ORDER: Final = Keyset(("m.taken_at", "m.id"), "SELECT taken_at, id FROM messages WHERE id = $1 AND workspace_id = $2")
# A message that was not sent, locked. Whether a call is recorded is told by the version that answered it, and the
# recipients by the agent as it is now. Only owners who can sign in and have confirmed their address get mail.
_LOCK_UNSENT: Final = f"""
    SELECT {_COLUMNS}, m.workspace_id, w.name AS workspace_name, w.timezone,
           coalesce(c.caller_number, '') AS caller_number,
           c.status NOT IN ('queued', 'ringing', 'in_progress') AS is_over, c.ended_at,
           coalesce(v.config->'recording'->>'enabled' = 'true', false) AS is_recorded,
           c.recording_key IS NOT NULL AS has_recording,
           ARRAY(SELECT jsonb_array_elements_text(latest.config->'messages'->'email_to')) AS email_to,
           ARRAY(SELECT u.email FROM workspace_members o JOIN users u ON u.id = o.user_id
                 WHERE o.workspace_id = w.id AND o.role = 'owner' AND u.is_active AND u.email_verified_at IS NOT NULL
                 ORDER BY o.joined_at, o.user_id LIMIT {MOST_OWNERS}) AS owners
    FROM messages m
    JOIN calls c ON c.id = m.call_id
    JOIN workspaces w ON w.id = m.workspace_id AND w.deleted_at IS NULL
    LEFT JOIN agents a ON a.id = m.agent_id
    LEFT JOIN agent_versions v ON v.agent_id = c.agent_id AND v.version = c.agent_version
    LEFT JOIN agent_versions latest ON latest.agent_id = a.id AND latest.version = a.version
    WHERE m.id = $1 AND m.emailed_at IS NULL
    FOR UPDATE OF m
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
        email_to=row["email_to"] or row["owners"],
    )


def _message(row: Any) -> CallerMessage:
    return CallerMessage(**{name: row[name] for name in _MESSAGE}, agent_name=row["agent_name"])
