"""/workspaces/{workspaceId}/agents/{agentId}/draft and …/versions/{version}/diff/{otherVersion}."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from shared.ids import new_id
from tests.control.api.call_workspace import CALLEE, CallWorkspace, make_call_workspace
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def desk(api: Api) -> CallWorkspace:
    """A workspace with a live agent."""
    return await make_call_workspace(api)


def agent_path(desk: CallWorkspace) -> str:
    return f"{desk.path}/agents/{desk.agent_id}"


def draft_path(desk: CallWorkspace) -> str:
    return f"{agent_path(desk)}/draft"


async def save(desk: CallWorkspace, **change: Any) -> dict[str, Any]:
    """Changes the draft; returns it."""
    reply = await desk.ann.put(draft_path(desk), change)
    assert reply.status == 200, reply.body
    draft: dict[str, Any] = reply.body["draft"]
    return draft


async def live_greeting(desk: CallWorkspace) -> tuple[int, str]:
    agent = (await desk.ann.get(agent_path(desk))).body["agent"]
    return agent["version"], agent["config"]["greeting"]


async def test_callers_get_the_draft_only_after_its_publication(desk: CallWorkspace) -> None:
    assert (await desk.ann.get(draft_path(desk))).code == "draft_not_found"
    begun = await save(desk, config={"greeting": "Hi."})
    draft = await save(desk, name="New desk", config={"prompt": "Be brief."})
    assert (draft["base_version"], draft["is_outdated"], draft["updated_by"]) == (1, False, desk.ann.id)
    assert (draft["name"], draft["config"]["greeting"], draft["config"]["prompt"]) == ("New desk", "Hi.", "Be brief.")
    assert draft["revision"] != begun["revision"]
    assert (await desk.ann.get(draft_path(desk))).body["draft"] == draft
    assert await live_greeting(desk) == (1, "Hello.")
    published = await desk.ann.post(f"{draft_path(desk)}/publish", {"expected_revision": draft["revision"]})
    assert (published.status, published.body["agent"]["version"], published.body["agent"]["name"]) == (
        200,
        2,
        "New desk",
    )
    assert await live_greeting(desk) == (2, "Hi.")
    assert (await desk.ann.get(draft_path(desk))).code == "draft_not_found"
    assert (await desk.ann.post(f"{draft_path(desk)}/publish", {})).code == "draft_not_found"
    assert await desk.audit_actions(desk.agent_id) == ["agent.activate", "agent.publish_draft"]


async def test_same_content_keeps_the_revision(desk: CallWorkspace) -> None:
    first = await save(desk, config={"greeting": "Hi."})
    assert await save(desk, config={"greeting": "Hi."}) == first


async def test_discarded_draft_leaves_the_agent_alone(desk: CallWorkspace) -> None:
    assert (await desk.ann.delete(draft_path(desk))).code == "draft_not_found"
    draft = await save(desk, config={"greeting": "Hi."})
    assert (await desk.ann.delete(draft_path(desk))).status == 204
    assert await live_greeting(desk) == (1, "Hello.")
    again = await save(desk, config={"greeting": "Good day."})
    stale = await desk.ann.post(f"{draft_path(desk)}/publish", {"expected_revision": draft["revision"]})
    assert (stale.status, stale.code, stale.param) == (409, "version_mismatch", "expected_revision")
    assert again["revision"] != draft["revision"]
    assert "agent.discard_draft" in await desk.audit_actions(desk.agent_id)


async def test_change_of_another_revision_is_refused(desk: CallWorkspace) -> None:
    missing = await desk.ann.put(draft_path(desk), {"expected_revision": new_id()})
    assert (missing.status, missing.code, missing.param) == (409, "version_mismatch", "expected_revision")
    first = await save(desk, config={"greeting": "Hi."})
    second = await save(desk, config={"greeting": "Hey."}, expected_revision=first["revision"])
    stale = await desk.ann.put(
        draft_path(desk), {"config": {"greeting": "Yo."}, "expected_revision": first["revision"]}
    )
    assert (stale.status, stale.code) == (409, "version_mismatch")
    assert (await desk.ann.get(draft_path(desk))).body["draft"]["revision"] == second["revision"]


async def test_change_of_the_live_agent_is_not_lost_by_a_publication(desk: CallWorkspace) -> None:
    await save(desk, config={"greeting": "Hi."})
    assert (await desk.ann.put(agent_path(desk), {"config": {"prompt": "Urgent."}})).body["agent"]["version"] == 2
    draft = (await desk.ann.get(draft_path(desk))).body["draft"]
    assert (draft["base_version"], draft["is_outdated"]) == (1, True)
    refused = await desk.ann.post(f"{draft_path(desk)}/publish", {})
    assert (refused.status, refused.code, refused.param) == (409, "version_mismatch", "expected_version")
    assert "publish with expected_version 2" in refused.body["error"]["message"]
    wrong = await desk.ann.post(f"{draft_path(desk)}/publish", {"expected_version": 1})
    assert (wrong.status, wrong.code) == (409, "version_mismatch")
    forced = await desk.ann.post(f"{draft_path(desk)}/publish", {"expected_version": 2})
    assert (forced.status, forced.body["agent"]["version"]) == (200, 3)
    assert forced.body["agent"]["config"]["prompt"] == ""


async def test_of_publications_at_the_same_time_one_succeeds(desk: CallWorkspace) -> None:
    draft = await save(desk, config={"greeting": "Hi."})
    body = {"expected_revision": draft["revision"]}
    replies = await asyncio.gather(*(desk.ann.post(f"{draft_path(desk)}/publish", body) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 404, 404, 404]
    assert await live_greeting(desk) == (2, "Hi.")


async def test_draft_is_checked_when_saved_and_when_published(desk: CallWorkspace) -> None:
    wrong = await desk.ann.put(draft_path(desk), {"config": {"greeting": 7}})
    assert (wrong.status, wrong.param) == (422, "config.greeting")
    assert (await desk.ann.put(draft_path(desk), {"phone_number_id": new_id()})).param == "phone_number_id"
    # A draft may lack what a live agent needs, until it is published.
    await save(desk, config={"greeting": "Hello from {city}."})
    assert (await desk.ann.get(draft_path(desk))).body["draft"]["missing_facts"] == ["city"]
    refused = await desk.ann.post(f"{draft_path(desk)}/publish", {})
    assert (refused.status, refused.code) == (409, "cannot_answer")
    assert await live_greeting(desk) == (1, "Hello.")
    await save(desk, config={"facts": {"city": "Bonn"}})
    assert (await desk.ann.post(f"{draft_path(desk)}/publish", {})).status == 200


async def test_used_name_is_refused_at_the_publication(desk: CallWorkspace) -> None:
    other = await desk.ann.post(f"{desk.path}/agents", {"name": "Back office", "config": {"greeting": "Hi."}})
    assert other.status == 201
    await save(desk, name="back OFFICE")
    refused = await desk.ann.post(f"{draft_path(desk)}/publish", {})
    assert (refused.status, refused.code) == (409, "name_taken")


async def test_versions_are_compared(desk: CallWorkspace) -> None:
    first = {"facts": {"city": "Bonn", "floor": "2"}}
    assert (await desk.ann.put(agent_path(desk), {"config": first})).body["agent"]["version"] == 2
    await save(desk, config={"greeting": "Hi.", "facts": {"floor": None, "zip": "53111"}}, voice_provider="standin")
    versions = f"{agent_path(desk)}/versions"
    found = (await desk.ann.get(f"{versions}/2/diff/draft")).body
    assert (found["version"], found["other_version"]) == ("2", "draft")
    assert {line["path"]: (line["kind"], line["before"], line["after"]) for line in found["differences"]} == {
        "config.greeting": ("changed", "Hello.", "Hi."),
        "config.facts.floor": ("removed", "2", None),
        "config.facts.zip": ("added", None, "53111"),
        "voice_provider": ("changed", None, "standin"),
    }
    assert (await desk.ann.get(f"{versions}/draft/diff/draft")).body["differences"] == []
    back = (await desk.ann.get(f"{versions}/2/diff/1")).body["differences"]
    assert {line["path"] for line in back} == {"config.facts.city", "config.facts.floor"}
    for pair in ("1/diff/9", "9/diff/1", "9999999999/diff/1"):
        assert (await desk.ann.get(f"{versions}/{pair}")).code == "version_not_found", pair
    for pair in ("0/diff/1", "1/diff/live", "1/diff/-1"):
        assert (await desk.ann.get(f"{versions}/{pair}")).status == 404, pair


async def test_test_calls_use_the_draft_as_it_was_then(desk: CallWorkspace) -> None:
    test = {"phone_number_to_call": CALLEE, "uses_draft": True}
    assert (await desk.ann.post(f"{agent_path(desk)}/test", test)).code == "draft_not_found"
    await save(desk, config={"greeting": "Hi."})
    versions = [await place_test(desk, uses_draft=True), await place_test(desk, uses_draft=True)]
    assert versions == [2, 2], "the same draft needs one version"
    await save(desk, config={"greeting": "Hey."})
    assert await place_test(desk, uses_draft=True) == 3
    assert await place_test(desk, uses_draft=False) == 1
    assert await live_greeting(desk) == (1, "Hello.")
    tested = (await desk.ann.get(f"{agent_path(desk)}/versions/2")).body["version"]
    assert (tested["config"]["greeting"], tested["is_draft"]) == ("Hi.", True)
    assert (await desk.ann.post(f"{draft_path(desk)}/publish", {})).body["agent"]["version"] == 4
    listed = (await desk.ann.get(f"{agent_path(desk)}/versions")).body
    assert [(line["version"], line["is_draft"]) for line in listed["versions"]] == [
        (4, False), (3, True), (2, True), (1, False),
    ]  # fmt: skip
    assert listed["total"] == 4
    assert (await desk.ann.put(agent_path(desk), {"config": {"greeting": "Yo."}})).body["agent"]["version"] == 5


async def place_test(desk: CallWorkspace, *, uses_draft: bool) -> int:
    """Places a test call; returns the version of its agent."""
    body = {"phone_number_to_call": CALLEE, "uses_draft": uses_draft}
    placed = await desk.ann.post(f"{agent_path(desk)}/test", body)
    assert placed.status == 201, placed.body
    call_id = placed.body["test_call_id"]
    version: int = (await desk.ann.get(f"{desk.calls_path}/{call_id}")).body["call"]["agent_version"]
    await desk.api.owner.execute("UPDATE calls SET status = 'completed' WHERE id = $1", UUID(call_id))
    return version


async def test_roles_that_may_use_drafts(api: Api, desk: CallWorkspace) -> None:
    await save(desk, config={"greeting": "Hi."})
    viewer = await api.member(desk.workspace_id, "viewer")
    assert (await viewer.get(draft_path(desk))).status == 200
    assert (await viewer.get(f"{agent_path(desk)}/versions/1/diff/draft")).status == 200
    assert {
        (await viewer.put(draft_path(desk), {})).code,
        (await viewer.delete(draft_path(desk))).code,
        (await viewer.post(f"{draft_path(desk)}/publish", {})).code,
    } == {"role"}
    member = await api.member(desk.workspace_id, "member")
    assert (await member.put(draft_path(desk), {"config": {"greeting": "Hey."}})).status == 200
    assert (await member.post(f"{draft_path(desk)}/publish", {})).status == 200
    stranger = await make_call_workspace(api)
    assert (await stranger.ann.get(f"{stranger.path}/agents/{desk.agent_id}/draft")).code == "agent_not_found"
    assert (await stranger.ann.get(draft_path(desk))).status == 404


async def test_suspended_workspace_publishes_nothing(desk: CallWorkspace) -> None:
    await save(desk, config={"greeting": "Hi."})
    await desk.update_workspace("status = 'suspended', suspended_at = now()")
    for reply in (
        await desk.ann.put(draft_path(desk), {"config": {"greeting": "Yo."}}),
        await desk.ann.post(f"{draft_path(desk)}/publish", {}),
    ):
        assert (reply.status, reply.code) == (409, "workspace_suspended")
    assert (await desk.ann.delete(draft_path(desk))).status == 204
