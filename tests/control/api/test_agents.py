"""/workspaces/{workspaceId}/agents/…: voice agents over HTTP."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import jsonschema_rs
import pytest

from shared.ids import new_id
from tests.control.api import Api, Caller, running_api

NUMBER = "+14155550142"
STAND_INS = {kind: [{"provider": "standin"}] for kind in ("stt", "llm", "tts")}
CONFIG = {"greeting": "Hello.", "speech": STAND_INS}


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


async def number(api: Api, workspace_id: str) -> str:
    """A number, as the phone network's part will buy it."""
    number_id = new_id()
    await api.owner.execute(
        "INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status) "
        "VALUES ($1, $2, $3, 'Main', 'simulated', 'active')",
        UUID(number_id), UUID(workspace_id), NUMBER,
    )  # fmt: skip
    return number_id


async def owned(api: Api) -> tuple[Caller, str]:
    """An owner and the path of their workspace's agents."""
    ann = await api.sign_up()
    return ann, f"/workspaces/{await ann.workspace()}/agents"


async def test_an_agent_from_a_template_to_its_first_call(api: Api) -> None:
    ann, agents = await owned(api)
    found = await ann.get("/templates", params={"industry": "dental"})
    template_id = found.body["templates"][0]["id"]
    made = await ann.post(
        agents, {"name": "Front desk", "template_id": template_id, "config": {"facts": {"business_name": "Oak"}}}
    )
    assert made.status == 201
    agent = made.body["agent"]
    assert (agent["status"], agent["version"], agent["template_name"]) == ("draft", 1, "Dental front desk")
    needed = agent["missing_facts"]
    assert needed[0] == "opening_hours"
    assert "business_name" not in needed
    one = f"{agents}/{agent['id']}"
    refused = await ann.post(f"{one}/activate")
    assert (refused.status, refused.code) == (409, "cannot_answer")
    assert "config.facts.opening_hours" in refused.body["error"]["message"]
    assert "no phone number" in refused.body["error"]["message"]
    number_id = await number(api, agents.split("/")[2])
    filled = {"facts": dict.fromkeys(needed, "as agreed")}
    changed = await ann.put(one, {"config": filled, "phone_number_id": number_id})
    assert changed.status == 200
    assert (changed.body["agent"]["version"], changed.body["agent"]["missing_facts"]) == (2, [])
    live = await ann.post(f"{one}/activate")
    assert (live.status, live.body) == (
        200, {"agent": {"id": agent["id"], "name": "Front desk", "status": "live"}},
    )  # fmt: skip
    read = await ann.get(one)
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
    assert (await ann.delete(one)).code == "agent_live"
    paused = await ann.post(f"{one}/pause")
    assert paused.body["agent"]["status"] == "paused"
    assert (await ann.delete(one)).status == 204
    assert (await ann.get(one)).status == 404


async def test_versions_over_http(api: Api) -> None:
    ann, agents = await owned(api)
    one = f"{agents}/{(await ann.post(agents, {'name': 'A', 'config': CONFIG})).body['agent']['id']}"
    assert (await ann.put(one, {"config": {"greeting": "Hi."}})).body["agent"]["version"] == 2
    stale = await ann.put(one, {"name": "B", "expected_version": 1})
    assert (stale.status, stale.code, stale.param) == (409, "version_mismatch", "expected_version")
    listed = await ann.get(f"{one}/versions")
    assert [line["version"] for line in listed.body["versions"]] == [2, 1]
    first = await ann.get(f"{one}/versions/1")
    assert first.body["version"]["config"]["greeting"] == "Hello."
    restored = await ann.post(f"{one}/versions/1/restore", {"expected_version": 2})
    assert (restored.status, restored.body["agent"]["version"]) == (200, 3)
    assert restored.body["agent"]["config"]["greeting"] == "Hello."
    for number in ("0", "-1", "9", "99999999999", "x"):
        assert (await ann.get(f"{one}/versions/{number}")).status == 404


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
async def test_what_is_wrong_is_named_and_nothing_is_made(api: Api, body: dict[str, object], param: str) -> None:
    ann, agents = await owned(api)
    refused = await ann.post(agents, body)
    assert (refused.status, refused.param) == (422, param)
    assert (await ann.get(agents)).body["total"] == 0


async def test_patch_after_patch_makes_no_endless_config(api: Api) -> None:
    ann, agents = await owned(api)
    one = f"{agents}/{(await ann.post(agents, {'name': 'A'})).body['agent']['id']}"
    terms = ["x" * 2_000] * 100
    long = {"provider": "deepgram", "options": {"keyterm": terms}}
    assert (await ann.put(one, {"config": {"speech": {"stt": [long]}}})).status == 200
    refused = await ann.put(one, {"config": {"facts": {f"fact_{n}": "x" * 4_000 for n in range(20)}}})
    assert (refused.status, refused.code, refused.param) == (422, "too_long", "config")
    voice = {"voice_provider": "deepgram", "voice_config": {"model": terms, "other": terms}}
    refused = await ann.put(one, voice)
    assert (refused.status, refused.code, refused.param) == (422, "too_long", "voice_config")
    assert (await ann.get(one)).body["agent"]["version"] == 2


async def test_names_and_limits_are_conflicts(api: Api) -> None:
    ann, agents = await owned(api)
    assert (await ann.post(agents, {"name": "A"})).status == 201
    taken = await ann.post(agents, {"name": "a"})
    assert (taken.status, taken.code, taken.param) == (409, "name_taken", "name")
    second = (await ann.post(agents, {"name": "B"})).body["agent"]
    assert (await ann.put(f"{agents}/{second['id']}", {"name": "A"})).code == "name_taken"
    assert (await ann.post(agents, {"name": "C"})).code == "agent_limit"


async def test_a_repeat_under_one_key_makes_one_agent(api: Api) -> None:
    ann, agents = await owned(api)
    key = {"Idempotency-Key": "k1"}
    first = await ann.post(agents, {"name": "A"}, headers=key)
    second = await ann.post(agents, {"name": "A"}, headers=key)
    assert (first.status, second.status) == (201, 201)
    assert first.body == second.body
    assert (await ann.post(agents, {"name": "B"}, headers=key)).status == 422
    assert (await ann.get(agents)).body["total"] == 1


async def test_edits_at_once_over_http_are_all_kept(api: Api) -> None:
    ann, agents = await owned(api)
    one = f"{agents}/{(await ann.post(agents, {'name': 'A'})).body['agent']['id']}"
    facts = [{"config": {"facts": {f"fact{n}": "x"}}} for n in range(8)]
    replies = await asyncio.gather(*(ann.put(one, fact) for fact in facts))
    assert sorted(reply.body["agent"]["version"] for reply in replies) == list(range(2, 10))
    assert len((await ann.get(one)).body["agent"]["config"]["facts"]) == 8


async def test_roles(api: Api) -> None:
    ann, agents = await owned(api)
    workspace_id = agents.split("/")[2]
    viewer, member = await api.member(workspace_id, "viewer"), await api.member(workspace_id, "member")
    assert (await viewer.post(agents, {"name": "A"})).status == 403
    one = f"{agents}/{(await member.post(agents, {'name': 'A'})).body['agent']['id']}"
    assert (await viewer.get(one)).status == 200
    assert (await viewer.put(one, {"name": "B"})).status == 403
    assert (await member.put(one, {"name": "B"})).status == 200
    assert (await member.delete(one)).status == 403
    stranger = await api.sign_up()
    assert (await stranger.get(one)).status == 404
    theirs = f"/workspaces/{await stranger.workspace()}/agents/{one.rpartition('/')[2]}"
    assert (await stranger.get(theirs)).status == 404
    assert (await ann.delete(one)).status == 204


async def test_the_list_can_be_narrowed(api: Api) -> None:
    ann, agents = await owned(api)
    for name in ("Day", "Night"):
        await ann.post(agents, {"name": name})
    found = await ann.get(agents, params={"search": "nig", "status": "draft", "limit": "1"})
    assert ([line["name"] for line in found.body["agents"]], found.body["total"]) == (["Night"], 1)
    assert (await ann.get(agents, params={"status": "live"})).body["agents"] == []
    assert (await ann.get(agents, params={"status": "gone"})).param == "status"
    assert (await ann.get(agents, params={"search": "\0"})).param == "search"


async def test_the_schema_is_open_and_fits_what_the_api_answers(api: Api) -> None:
    reply = await api.nobody.get("/schemas/agent-config.json")
    assert reply.status == 200
    schema = jsonschema_rs.validator_for(reply.body)
    ann, agents = await owned(api)
    made = await ann.post(agents, {"name": "A", "config": CONFIG})
    schema.validate(made.body["agent"]["config"])
    assert not schema.is_valid({"turn": {"silence_ms": 1}})
