"""What billing keeps of workspaces that are purged."""

from uuid import UUID

from control.billing import read_billed_workspaces
from control.db.pool import Connection


async def keep_billing_facts(db: Connection, workspace_id: UUID) -> None:
    """Keeps what later invoices need of a workspace that is about to be purged: its name and its numbers, all of which
    must be released. Needs platform scope."""
    await read_billed_workspaces.insert_kept_facts(db, workspace_id)
