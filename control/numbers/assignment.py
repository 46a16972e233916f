"""Assignment of phone numbers to agents."""

from uuid import UUID

from control.db.pool import Connection
from control.numbers import store


class NumberAssignment:
    """Implements control/agents/ports.py, NumberAssigner."""

    async def assign(self, db: Connection, workspace_id: UUID, number_id: UUID, agent_id: UUID) -> None:
        """Assigns a number, whose row must be locked, to an agent."""
        await store.assign_agent(db, workspace_id, number_id, agent_id)

    async def unassign(self, db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
        """Takes its number from an agent, if it has one."""
        await store.unassign_agent(db, workspace_id, agent_id)
