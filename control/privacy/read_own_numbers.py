"""Read model: whether a number is one of the workspace's own."""

from uuid import UUID

from control.db.pool import Connection


async def is_own_number(db: Connection, workspace_id: UUID, number: str) -> bool:
    """Also of a number that is being bought or released."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM phone_numbers WHERE workspace_id = $1 AND phone_number = $2 "
        "AND status IN ('buying', 'active', 'releasing'))",
        workspace_id,
        number,
    )
    return found
