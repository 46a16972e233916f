"""Creation, update and deletion of agents, on a real database."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.agents.plans.rules import make_plan
from control.agents.rules import AgentEdit, AgentVersion
from control.agents.service import Agents
from control.agents.templates.service import Templates
from control.db.keyset import PageRequest
from control.voice.catalog.queries import select_offers
from control.voice.routing.rules import ProviderOffers
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from tests.control.agents.conftest import NOW, AgentsWorkspace, make_workspace

LATER = NOW + timedelta(minutes=1)
UNKNOWN_ID = UUID(new_id())


async def dental_template(workspace: AgentsWorkspace) -> UUID:
    """The id of a shipped template."""
    template_id: UUID = await workspace.db.fetchval("SELECT id FROM agent_templates WHERE slug = 'dental_front_desk'")
    return template_id


async def update_config(workspace: AgentsWorkspace, agent_id: UUID, edit: AgentEdit) -> int:
    """The current version after an edit."""
    agents = workspace.services[Agents]
    return (await agents.update(workspace.db, workspace.workspace_id, workspace.actor, agent_id, edit, LATER)).version


async def test_config_of_a_new_agent_is_stored_unchanged(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent(config={"greeting": "Hi.", "turn": {"silence_ms": 700}})
    assert (agent.status, agent.version, agent.template_name, agent.number) == ("draft", 1, None, None)
    assert agent.content.config["turn"] == {
        "silence_ms": 700, "adaptive": True, "barge_in": True, "min_words": 1, "smart_turn": False, "speculate": True,
        "patience": "normal",
    }  # fmt: skip
    assert (agent.stats.total_calls, agent.stats.avg_duration) == (0, 0.0)
    assert (agent.created_at, agent.updated_at) == (NOW, NOW)


async def test_config_is_merged_into_the_template(workspace: AgentsWorkspace) -> None:
    fields = {"facts": {"business_name": "Oak"}, "turn": {"silence_ms": 900}, "goodbye": None}
    agent = await workspace.create_agent(template_id=await dental_template(workspace), config=fields)
    config = agent.content.config
    assert agent.template_name == "Dental front desk"
    assert config["greeting"].startswith("Hello, this is {business_name}")
    assert config["turn"]["silence_ms"] == 900
    assert config["limits"]["max_duration_s"] == 900
    assert config["goodbye"] == "Goodbye."
    assert config["facts"] == {"business_name": "Oak"}


async def test_private_or_missing_template_is_refused(workspace: AgentsWorkspace) -> None:
    template = await dental_template(workspace)
    with pytest.raises(Invalid) as raised:
        await workspace.create_agent(template_id=UNKNOWN_ID)
    assert (raised.value.code, raised.value.param) == ("template_not_found", "template_id")
    await workspace.db.execute("UPDATE agent_templates SET is_public = false WHERE id = $1", template)
    with pytest.raises(Invalid, match="template does not exist"):
        await workspace.create_agent(template_id=template)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"config": {"turn": {"silence_ms": 1}}}, "config.turn.silence_ms"),
        ({"config": {"nonsense": 1}}, "config.nonsense"),
        ({"config": {"recording": {"enabled": True}}}, "config.recording"),
        ({"config": {"speech": {"llm": [{"provider": "nobody"}]}}}, "config.speech.llm.0.provider"),
        ({"config": {"speech": {"stt": [{"provider": "openai"}]}}}, "config.speech.stt.0.provider"),
        (
            {"config": {"speech": {"llm": [{"provider": "openai", "options": {"base_url": "http://10.0.0.1"}}]}}},
            "config.speech.llm.0.options.base_url",
        ),
        (
            {"config": {"speech": {"llm": [{"provider": "openai", "options": {"api_key": "sk-1"}}]}}},
            "config.speech.llm.0.options.api_key",
        ),
        ({"config": {"voices": {"openai": {}}}}, "config.voices.openai"),
        ({"config": {"voices": {"elevenlabs": {"url": "x"}}}}, "config.voices.elevenlabs.url"),
        ({"voice_provider": "deepl"}, "voice_provider"),
        ({"voice_provider": "receptionist"}, "voice_provider"),
        ({"voice_provider": "elevenlabs", "voice_config": {"endpoint": "x"}}, "voice_config.endpoint"),
        ({"voice_provider": "elevenlabs", "voice_config": {"voice_id": {"a": 1}}}, "voice_config.voice_id"),
        ({"voice_config": {"voice_id": "x"}}, "voice_config"),
    ],
    ids=str,
)
async def test_invalid_fields_are_named(workspace: AgentsWorkspace, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(Invalid) as raised:
        await workspace.create_agent(**fields)
    assert (raised.value.param or "").startswith(param)


async def test_name_is_taken_in_any_case_until_its_agent_is_deleted(workspace: AgentsWorkspace) -> None:
    first = await workspace.create_agent("Desk")
    with pytest.raises(Conflict) as raised:
        await workspace.create_agent("DESK")
    assert (raised.value.code, raised.value.param) == ("name_taken", "name")
    await workspace.services[Agents].delete(workspace.db, workspace.workspace_id, workspace.actor, first.id, NOW)
    assert (await workspace.create_agent("DESK")).content.name == "DESK"


async def test_an_agent_cannot_take_the_name_of_another(workspace: AgentsWorkspace) -> None:
    await workspace.create_agent("Desk")
    other = await workspace.create_agent("Other")
    with pytest.raises(Conflict) as raised:
        await update_config(workspace, other.id, AgentEdit(name="desk"))
    assert raised.value.code == "name_taken"


async def test_another_workspace_may_use_the_name(workspace: AgentsWorkspace) -> None:
    await workspace.create_agent("Desk")
    other = await make_workspace(workspace.db, workspace.services)
    assert (await other.create_agent("Desk")).content.name == "Desk"


async def test_tier_limits_agents(workspace: AgentsWorkspace) -> None:
    for name in ("A", "B"):
        await workspace.create_agent(name)
    with pytest.raises(Conflict, match="allows 2 agents") as full:
        await workspace.create_agent("C")
    assert full.value.code == "agent_limit"


async def test_number_must_be_active_and_free(workspace: AgentsWorkspace) -> None:
    own_number = await workspace.add_number()
    agent = await workspace.create_agent("A", phone_number_id=own_number)
    assert agent.number is not None
    assert (agent.number.id, agent.number.friendly_name, agent.number.status) == (own_number, "Main", "active")
    for number_id, code in ((own_number, "number_taken"), (await workspace.add_number("buying"), "number_inactive")):
        with pytest.raises(Conflict) as refused:
            await update_config(workspace, (await workspace.create_agent("B")).id, AgentEdit(phone_number_id=number_id))
        assert (refused.value.code, refused.value.param) == (code, "phone_number_id")
        await workspace.db.execute("UPDATE agents SET deleted_at = now() WHERE name = 'B'")


async def test_number_of_another_workspace_is_not_found(workspace: AgentsWorkspace) -> None:
    other = await make_workspace(workspace.db, workspace.services)
    other_number = await other.add_number()
    await workspace.enter_scope()
    with pytest.raises(Invalid) as raised:
        await workspace.create_agent(phone_number_id=other_number)
    assert (raised.value.code, raised.value.param) == ("number_not_found", "phone_number_id")


async def test_number_changes_without_a_new_version(workspace: AgentsWorkspace) -> None:
    first, second = await workspace.add_number(), await workspace.add_number()
    agent = await workspace.create_agent(phone_number_id=first)
    for requested, expected in ((first, first), (second, second), (None, None), (first, first)):
        assert await update_config(workspace, agent.id, AgentEdit(phone_number_id=requested)) == 1
        number = (await workspace.services[Agents].get(workspace.db, workspace.workspace_id, agent.id)).number
        assert (number.id if number else None) == expected


async def test_only_changes_make_a_version(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent(config={"greeting": "Hi.", "prompt": "P"})
    edits = [
        (AgentEdit(), 1),
        (AgentEdit(config={"greeting": "Hi."}), 1),
        (AgentEdit(config={"turn": {"silence_ms": 600}}), 1),
        (AgentEdit(config={"greeting": "Hello."}), 2),
        (AgentEdit(name="Desk"), 2),
        (AgentEdit(name="Reception"), 3),
        (AgentEdit(voice_provider="elevenlabs"), 4),
        (AgentEdit(voice_config={"voice_id": "v"}), 5),
        (AgentEdit(voice_config={"voice_id": "v"}), 5),
        (AgentEdit(voice_config={"voice_id": None}), 6),
        (AgentEdit(voice_provider=None), 7),
        (AgentEdit(config={"limits": None, "voices": {}}), 7),
    ]
    for edit, version in edits:
        assert await update_config(workspace, agent.id, edit) == version, edit
    after = await workspace.services[Agents].get(workspace.db, workspace.workspace_id, agent.id)
    assert after.content.name == "Reception"
    assert after.content.config["prompt"] == "P"


async def test_edit_of_an_older_version_is_refused(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent()
    assert await update_config(workspace, agent.id, AgentEdit(name="B", expected_version=1)) == 2
    with pytest.raises(Conflict) as mismatch:
        await update_config(workspace, agent.id, AgentEdit(name="C", expected_version=1))
    assert (mismatch.value.code, mismatch.value.param) == ("version_mismatch", "expected_version")


async def test_old_version_can_be_restored(workspace: AgentsWorkspace) -> None:
    agents, db, workspace_id = workspace.services[Agents], workspace.db, workspace.workspace_id
    agent = await workspace.create_agent("A", config={"greeting": "one"})
    await update_config(workspace, agent.id, AgentEdit(name="B", config={"greeting": "two"}))
    page = await agents.list_versions(db, workspace_id, agent.id, page=PageRequest(10))
    lines = page.rows
    assert (page.total, [(line.version, line.name) for line in lines]) == (2, [(2, "B"), (1, "A")])
    assert lines[0].created_by == workspace.actor.id
    assert (lines[0].created_at, lines[1].created_at) == (LATER, NOW)
    first = await agents.get_version(db, workspace_id, agent.id, 1)
    assert first.content == agent.content
    restored = await agents.restore(db, workspace_id, workspace.actor, agent.id, 1, 2, LATER)
    assert (restored.version, restored.content) == (3, agent.content)
    restored_again = await agents.restore(db, workspace_id, workspace.actor, agent.id, 1, None, LATER)
    assert restored_again.version == 3
    with pytest.raises(NotFound):
        await agents.get_version(db, workspace_id, agent.id, 9)


async def test_version_with_an_unknown_provider_is_not_restored(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent(config={"greeting": "x", "speech": {"tts": [{"provider": "cartesia"}]}})
    await update_config(workspace, agent.id, AgentEdit(config={"speech": None}))
    await workspace.db.execute("DELETE FROM providers WHERE provider = 'cartesia'")
    with pytest.raises(Invalid) as refused:
        await workspace.services[Agents].restore(
            workspace.db, workspace.workspace_id, workspace.actor, agent.id, 1, None, LATER
        )
    assert refused.value.param == "config.speech.tts.0.provider"


async def test_versions_are_immutable(workspace: AgentsWorkspace) -> None:
    await workspace.create_agent()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await workspace.db.execute("UPDATE agent_versions SET name = 'x'")


async def test_agent_of_another_workspace_is_not_found(workspace: AgentsWorkspace) -> None:
    agents = workspace.services[Agents]
    agent = await workspace.create_agent()
    other = await make_workspace(workspace.db, workspace.services)
    for workspace_id in (other.workspace_id, workspace.workspace_id):
        with pytest.raises(NotFound):  # by the query for the one, by row-level security for the other
            await agents.get(workspace.db, workspace_id, agent.id)
        with pytest.raises(NotFound):
            await agents.delete(workspace.db, workspace_id, workspace.actor, agent.id, NOW)
        with pytest.raises(NotFound):
            await agents.list_versions(workspace.db, workspace_id, agent.id, page=PageRequest(1))


async def test_list_is_newest_first_and_can_be_filtered(workspace: AgentsWorkspace) -> None:
    await workspace.create_agent("Front desk", template_id=await dental_template(workspace))
    live = await workspace.create_live_agent("Night_desk", now=LATER)
    agents, db, workspace_id = workspace.services[Agents], workspace.db, workspace.workspace_id
    page = await agents.list_page(db, workspace_id, status=None, search=None, page=PageRequest(10))
    listed = page.rows
    assert (page.total, [line.name for line in listed]) == (2, ["Night_desk", "Front desk"])
    assert live.number is not None
    assert [line.phone_number for line in listed] == [live.number.phone_number, None]
    assert [line.template_name for line in listed] == [None, "Dental front desk"]
    for status, search, names in (
        ("live", None, ["Night_desk"]),
        ("paused", None, []),
        (None, "FRONT", ["Front desk"]),
        (None, "_", ["Night_desk"]),
        ("draft", "night", []),
    ):
        page = await agents.list_page(db, workspace_id, status=status, search=search, page=PageRequest(10))
        assert ([line.name for line in page.rows], page.total) == (names, len(names))
    page = await agents.list_page(db, workspace_id, status=None, search=None, page=PageRequest(1, 1))
    assert ([line.name for line in page.rows], page.total) == (["Front desk"], 2)


async def test_figures_come_from_the_totals(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent()
    await workspace.db.execute(
        "INSERT INTO agent_totals (agent_id, workspace_id, calls, completed, seconds) VALUES ($1, $2, 3, 2, 100)",
        agent.id,
        workspace.workspace_id,
    )
    stats = (await workspace.services[Agents].get(workspace.db, workspace.workspace_id, agent.id)).stats
    assert (stats.total_calls, stats.avg_duration) == (3, 33.3)


async def test_suspended_workspace_refuses_changes(workspace: AgentsWorkspace) -> None:
    agent = await workspace.create_agent()
    await update_config(workspace, agent.id, AgentEdit(name="B"))
    await workspace.db.execute("UPDATE workspaces SET status_before = status, status = 'suspended'")
    agents = workspace.services[Agents]
    for attempt in (
        workspace.create_agent("New"),
        update_config(workspace, agent.id, AgentEdit(name="C")),
        agents.restore(workspace.db, workspace.workspace_id, workspace.actor, agent.id, 1, None, NOW),
    ):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.code == "workspace_suspended"
    assert (await agents.get(workspace.db, workspace.workspace_id, agent.id)).content.name == "B"


async def test_an_agent_of_each_shipped_template_answers_once_its_facts_are_filled(workspace: AgentsWorkspace) -> None:
    await workspace.db.execute("UPDATE tiers SET max_agents = 50")
    offers = ProviderOffers(await select_offers(workspace.db, workspace.workspace_id))
    page = await workspace.services[Templates].list_public(workspace.db, None, page=PageRequest(100))
    assert len(page.rows) >= 8
    for template in page.rows:
        agent = await workspace.create_agent(template.name, template_id=template.id, config={})
        version = AgentVersion(workspace.workspace_id, agent.id, 1, agent.content, None, NOW)
        plan = make_plan(version, offers)
        assert [choice.provider for choice in (*plan.stt, *plan.llm, *plan.tts)] == ["local", "receptionist", "local"]
