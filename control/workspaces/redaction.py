"""What workspaces have left out of what is kept of their calls."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from control.db.pool import Connection
from control.workspaces import read_redaction


async def find_redaction(db: Connection, workspace_ids: Iterable[UUID]) -> Mapping[UUID, tuple[str, ...]]:
    """By workspace, the kinds (control/redaction/finder.py) that it redacts; those that redact nothing are left out."""
    return await read_redaction.select_redaction(db, workspace_ids)
