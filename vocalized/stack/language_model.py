"""Whether an agent of the running platform answers by rules, without a language model."""

from uuid import UUID

from control.agents.plans.service import AgentLookup
from control.agents.rules import AgentPolicy
from control.db.pool import open_pool
from control.db.scope import enter_platform
from shared.secrets import Sealer


async def answers_by_rules(database_url: str, sealer: Sealer, workspace_id: str, agent_id: str) -> bool:
    """By the plan that a call would get now. sealer: of the vault keys. Raises the driver's errors."""
    lookup = AgentLookup(AgentPolicy(standins=True), sealer)
    async with open_pool(database_url, size=1, name="vocalized-up") as pool, pool.transaction() as db:
        await enter_platform(db)
        agent = await lookup.find_by_agent(db, UUID(workspace_id), UUID(agent_id))
    return agent is not None and agent.answers_by_rules
