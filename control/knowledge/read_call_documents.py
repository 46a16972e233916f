"""Read model: in which documents the agent of a call searches, by the version that the call began with."""

from typing import Final
from uuid import UUID

from control.db.pool import Connection

_DOCUMENTS: Final = """
    SELECT v.config->'knowledge'->'document_ids' AS ids
    FROM calls c JOIN agent_versions v ON v.agent_id = c.agent_id AND v.version = c.agent_version
    WHERE c.id = $1 AND c.workspace_id = $2
"""


async def select_call_documents(db: Connection, workspace_id: UUID, call_id: UUID) -> list[UUID] | None:
    """Ids of documents; empty: all of the workspace; None: the call's version is not known, so none."""
    row = await db.fetchrow(_DOCUMENTS, call_id, workspace_id)
    return None if row is None else [UUID(one) for one in row["ids"] or ()]
