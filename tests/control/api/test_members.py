"""/workspaces/{workspaceId}/members: members of a workspace."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


async def test_members_are_listed_in_pages(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    viewer = await api.member(workspace_id, "viewer")
    page = (await viewer.get(f"/workspaces/{workspace_id}/members?limit=1&page=2")).body
    assert (page["total"], page["page"], page["limit"]) == (2, 2, 1)
    (member,) = page["members"]
    assert (member["user_id"], member["email"], member["name"], member["role"]) == (
        viewer.id, viewer.email, "Ann Example", "viewer",
    )  # fmt: skip


async def test_changed_role_applies_at_once(api: Api) -> None:
    ann = await api.sign_up()
    path = f"/workspaces/{await ann.workspace()}"
    bob = await api.member(path.rpartition("/")[2], "viewer")
    assert (await bob.put(path, {"name": "B"})).code == "role"
    changed = await ann.put(f"{path}/members/{bob.id}", {"role": "admin"})
    assert (changed.status, changed.body["member"]["role"]) == (200, "admin")
    assert (await bob.put(path, {"name": "B"})).status == 200
    assert (await bob.put(f"{path}/members/{ann.id}", {"role": "viewer"})).code == "role"
    refused = await bob.put(f"{path}/members/{bob.id}", {"role": "owner"})
    assert refused.code == "role" and refused.body["error"]["message"] == "This needs the role owner; yours is admin."
    assert (await ann.put(f"{path}/members/{bob.id}", {"role": "king"})).param == "role"


async def test_removed_member_loses_access_at_once(api: Api) -> None:
    ann = await api.sign_up()
    path = f"/workspaces/{await ann.workspace()}"
    bob, eve = [await api.member(path.rpartition("/")[2], "viewer") for _ in range(2)]
    assert (await bob.delete(f"{path}/members/{eve.id}")).code == "role"
    assert (await bob.delete(f"{path}/members/{bob.id}")).status == 204
    assert (await ann.delete(f"{path}/members/{eve.id}")).status == 204
    for former in (bob, eve):
        assert (await former.get(path)).status == 404
    assert (await ann.delete(f"{path}/members/{bob.id}")).code == "member_not_found"
    assert (await ann.delete(f"{path}/members/{ann.id}")).code == "last_owner"


async def test_concurrent_leaves_keep_one_owner(api: Api) -> None:
    for _ in range(5):
        ann = await api.sign_up()
        path = f"/workspaces/{await ann.workspace()}"
        bob = await api.member(path.rpartition("/")[2], "owner")
        replies = await asyncio.gather(*(leaver.delete(f"{path}/members/{leaver.id}") for leaver in (ann, bob)))
        assert sorted(reply.status for reply in replies) == [204, 409]
        assert [reply.code for reply in replies if reply.status == 409] == ["last_owner"]


async def test_last_owner_of_a_workspace_cannot_be_deleted(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace("Only Hers")
    reply = await admin.delete(f"/admin/users/{ann.id}")
    assert (reply.status, reply.code) == (409, "last_owner")
    assert "Only Hers" in reply.body["error"]["message"]
    await api.member(workspace_id, "owner")
    assert (await admin.delete(f"/admin/users/{ann.id}")).status in (200, 204)
