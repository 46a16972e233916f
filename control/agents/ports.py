"""What agents need of the rooms above them."""

from typing import Protocol
from uuid import UUID

from control.db.pool import Connection


class NumberAssigner(Protocol):
    """Assigns phone numbers to agents. The numbers' rows must be locked."""

    async def assign(self, db: Connection, workspace_id: UUID, number_id: UUID, agent_id: UUID) -> None:
        """Assigns a number to an agent."""

    async def unassign(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
        """Takes its number from an agent, if it has one; the workspace keeps the number."""
