"""/workspaces/{workspaceId}/agents/…: voice agents."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest

from shared.ids import new_id
from tests.platform.api import Api, running_api
from tests.platform.clients import Client

NUMBER = "+14155550142"
STAND_INS = {kind: [{"provider": "standin"}] for kind in ("stt", "llm", "tts")}
CONFIG = {"greeting": "Hello.", "speech": STAND_INS}


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def insert_number(api: Api, workspace_id: str) -> str:
    """Inserts an active phone number; returns its id."""
    number_id = new_id()
    await api.owner.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status) "
        "VALUES ($1, $2, $3, 'Main', 'simulated', 'active')",
        UUID(number_id), UUID(workspace_id), NUMBER,
    )  # fmt: skip
    return number_id


async def owned_agents(api: Api) -> tuple[Client, str]:
    """An owner and the path of their workspace's agents."""
    ann = await api.sign_up()
    return ann, f"/workspaces/{await ann.workspace()}/agents"


async def test_agent_is_created_from_a_template_and_activated(api: Api) -> None:
    ann, agents = await owned_agents(api)
    found = await ann.get("/templates", params={"industry": "dental"})
    template_id = found.body["templates"][0]["id"]
    created = await ann.post(
        agents, {"name": "Front desk", "template_id": template_id, "config": {"facts": {"business_name": "Oak"}}}
    )
    assert created.status == 201
    agent = created.body["agent"]
    assert (agent["status"], agent["version"], agent["template_name"]) == ("draft", 1, "Dental front desk")
    needed = agent["missing_facts"]
    assert needed[0] == "opening_hours"
    assert "business_name" not in needed
    agent_path = f"{agents}/{agent['id']}"
    refused = await ann.post(f"{agent_path}/activate")
    assert (refused.status, refused.code) == (409, "cannot_answer")
    assert "config.facts.opening_hours" in refused.body["error"]["message"]
    assert "no phone number" in refused.body["error"]["message"]
    params = [error["param"] for error in refused.body["error"]["errors"]]
    assert {"config.facts.opening_hours", "phone_number_id"} <= set(params) and params[0] == refused.param
    number_id = await insert_number(api, agents.split("/")[2])
    filled = {"facts": dict.fromkeys(needed, "as agreed")}
    changed = await ann.put(agent_path, {"config": filled, "phone_number_id": number_id})
    assert changed.status == 200
    assert (changed.body["agent"]["version"], changed.body["agent"]["missing_facts"]) == (2, [])
    live = await ann.post(f"{agent_path}/activate")
    assert (live.status, live.body["agent"]) == (200, {"id": agent["id"], "name": "Front desk", "status": "live"})
    assert [warning["code"] for warning in live.body["warnings"]] == ["rule_based_model"]
    assert live.body["warnings"][0]["param"] == "config.speech.llm"
    read = await ann.get(agent_path)
    assert read.body["phone_number"] == {
        "id": number_id, "phone_number": NUMBER, "friendly_name": "Main", "status": "active",
    }  # fmt: skip
    assert read.body["stats"] == {"total_calls": 0, "avg_duration": 0.0}
    assert read.body["agent"]["config"]["facts"]["business_name"] == "Oak"
    listed = await ann.get(agents)
    assert (listed.body["total"], listed.body["page"], listed.body["limit"]) == (1, 1, 50)
    line = listed.body["agents"][0]
    assert {name: line[name] for name in ("name", "status", "phone_number", "template_name")} == {
        "name": "Front desk", "status": "live", "phone_number": NUMBER, "template_name": "Dental front desk",
    }  # fmt: skip
    assert (await ann.delete(agent_path)).code == "agent_live"
    paused = await ann.post(f"{agent_path}/pause")
    assert paused.body["agent"]["status"] == "paused"
    assert (await ann.delete(agent_path)).status == 204
    assert (await ann.get(agent_path)).status == 404


async def test_activation_warns_of_nothing_when_a_language_model_answers(api: Api) -> None:
    ann, agents = await owned_agents(api)
    number_id = await insert_number(api, agents.split("/")[2])
    created = await ann.post(agents, {"name": "A", "config": {"greeting": "Hello."}, "phone_number_id": number_id})
    activate = f"{agents}/{created.body['agent']['id']}/activate"
    assert [warning["code"] for warning in (await ann.post(activate)).body["warnings"]] == ["rule_based_model"]
    await api.owner.execute("UPDATE providers SET api_key = 'sealed' WHERE provider = 'openai'")
    again = await ann.post(activate)
    assert (again.status, again.body["warnings"]) == (200, [])


async def test_versions_are_listed_and_restored(api: Api) -> None:
    ann, agents = await owned_agents(api)
    agent_path = f"{agents}/{(await ann.post(agents, {'name': 'A', 'config': CONFIG})).body['agent']['id']}"
    assert (await ann.put(agent_path, {"config": {"greeting": "Hi."}})).body["agent"]["version"] == 2
    stale = await ann.put(agent_path, {"name": "B", "expected_version": 1})
    assert (stale.status, stale.code, stale.param) == (409, "version_mismatch", "expected_version")
    listed = await ann.get(f"{agent_path}/versions")
    assert [line["version"] for line in listed.body["versions"]] == [2, 1]
    first = await ann.get(f"{agent_path}/versions/1")
    assert first.body["version"]["config"]["greeting"] == "Hello."
    restored = await ann.post(f"{agent_path}/versions/1/restore", {"expected_version": 2})
    assert (restored.status, restored.body["agent"]["version"]) == (200, 3)
    assert restored.body["agent"]["config"]["greeting"] == "Hello."
    for number in ("0", "-1", "9", "99999999999", "x"):
        assert (await ann.get(f"{agent_path}/versions/{number}")).status == 404


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "a\0b"}, "name"),
        ({"name": None}, "name"),
        ({"name": "A", "nonsense": 1}, "nonsense"),
        ({"name": "A", "template_id": "x"}, "template_id"),
        ({"name": "A", "config": []}, "config"),
        ({"name": "A", "config": {"prompt": "a\0"}}, "config.prompt"),
        ({"name": "A", "config": {"facts": {"a\0": "x"}}}, "config.facts.a\0"),
        ({"name": "A", "config": {"turn": {"silence_ms": "600"}}}, "config.turn.silence_ms"),
        ({"name": "A", "config": {"limits": {"max_duration_s": 10**30}}}, "config.limits.max_duration_s"),
        ({"name": "A", "config": {"voices": {"deepgram": {"model": {}}}}}, "config.voices.deepgram.model"),
        ({"name": "A", "voice_provider": "deepgram", "voice_config": {"model": [1]}}, "voice_config.model"),
        ({"name": "A", "voice_provider": "deepgram", "voice_config": {"Model": 1}}, "voice_config.Model"),
        ({"name": "A", "voice_provider": "nobody"}, "voice_provider"),
        ({"name": "A", "phone_number_id": str(UUID(int=7))}, "phone_number_id"),
    ],
    ids=str,
)
async def test_invalid_field_is_named_and_nothing_is_created(api: Api, body: dict[str, object], param: str) -> None:
    ann, agents = await owned_agents(api)
    refused = await ann.post(agents, body)
    assert (refused.status, refused.param) == (422, param)
    assert (await ann.get(agents)).body["total"] == 0


async def test_every_fault_of_a_config_is_listed(api: Api) -> None:
    ann, agents = await owned_agents(api)
    config = {
        "turn": {"silence_ms": 1},
        "speech": {"llm": [{"provider": "x", "options": {"a": {}}}]},
        "recording": {"enabled": True},
    }
    refused = await ann.post(agents, {"name": "A", "config": config})
    assert refused.param == "config.speech.llm.0.options.a"
    choice = "must be true, false, a number, a text of up to 2,000 characters or a list of up to 100 such texts"
    assert refused.body["error"]["errors"] == [
        {"param": "config.speech.llm[0].options.a", "code": "wrong_type", "message": choice},
        {"param": "config.turn.silence_ms", "code": "too_small", "message": "must be at least 100"},
        {
            "param": "config.recording",
            "code": "invalid",
            "message": "needs consent: announced (with an announcement), or given_otherwise",
        },
    ]
    options: list[dict[str, Any]] = [{"url": "x"}, {"model": "aura-2-luna-en"}, {"model": 3}]
    options += [{"model": "nova-3-medical"}, {"model": "nova-3", "keyterm": ["x" * 101]}]
    choices = [{"provider": "deepgram", "options": option} for option in options]
    unknown = {"speech": {"stt": [{"provider": "x"}, *choices]}}
    refused = await ann.post(agents, {"name": "A", "config": unknown})
    assert (refused.code, refused.param) == ("provider_unknown", "config.speech.stt.0.provider")
    found = [(error["param"], error["code"]) for error in refused.body["error"]["errors"]]
    assert found == [
        ("config.speech.stt[0].provider", "provider_unknown"),
        ("config.speech.stt[1].options.url", "provider_unknown"),
        ("config.speech.stt[2].options.model", "provider_unknown"),
        ("config.speech.stt[3].options.model", "provider_unknown"),
        ("config.speech.stt[5].options.keyterm", "provider_unknown"),
    ]


async def test_config_length_is_limited_across_patches(api: Api) -> None:
    ann, agents = await owned_agents(api)
    agent_path = f"{agents}/{(await ann.post(agents, {'name': 'A'})).body['agent']['id']}"
    assert (
        await ann.put(agent_path, {"config": {"facts": {f"first_{n}": "x" * 4_000 for n in range(50)}}})
    ).status == 200
    refused = await ann.put(agent_path, {"config": {"facts": {f"fact_{n}": "x" * 4_000 for n in range(20)}}})
    assert (refused.status, refused.code, refused.param) == (422, "too_long", "config")
    long_texts = ["x" * 2_000] * 100
    voice = {"voice_provider": "deepgram", "voice_config": {"model": long_texts, "other": long_texts}}
    refused = await ann.put(agent_path, voice)
    assert (refused.status, refused.code, refused.param) == (422, "too_long", "voice_config")
    assert (await ann.get(agent_path)).body["agent"]["version"] == 2


async def test_used_names_and_reached_limits_are_conflicts(api: Api) -> None:
    ann, agents = await owned_agents(api)
    assert (await ann.post(agents, {"name": "A"})).status == 201
    conflict = await ann.post(agents, {"name": "a"})
    assert (conflict.status, conflict.code, conflict.param) == (409, "name_taken", "name")
    second = (await ann.post(agents, {"name": "B"})).body["agent"]
    assert (await ann.put(f"{agents}/{second['id']}", {"name": "A"})).code == "name_taken"
    assert (await ann.post(agents, {"name": "C"})).code == "agent_limit"
    invalid = await ann.post(agents, {"name": "C", "config": {"language": "English"}})
    assert (invalid.status, invalid.param) == (422, "config.language"), "its faults come before the limit"


async def test_repeat_with_one_key_creates_one_agent(api: Api) -> None:
    ann, agents = await owned_agents(api)
    key = {"Idempotency-Key": "k1"}
    first = await ann.post(agents, {"name": "A"}, headers=key)
    second = await ann.post(agents, {"name": "A"}, headers=key)
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert (await ann.post(agents, {"name": "B"}, headers=key)).status == 422
    assert (await ann.get(agents)).body["total"] == 1


async def test_concurrent_edits_are_all_stored(api: Api) -> None:
    ann, agents = await owned_agents(api)
    agent_path = f"{agents}/{(await ann.post(agents, {'name': 'A'})).body['agent']['id']}"
    facts = [{"config": {"facts": {f"fact{n}": "x"}}} for n in range(8)]
    replies = await asyncio.gather(*(ann.put(agent_path, fact) for fact in facts))
    assert sorted(reply.body["agent"]["version"] for reply in replies) == list(range(2, 10))
    assert len((await ann.get(agent_path)).body["agent"]["config"]["facts"]) == 8


async def test_roles_that_may_change_agents(api: Api) -> None:
    ann, agents = await owned_agents(api)
    workspace_id = agents.split("/")[2]
    viewer, member = await api.member(workspace_id, "viewer"), await api.member(workspace_id, "member")
    assert (await viewer.post(agents, {"name": "A"})).status == 403
    agent_path = f"{agents}/{(await member.post(agents, {'name': 'A'})).body['agent']['id']}"
    assert (await viewer.get(agent_path)).status == 200
    assert (await viewer.put(agent_path, {"name": "B"})).status == 403
    assert (await member.put(agent_path, {"name": "B"})).status == 200
    assert (await member.delete(agent_path)).status == 403
    stranger = await api.sign_up()
    assert (await stranger.get(agent_path)).status == 404
    other_path = f"/workspaces/{await stranger.workspace()}/agents/{agent_path.rpartition('/')[2]}"
    assert (await stranger.get(other_path)).status == 404
    assert (await ann.delete(agent_path)).status == 204


async def test_list_has_filters(api: Api) -> None:
    ann, agents = await owned_agents(api)
    for name in ("Day", "Night"):
        await ann.post(agents, {"name": name})
    found = await ann.get(agents, params={"search": "nig", "status": "draft", "limit": "1"})
    assert ([line["name"] for line in found.body["agents"]], found.body["total"]) == (["Night"], 1)
    assert (await ann.get(agents, params={"status": "live"})).body["agents"] == []
    assert (await ann.get(agents, params={"status": "gone"})).param == "status"
    assert (await ann.get(agents, params={"search": "\0"})).param == "search"


async def test_config_schema_is_public_and_matches_responses(api: Api) -> None:
    reply = await api.anonymous.get("/schemas/agent-config.json")
    assert reply.status == 200
    schema = jsonschema_rs.validator_for(reply.body)
    ann, agents = await owned_agents(api)
    created = await ann.post(agents, {"name": "A", "config": CONFIG})
    schema.validate(created.body["agent"]["config"])
    assert not schema.is_valid({"turn": {"silence_ms": 1}})
