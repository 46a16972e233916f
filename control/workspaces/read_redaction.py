"""Read model: what workspaces have left out of what is kept of their calls."""

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.workspaces.model import redaction_kinds

# Those of workspaces $1 that redact anything.
_SELECT: Final = """
    SELECT id, settings FROM workspaces WHERE id = ANY ($1::uuid[]) AND settings ? 'redaction' LIMIT 10000
"""


async def select_redaction(db: Connection, workspace_ids: Iterable[UUID]) -> Mapping[UUID, tuple[str, ...]]:
    """By workspace, the kinds that it redacts; those that redact nothing are left out."""
    rows = await db.fetch(_SELECT, list(set(workspace_ids)))
    return {row["id"]: kinds for row in rows if (kinds := redaction_kinds(row["settings"]))}
