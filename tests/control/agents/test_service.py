"""Agents made, changed and deleted, on a real database."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.agents.model import Edit, Version
from control.agents.plan import to_plan
from control.agents.providers import Offers
from control.agents.store_providers import select_offers
from shared.errors import Conflict, Invalid, Missing
from shared.ids import new_id
from tests.control.agents.conftest import NOW, Scene, make_scene

LATER = NOW + timedelta(minutes=1)
NOBODY = UUID(new_id())


async def dental(scene: Scene) -> UUID:
    """The id of a shipped template."""
    template_id: UUID = await scene.db.fetchval("SELECT id FROM agent_templates WHERE slug = 'dental_front_desk'")
    return template_id


async def change(scene: Scene, agent_id: UUID, edit: Edit) -> int:
    """The version in force after an edit."""
    agents = scene.services.agents
    return (await agents.update(scene.db, scene.workspace_id, scene.actor, agent_id, edit, LATER)).version


async def test_an_agent_from_a_config_alone_holds_it_whole(scene: Scene) -> None:
    agent = await scene.agent(config={"greeting": "Hi.", "turn": {"silence_ms": 700}})
    assert (agent.status, agent.version, agent.template_name, agent.number) == ("draft", 1, None, None)
    assert agent.content.config["turn"] == {
        "silence_ms": 700, "adaptive": True, "barge_in": True, "min_words": 1, "smart_turn": False,
    }  # fmt: skip
    assert (agent.stats.total_calls, agent.stats.avg_duration) == (0, 0.0)
    assert (agent.created_at, agent.updated_at) == (NOW, NOW)


async def test_a_template_lies_under_the_given_config(scene: Scene) -> None:
    given = {"facts": {"business_name": "Oak"}, "turn": {"silence_ms": 900}, "goodbye": None}
    agent = await scene.agent(template_id=await dental(scene), config=given)
    config = agent.content.config
    assert agent.template_name == "Dental front desk"
    assert config["greeting"].startswith("Hello, this is {business_name}")
    assert config["turn"]["silence_ms"] == 900
    assert config["limits"]["max_duration_s"] == 900
    assert config["goodbye"] == "Goodbye."
    assert config["facts"] == {"business_name": "Oak"}


async def test_a_template_that_is_not_public_or_not_there_is_none(scene: Scene) -> None:
    template = await dental(scene)
    with pytest.raises(Invalid) as none:
        await scene.agent(template_id=NOBODY)
    assert (none.value.code, none.value.param) == ("template_not_found", "template_id")
    await scene.db.execute("UPDATE agent_templates SET is_public = false WHERE id = $1", template)
    with pytest.raises(Invalid, match="no such template"):
        await scene.agent(template_id=template)


@pytest.mark.parametrize(
    ("given", "param"),
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
async def test_what_is_wrong_is_named(scene: Scene, given: dict[str, Any], param: str) -> None:
    with pytest.raises(Invalid) as wrong:
        await scene.agent(**given)
    assert (wrong.value.param or "").startswith(param)


async def test_a_name_is_taken_in_any_case_until_its_agent_is_deleted(scene: Scene) -> None:
    first = await scene.agent("Desk")
    with pytest.raises(Conflict) as taken:
        await scene.agent("DESK")
    assert (taken.value.code, taken.value.param) == ("name_taken", "name")
    await scene.services.agents.delete(scene.db, scene.workspace_id, scene.actor, first.id, NOW)
    assert (await scene.agent("DESK")).content.name == "DESK"


async def test_an_agent_cannot_take_the_name_of_another(scene: Scene) -> None:
    await scene.agent("Desk")
    other = await scene.agent("Other")
    with pytest.raises(Conflict) as taken:
        await change(scene, other.id, Edit(name="desk"))
    assert taken.value.code == "name_taken"


async def test_another_workspace_may_use_the_name(scene: Scene) -> None:
    await scene.agent("Desk")
    other = await make_scene(scene.db, scene.services)
    assert (await other.agent("Desk")).content.name == "Desk"


async def test_the_tier_tells_how_many(scene: Scene) -> None:
    for name in ("A", "B"):
        await scene.agent(name)
    with pytest.raises(Conflict, match="allows 2 agents") as full:
        await scene.agent("C")
    assert full.value.code == "agent_limit"


async def test_a_number_is_given_to_one_agent_only_and_must_be_active(scene: Scene) -> None:
    mine = await scene.number()
    agent = await scene.agent("A", phone_number_id=mine)
    assert agent.number is not None
    assert (agent.number.id, agent.number.friendly_name, agent.number.status) == (mine, "Main", "active")
    for number_id, code in ((mine, "number_taken"), (await scene.number("buying"), "number_inactive")):
        with pytest.raises(Conflict) as refused:
            await change(scene, (await scene.agent("B")).id, Edit(phone_number_id=number_id))
        assert (refused.value.code, refused.value.param) == (code, "phone_number_id")
        await scene.db.execute("UPDATE agents SET deleted_at = now() WHERE name = 'B'")


async def test_a_number_of_another_workspace_is_none(scene: Scene) -> None:
    other = await make_scene(scene.db, scene.services)
    theirs = await other.number()
    await scene.enter()
    with pytest.raises(Invalid) as none:
        await scene.agent(phone_number_id=theirs)
    assert (none.value.code, none.value.param) == ("number_not_found", "phone_number_id")


async def test_a_number_can_be_changed_kept_and_taken_away_without_a_new_version(scene: Scene) -> None:
    first, second = await scene.number(), await scene.number()
    agent = await scene.agent(phone_number_id=first)
    for wanted, expected in ((first, first), (second, second), (None, None), (first, first)):
        assert await change(scene, agent.id, Edit(phone_number_id=wanted)) == 1
        number = (await scene.services.agents.get(scene.db, scene.workspace_id, agent.id)).number
        assert (number.id if number else None) == expected


async def test_each_real_change_makes_a_version_and_nothing_else_does(scene: Scene) -> None:
    agent = await scene.agent(config={"greeting": "Hi.", "prompt": "P"})
    edits = [
        (Edit(), 1),
        (Edit(config={"greeting": "Hi."}), 1),
        (Edit(config={"turn": {"silence_ms": 600}}), 1),
        (Edit(config={"greeting": "Hello."}), 2),
        (Edit(name="Desk"), 2),
        (Edit(name="Reception"), 3),
        (Edit(voice_provider="elevenlabs"), 4),
        (Edit(voice_config={"voice_id": "v"}), 5),
        (Edit(voice_config={"voice_id": "v"}), 5),
        (Edit(voice_config={"voice_id": None}), 6),
        (Edit(voice_provider=None), 7),
        (Edit(config={"limits": None, "voices": {}}), 7),
    ]
    for edit, version in edits:
        assert await change(scene, agent.id, edit) == version, edit
    after = await scene.services.agents.get(scene.db, scene.workspace_id, agent.id)
    assert after.content.name == "Reception"
    assert after.content.config["prompt"] == "P"


async def test_an_edit_of_another_version_than_the_one_in_force_is_refused(scene: Scene) -> None:
    agent = await scene.agent()
    assert await change(scene, agent.id, Edit(name="B", expected_version=1)) == 2
    with pytest.raises(Conflict) as mismatch:
        await change(scene, agent.id, Edit(name="C", expected_version=1))
    assert (mismatch.value.code, mismatch.value.param) == ("version_mismatch", "expected_version")


async def test_versions_are_kept_and_an_old_one_can_be_restored(scene: Scene) -> None:
    agents, db, workspace = scene.services.agents, scene.db, scene.workspace_id
    agent = await scene.agent("A", config={"greeting": "one"})
    await change(scene, agent.id, Edit(name="B", config={"greeting": "two"}))
    lines, total = await agents.versions(db, workspace, agent.id, offset=0, limit=10)
    assert (total, [(line.version, line.name) for line in lines]) == (2, [(2, "B"), (1, "A")])
    assert lines[0].created_by == scene.actor.id
    assert (lines[0].created_at, lines[1].created_at) == (LATER, NOW)
    first = await agents.version(db, workspace, agent.id, 1)
    assert first.content == agent.content
    restored = await agents.restore(db, workspace, scene.actor, agent.id, 1, 2, LATER)
    assert (restored.version, restored.content) == (3, agent.content)
    again = await agents.restore(db, workspace, scene.actor, agent.id, 1, None, LATER)
    assert again.version == 3
    with pytest.raises(Missing):
        await agents.version(db, workspace, agent.id, 9)


async def test_a_version_that_todays_catalogue_refuses_is_not_restored(scene: Scene) -> None:
    agent = await scene.agent(config={"greeting": "x", "speech": {"tts": [{"provider": "cartesia"}]}})
    await change(scene, agent.id, Edit(config={"speech": None}))
    await scene.db.execute("DELETE FROM providers WHERE provider = 'cartesia'")
    with pytest.raises(Invalid) as refused:
        await scene.services.agents.restore(scene.db, scene.workspace_id, scene.actor, agent.id, 1, None, LATER)
    assert refused.value.param == "config.speech.tts.0.provider"


async def test_a_version_cannot_be_changed_by_anybody(scene: Scene) -> None:
    await scene.agent()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await scene.db.execute("UPDATE agent_versions SET name = 'x'")


async def test_somebody_elses_agent_is_not_there(scene: Scene) -> None:
    agents = scene.services.agents
    agent = await scene.agent()
    other = await make_scene(scene.db, scene.services)
    for workspace_id in (other.workspace_id, scene.workspace_id):
        with pytest.raises(Missing):  # by the query for the one, by row-level security for the other
            await agents.get(scene.db, workspace_id, agent.id)
        with pytest.raises(Missing):
            await agents.delete(scene.db, workspace_id, scene.actor, agent.id, NOW)
        with pytest.raises(Missing):
            await agents.versions(scene.db, workspace_id, agent.id, offset=0, limit=1)


async def test_the_list_is_newest_first_and_can_be_narrowed(scene: Scene) -> None:
    await scene.agent("Front desk", template_id=await dental(scene))
    live = await scene.live("Night_desk", now=LATER)
    agents, db, workspace = scene.services.agents, scene.db, scene.workspace_id
    listed, total = await agents.find(db, workspace, status=None, search=None, offset=0, limit=10)
    assert (total, [line.name for line in listed]) == (2, ["Night_desk", "Front desk"])
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
        listed, total = await agents.find(db, workspace, status=status, search=search, offset=0, limit=10)
        assert ([line.name for line in listed], total) == (names, len(names))
    listed, total = await agents.find(db, workspace, status=None, search=None, offset=1, limit=1)
    assert ([line.name for line in listed], total) == (["Front desk"], 2)


async def test_figures_come_from_the_totals(scene: Scene) -> None:
    agent = await scene.agent()
    await scene.db.execute(
        "INSERT INTO agent_totals (agent_id, workspace_id, calls, completed, seconds) VALUES ($1, $2, 3, 2, 100)",
        agent.id,
        scene.workspace_id,
    )
    stats = (await scene.services.agents.get(scene.db, scene.workspace_id, agent.id)).stats
    assert (stats.total_calls, stats.avg_duration) == (3, 33.3)


async def test_nothing_is_made_or_changed_in_a_suspended_workspace(scene: Scene) -> None:
    agent = await scene.agent()
    await change(scene, agent.id, Edit(name="B"))
    await scene.db.execute("UPDATE workspaces SET status_before = status, status = 'suspended'")
    agents = scene.services.agents
    for attempt in (
        scene.agent("New"),
        change(scene, agent.id, Edit(name="C")),
        agents.restore(scene.db, scene.workspace_id, scene.actor, agent.id, 1, None, NOW),
    ):
        with pytest.raises(Conflict) as refused:
            await attempt
        assert refused.value.code == "workspace_suspended"
    assert (await agents.get(scene.db, scene.workspace_id, agent.id)).content.name == "B"


async def test_an_agent_of_each_shipped_template_answers_once_its_facts_are_filled(scene: Scene) -> None:
    await scene.db.execute("UPDATE tiers SET max_agents = 50")
    offers = Offers(await select_offers(scene.db, scene.workspace_id))
    templates, total = await scene.services.templates.public(scene.db, None, offset=0, limit=100)
    assert total >= 8
    for template in templates:
        agent = await scene.agent(template.name, template_id=template.id, config={})
        version = Version(scene.workspace_id, agent.id, 1, agent.content, None, NOW)
        plan = to_plan(version, offers)
        assert [choice.provider for choice in (*plan.stt, *plan.llm, *plan.tts)] == ["local", "receptionist", "local"]
