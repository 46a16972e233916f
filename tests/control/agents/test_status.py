"""Activation, pause and deletion of agents, and their audit entries."""

from typing import Any

import pytest

from control.agents.rules import AgentEdit
from control.agents.service import Agents
from control.db.keyset import PageRequest
from control.db.scope import enter_platform
from shared.errors import Conflict, NotFound
from tests.control.agents.conftest import NOW, AgentsWorkspace, make_workspace


async def refusal(workspace: AgentsWorkspace, agent_id: Any) -> Conflict:
    with pytest.raises(Conflict) as refused:
        await workspace.services[Agents].activate(workspace.db, workspace.workspace_id, workspace.actor, agent_id, NOW)
    assert refused.value.code == "cannot_answer"
    return refused.value


async def log(workspace: AgentsWorkspace) -> list[tuple[str, Any]]:
    rows = await workspace.db.fetch(
        "SELECT action, details FROM audit_log WHERE resource_type = 'agent' AND workspace_id = $1 ORDER BY id",
        workspace.workspace_id,
    )
    return [(row["action"], row["details"]) for row in rows]


async def test_agent_goes_live_is_paused_and_goes_live_again(workspace: AgentsWorkspace) -> None:
    agents, db, workspace_id = workspace.services[Agents], workspace.db, workspace.workspace_id
    agent = await workspace.create_live_agent()
    assert agent.status == "live"
    assert agent.activated_at == NOW
    assert (await agents.activate(db, workspace_id, workspace.actor, agent.id, NOW)).status == "live"
    assert (await agents.pause(db, workspace_id, workspace.actor, agent.id, NOW)).status == "paused"
    assert (await agents.pause(db, workspace_id, workspace.actor, agent.id, NOW)).status == "paused"
    assert (await agents.activate(db, workspace_id, workspace.actor, agent.id, NOW)).status == "live"
    assert await log(workspace) == [
        ("agent.activate", {"before": {"status": "draft"}, "after": {"status": "live", "version": 1}}),
        ("agent.pause", {"before": {"status": "live"}, "after": {"status": "paused", "version": 1}}),
        ("agent.activate", {"before": {"status": "paused"}, "after": {"status": "live", "version": 1}}),
    ]


async def test_activation_lists_all_reasons(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent(config={"goodbye": "{firm}", "speech": {"llm": [{"provider": "openai"}]}})
    await workspace.db.execute("UPDATE workspaces SET status_before = status, status = 'suspended'")
    refused = await refusal(workspace, agent.id)
    assert refused.param == "workspace"
    for text in ("suspended", "neither prompt nor greeting", "firm", "openai has no key", "no phone number"):
        assert text in refused.message


async def test_activation_needs_a_verified_owner(workspace: AgentsWorkspace) -> None:
    other = await make_workspace(workspace.db, workspace.services, verified=False)
    agent = await other.create_agent(phone_number_id=await other.add_number())
    refused = await refusal(other, agent.id)
    assert refused.param == "workspace"
    assert "confirmed" in refused.message


async def test_platform_or_workspace_key_makes_a_provider_usable(workspace: AgentsWorkspace) -> None:
    speech = {"llm": [{"provider": "openai"}]}
    agent = await workspace.create_agent(
        config={"greeting": "x", "speech": speech}, phone_number_id=await workspace.add_number()
    )
    assert "openai has no key" in (await refusal(workspace, agent.id)).message
    await workspace.db.execute(
        "INSERT INTO workspace_providers (workspace_id, provider, uses_platform_key, api_key) "
        "VALUES ($1, 'openai', false, 'sealed')",
        workspace.workspace_id,
    )
    agents = workspace.services[Agents]
    assert (
        await agents.activate(workspace.db, workspace.workspace_id, workspace.actor, agent.id, NOW)
    ).status == "live"
    await agents.pause(workspace.db, workspace.workspace_id, workspace.actor, agent.id, NOW)
    await workspace.db.execute("UPDATE workspace_providers SET uses_platform_key = true")
    await refusal(workspace, agent.id)
    await workspace.db.execute("UPDATE providers SET api_key = 'sealed' WHERE provider = 'openai'")
    assert (
        await agents.activate(workspace.db, workspace.workspace_id, workspace.actor, agent.id, NOW)
    ).status == "live"


async def test_stand_in_needs_the_policy(workspace: AgentsWorkspace) -> None:
    speech = {kind: [{"provider": "standin"}] for kind in ("stt", "llm", "tts")}
    agent = await workspace.create_agent(
        config={"greeting": "x", "speech": speech}, phone_number_id=await workspace.add_number()
    )
    assert "standin is for tests only" in (await refusal(workspace, agent.id)).message


async def test_tier_limits_live_agents(workspace: AgentsWorkspace) -> None:
    first, second = (
        await workspace.create_live_agent("A"),
        await workspace.create_agent("B", phone_number_id=await workspace.add_number()),
    )
    await workspace.db.execute("UPDATE tiers SET max_agents = 1")
    assert "allows 1 live agents" in (await refusal(workspace, second.id)).message
    await workspace.services[Agents].pause(workspace.db, workspace.workspace_id, workspace.actor, first.id, NOW)
    await workspace.services[Agents].activate(workspace.db, workspace.workspace_id, workspace.actor, second.id, NOW)


async def test_live_agent_must_stay_able_to_answer(workspace: AgentsWorkspace) -> None:
    agents = workspace.services[Agents]
    agent = await workspace.create_live_agent(config={"greeting": "Hello."})
    for edit, param in (
        (AgentEdit(config={"greeting": None}), "config.prompt"),
        (AgentEdit(config={"greeting": "I am {name}."}), "config.facts.name"),
        (AgentEdit(phone_number_id=None), "phone_number_id"),
        (AgentEdit(config={"speech": {"llm": [{"provider": "openai"}]}}), "config.speech.llm"),
    ):
        with pytest.raises(Conflict) as refused:
            async with workspace.db.transaction():
                await agents.update(workspace.db, workspace.workspace_id, workspace.actor, agent.id, edit, NOW)
        assert (refused.value.code, refused.value.param) == ("cannot_answer", param)
    after = await agents.get(workspace.db, workspace.workspace_id, agent.id)
    assert (after.version, after.status, after.number) == (1, "live", agent.number)


async def test_existing_reasons_do_not_block_other_changes(
    workspace: AgentsWorkspace,
) -> None:
    agent = await workspace.create_live_agent()
    await workspace.db.execute("UPDATE providers SET is_enabled = false WHERE provider = 'receptionist'")
    edit = AgentEdit(config={"greeting": "Good day."})
    after = await workspace.services[Agents].update(
        workspace.db, workspace.workspace_id, workspace.actor, agent.id, edit, NOW
    )
    assert (after.version, after.status) == (2, "live")


async def test_a_draft_cannot_be_paused(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent()
    with pytest.raises(Conflict) as refused:
        await workspace.services[Agents].pause(workspace.db, workspace.workspace_id, workspace.actor, agent.id, NOW)
    assert refused.value.code == "not_live"


async def test_live_agent_must_be_paused_before_deletion(
    workspace: AgentsWorkspace,
) -> None:
    agents, db, workspace_id = workspace.services[Agents], workspace.db, workspace.workspace_id
    agent = await workspace.create_live_agent()
    with pytest.raises(Conflict) as refused:
        await agents.delete(db, workspace_id, workspace.actor, agent.id, NOW)
    assert refused.value.code == "agent_live"
    await agents.pause(db, workspace_id, workspace.actor, agent.id, NOW)
    await agents.delete(db, workspace_id, workspace.actor, agent.id, NOW)
    with pytest.raises(NotFound):
        await agents.get(db, workspace_id, agent.id)
    assert not (await agents.list_page(db, workspace_id, status=None, search=None, page=PageRequest(9))).rows
    assert agent.number is not None
    assert await db.fetchval("SELECT agent_id FROM phone_numbers WHERE id = $1", agent.number.id) is None
    assert await db.fetchval("SELECT count(*) FROM agent_versions WHERE agent_id = $1", agent.id) == 1
    assert (await log(workspace))[-1] == ("agent.delete", {"before": {"name": "Desk", "status": "paused"}})


async def test_a_paused_agent_of_a_suspended_workspace_stays_paused(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_live_agent()
    await enter_platform(workspace.db)
    await workspace.db.execute("UPDATE workspaces SET status_before = status, status = 'suspended'")
    await workspace.enter_scope()
    agents = workspace.services[Agents]
    assert (await agents.pause(workspace.db, workspace.workspace_id, workspace.actor, agent.id, NOW)).status == "paused"
    await refusal(workspace, agent.id)
