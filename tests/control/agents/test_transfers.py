"""Where agents may transfer callers to: checked when a config is saved, at activation, and for every call."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from control.agents import queries as agents_queries
from control.agents.destinations import FALLBACK_PARAM
from control.agents.plans.service import AgentLookup
from control.agents.rules import AgentEdit, AgentPolicy, AgentVersion, VoiceAgent
from control.agents.service import Agents
from control.agents.variables import PlannedCall
from control.db.scope import enter_platform
from shared.errors import Conflict, Invalid
from shared.ids import new_id
from shared.plan import CallPlan
from shared.secrets import Sealer
from tests.control.agents.conftest import NOW, AgentsWorkspace, make_workspace

GERMAN = "+493022334455"
AMERICAN = "+12125550123"


def greeting_config(number: str) -> dict[str, Any]:
    return {"greeting": "Hello.", "fallback_number": number}


async def add_own_number(workspace: AgentsWorkspace, phone_number: str) -> str:
    """Adds the number to the workspace, at a carrier."""
    await workspace.db.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, carrier, status) "
        "VALUES ($1, $2, $3, 'twilio', 'active')",
        UUID(new_id()), workspace.workspace_id, phone_number,
    )  # fmt: skip
    return phone_number


async def update(workspace: AgentsWorkspace, agent: VoiceAgent, **config: Any) -> VoiceAgent:
    edit = AgentEdit(config=config)
    return await workspace.services[Agents].update(
        workspace.db, workspace.workspace_id, workspace.actor, agent.id, edit, NOW
    )


async def activate(workspace: AgentsWorkspace, agent: VoiceAgent) -> VoiceAgent:
    return await workspace.services[Agents].activate(
        workspace.db, workspace.workspace_id, workspace.actor, agent.id, NOW
    )


async def allow_countries(workspace: AgentsWorkspace, *chosen: str) -> None:
    await enter_platform(workspace.db)
    settings = {"outbound_countries": list(chosen)}
    await workspace.db.execute("UPDATE workspaces SET settings = $2 WHERE id = $1", workspace.workspace_id, settings)
    await workspace.enter_scope()


async def call_plan(workspace: AgentsWorkspace, agent: VoiceAgent) -> CallPlan:
    """The plan of a call."""
    await enter_platform(workspace.db)
    lookup = AgentLookup(AgentPolicy(), Sealer([bytes(32)]))
    found = await lookup.find_by_agent(workspace.db, workspace.workspace_id, agent.id)
    assert found is not None
    return found.make_plan(PlannedCall(at=NOW, id="call-1"))


async def test_own_number_as_fallback_is_refused(workspace: AgentsWorkspace) -> None:
    own_number = await add_own_number(workspace, "+12125550111")
    agent = await workspace.create_agent(config=greeting_config(AMERICAN))
    with pytest.raises(Invalid) as on_update:
        await update(workspace, agent, fallback_number=own_number)
    with pytest.raises(Invalid) as on_create:
        await workspace.create_agent("Other", config=greeting_config(own_number))
    for refused in (on_update.value, on_create.value):
        assert (refused.status, refused.code, refused.param) == (422, "number_is_own", FALLBACK_PARAM)


async def test_forbidden_country_blocks_activation(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent(config=greeting_config(GERMAN), phone_number_id=await workspace.add_number())
    with pytest.raises(Conflict) as refused:
        await activate(workspace, agent)
    assert (refused.value.code, refused.value.param) == ("cannot_answer", FALLBACK_PARAM)
    assert "does not call DE" in refused.value.message
    await allow_countries(workspace, "DE")
    assert (await activate(workspace, agent)).status == "live"


async def test_country_of_an_own_number_is_allowed(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent(config=greeting_config(GERMAN), phone_number_id=await workspace.add_number())
    await add_own_number(workspace, "+493099887766")
    assert (await activate(workspace, agent)).status == "live"


async def test_live_agent_refuses_a_forbidden_fallback(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_live_agent(config=greeting_config(AMERICAN))
    with pytest.raises(Conflict) as refused:
        await update(workspace, agent, fallback_number=GERMAN)
    assert (refused.value.code, refused.value.param) == ("cannot_answer", FALLBACK_PARAM)


async def test_fallback_that_is_no_longer_allowed_is_left_out_of_the_plan(
    workspace: AgentsWorkspace,
) -> None:
    agent = await workspace.create_live_agent(config=greeting_config(AMERICAN))
    assert (await call_plan(workspace, agent)).agent.fallback_number == AMERICAN
    await allow_countries(workspace, "FR")
    plan = await call_plan(workspace, agent)
    assert (plan.agent.fallback_number, plan.agent.greeting) == ("", "Hello.")
    # And it does not block other changes.
    await workspace.enter_scope()
    assert (await update(workspace, agent, greeting="Hi.")).content.config["greeting"] == "Hi."


@pytest.mark.parametrize("number", ["+881612345678", "+447012345678", "+19005550100", "+12129761234", "nobody"])
async def test_fallback_of_an_older_schema_is_left_out(workspace: AgentsWorkspace, number: str) -> None:
    agent = await workspace.create_live_agent(config=greeting_config(AMERICAN))
    old = replace(agent.content, config={**agent.content.config, "fallback_number": number})
    version = AgentVersion(workspace.workspace_id, agent.id, 2, old, None, NOW)
    await agents_queries.insert_version(workspace.db, version)
    await agents_queries.update_version(workspace.db, version)
    assert (await call_plan(workspace, agent)).agent.fallback_number == ""


async def test_agents_of_two_workspaces_do_not_transfer_to_each_other(workspace: AgentsWorkspace) -> None:
    other = await make_workspace(workspace.db, workspace.services)
    other_number = await add_own_number(other, "+12125550112")
    await workspace.enter_scope()
    agent = await workspace.create_live_agent(config=greeting_config(other_number))
    assert (await call_plan(workspace, agent)).agent.fallback_number == ""
    await workspace.db.execute("UPDATE phone_numbers SET status = 'released' WHERE phone_number = $1", other_number)
    assert (await call_plan(workspace, agent)).agent.fallback_number == other_number
