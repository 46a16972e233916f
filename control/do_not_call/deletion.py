"""What becomes of a do-not-call list when a caller's data is deleted."""

from uuid import UUID

from control.db.pool import Connection
from control.do_not_call import store


async def keep_pseudonym(db: Connection, workspace_id: UUID, number: str, pseudonym: str) -> int:
    """Puts the pseudonym in place of the number, and deletes the note; returns how many entries there were. The entry
    itself stays: it is what keeps the workspace from phoning the person again."""
    return await store.replace_number(db, workspace_id, number, pseudonym)
