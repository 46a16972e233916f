"""Live only when it can really answer; paused, deleted; and what the audit log tells of it."""

from typing import Any

import pytest

from control.agents.model import Edit
from control.db.scope import enter_platform
from shared.errors import Conflict, Missing
from tests.control.agents.conftest import NOW, Scene, make_scene


async def refusal(scene: Scene, agent_id: Any) -> Conflict:
    with pytest.raises(Conflict) as refused:
        await scene.services.agents.activate(scene.db, scene.workspace_id, scene.actor, agent_id, NOW)
    assert refused.value.code == "cannot_answer"
    return refused.value


async def log(scene: Scene) -> list[tuple[str, Any]]:
    rows = await scene.db.fetch(
        "SELECT action, details FROM audit_log WHERE resource_type = 'agent' AND workspace_id = $1 ORDER BY id",
        scene.workspace_id,
    )
    return [(row["action"], row["details"]) for row in rows]


async def test_an_agent_that_can_answer_goes_live_is_paused_and_goes_live_again(scene: Scene) -> None:
    agents, db, workspace = scene.services.agents, scene.db, scene.workspace_id
    agent = await scene.live()
    assert agent.status == "live"
    assert agent.activated_at == NOW
    assert (await agents.activate(db, workspace, scene.actor, agent.id, NOW)).status == "live"
    assert (await agents.pause(db, workspace, scene.actor, agent.id, NOW)).status == "paused"
    assert (await agents.pause(db, workspace, scene.actor, agent.id, NOW)).status == "paused"
    assert (await agents.activate(db, workspace, scene.actor, agent.id, NOW)).status == "live"
    assert await log(scene) == [
        ("agent.activate", {"before": {"status": "draft"}, "after": {"status": "live", "version": 1}}),
        ("agent.pause", {"before": {"status": "live"}, "after": {"status": "paused", "version": 1}}),
        ("agent.activate", {"before": {"status": "paused"}, "after": {"status": "live", "version": 1}}),
    ]


async def test_everything_in_the_way_is_told_at_once(scene: Scene) -> None:
    agent = await scene.agent(config={"goodbye": "{firm}", "speech": {"llm": [{"provider": "openai"}]}})
    await scene.db.execute("UPDATE workspaces SET status_before = status, status = 'suspended'")
    refused = await refusal(scene, agent.id)
    assert refused.param == "workspace"
    for told in ("suspended", "neither prompt nor greeting", "firm", "openai has no key", "no phone number"):
        assert told in refused.message


async def test_it_waits_for_a_verified_owner(scene: Scene) -> None:
    other = await make_scene(scene.db, scene.services, verified=False)
    agent = await other.agent(phone_number_id=await other.number())
    refused = await refusal(other, agent.id)
    assert refused.param == "workspace"
    assert "confirmed" in refused.message


async def test_a_key_of_the_platform_or_of_the_workspace_makes_a_provider_usable(scene: Scene) -> None:
    speech = {"llm": [{"provider": "openai"}]}
    agent = await scene.agent(config={"greeting": "x", "speech": speech}, phone_number_id=await scene.number())
    assert "openai has no key" in (await refusal(scene, agent.id)).message
    await scene.db.execute(
        "INSERT INTO workspace_providers (workspace_id, provider, uses_platform_key, api_key) "
        "VALUES ($1, 'openai', false, 'sealed')",
        scene.workspace_id,
    )
    agents = scene.services.agents
    assert (await agents.activate(scene.db, scene.workspace_id, scene.actor, agent.id, NOW)).status == "live"
    await agents.pause(scene.db, scene.workspace_id, scene.actor, agent.id, NOW)
    await scene.db.execute("UPDATE workspace_providers SET uses_platform_key = true")
    await refusal(scene, agent.id)
    await scene.db.execute("UPDATE providers SET api_key = 'sealed' WHERE provider = 'openai'")
    assert (await agents.activate(scene.db, scene.workspace_id, scene.actor, agent.id, NOW)).status == "live"


async def test_a_stand_in_answers_nobody_unless_the_policy_says_so(scene: Scene) -> None:
    speech = {kind: [{"provider": "standin"}] for kind in ("stt", "llm", "tts")}
    agent = await scene.agent(config={"greeting": "x", "speech": speech}, phone_number_id=await scene.number())
    assert "standin is for tests only" in (await refusal(scene, agent.id)).message


async def test_the_tier_tells_how_many_may_be_live(scene: Scene) -> None:
    first, second = await scene.live("A"), await scene.agent("B", phone_number_id=await scene.number())
    await scene.db.execute("UPDATE tiers SET max_agents = 1")
    assert "allows 1 live agents" in (await refusal(scene, second.id)).message
    await scene.services.agents.pause(scene.db, scene.workspace_id, scene.actor, first.id, NOW)
    await scene.services.agents.activate(scene.db, scene.workspace_id, scene.actor, second.id, NOW)


async def test_a_live_agent_cannot_be_changed_into_one_that_cannot_answer(scene: Scene) -> None:
    agents = scene.services.agents
    agent = await scene.live(config={"greeting": "Hello."})
    for edit, param in (
        (Edit(config={"greeting": None}), "config.prompt"),
        (Edit(config={"greeting": "I am {name}."}), "config.facts.name"),
        (Edit(phone_number_id=None), "phone_number_id"),
        (Edit(config={"speech": {"llm": [{"provider": "openai"}]}}), "config.speech.llm"),
    ):
        with pytest.raises(Conflict) as refused:
            async with scene.db.transaction():
                await agents.update(scene.db, scene.workspace_id, scene.actor, agent.id, edit, NOW)
        assert (refused.value.code, refused.value.param) == ("cannot_answer", param)
    after = await agents.get(scene.db, scene.workspace_id, agent.id)
    assert (after.version, after.status, after.number) == (1, "live", agent.number)


async def test_what_broke_by_itself_does_not_keep_anybody_from_changing_something_else(scene: Scene) -> None:
    agent = await scene.live()
    await scene.db.execute("UPDATE providers SET is_enabled = false WHERE provider = 'receptionist'")
    edit = Edit(config={"greeting": "Good day."})
    after = await scene.services.agents.update(scene.db, scene.workspace_id, scene.actor, agent.id, edit, NOW)
    assert (after.version, after.status) == (2, "live")


async def test_a_draft_cannot_be_paused(scene: Scene) -> None:
    agent = await scene.agent()
    with pytest.raises(Conflict) as refused:
        await scene.services.agents.pause(scene.db, scene.workspace_id, scene.actor, agent.id, NOW)
    assert refused.value.code == "not_live"


async def test_a_live_agent_is_paused_before_it_is_deleted_and_its_number_is_free_then(scene: Scene) -> None:
    agents, db, workspace = scene.services.agents, scene.db, scene.workspace_id
    agent = await scene.live()
    with pytest.raises(Conflict) as refused:
        await agents.delete(db, workspace, scene.actor, agent.id, NOW)
    assert refused.value.code == "agent_live"
    await agents.pause(db, workspace, scene.actor, agent.id, NOW)
    await agents.delete(db, workspace, scene.actor, agent.id, NOW)
    with pytest.raises(Missing):
        await agents.get(db, workspace, agent.id)
    assert (await agents.find(db, workspace, status=None, search=None, offset=0, limit=9))[1] == 0
    assert agent.number is not None
    assert await db.fetchval("SELECT agent_id FROM phone_numbers WHERE id = $1", agent.number.id) is None
    assert await db.fetchval("SELECT count(*) FROM agent_versions WHERE agent_id = $1", agent.id) == 1
    assert (await log(scene))[-1] == ("agent.delete", {"before": {"name": "Desk", "status": "paused"}})


async def test_a_paused_agent_of_a_suspended_workspace_stays_paused(scene: Scene) -> None:
    agent = await scene.live()
    await enter_platform(scene.db)
    await scene.db.execute("UPDATE workspaces SET status_before = status, status = 'suspended'")
    await scene.enter()
    agents = scene.services.agents
    assert (await agents.pause(scene.db, scene.workspace_id, scene.actor, agent.id, NOW)).status == "paused"
    await refusal(scene, agent.id)
