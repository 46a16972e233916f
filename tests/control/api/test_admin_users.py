"""/admin/users: the staff's view of users over HTTP."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from control.http.access import AdminRole
from tests.control.api import PASSWORD, Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def test_the_list_searches_pages_and_counts(api: Api) -> None:
    mark = uuid4().hex
    people = [await api.sign_up(f"{mark}.{number}@example.com", name=f"Person {number}") for number in range(3)]
    await people[0].workspace("One")
    await people[0].workspace("Two")
    clerk = await api.admin("read_only")
    reply = await clerk.get("/admin/users", params={"search": mark, "page": 1, "limit": 2})
    assert reply.status == 200 and (reply.body["total"], reply.body["page"], reply.body["limit"]) == (3, 1, 2)
    assert [user["email"] for user in reply.body["users"]] == [people[2].email, people[1].email]
    second = await clerk.get("/admin/users", params={"search": mark, "page": 2, "limit": 2})
    [user] = second.body["users"]
    assert (user["id"], user["workspaces_count"], user["name"]) == (people[0].id, 2, "Person 0")
    assert {"id", "email", "name", "workspaces_count", "created_at"} <= user.keys()


async def test_a_user_is_told_with_their_memberships(api: Api) -> None:
    ann, clerk = await api.sign_up(), await api.admin("support")
    workspace_id = await ann.workspace("Acme Dental")
    reply = await clerk.get(f"/admin/users/{ann.id}")
    assert reply.body["user"]["email"] == ann.email and reply.body["user"]["last_login"]
    [workspace] = reply.body["workspaces"]
    assert (workspace["workspace_id"], workspace["workspace_name"], workspace["role"]) == (
        workspace_id, "Acme Dental", "owner",
    )  # fmt: skip
    assert (await clerk.get(f"/admin/users/{uuid4()}")).code == "user_not_found"


async def test_a_change_is_told_in_the_log_and_signs_out(api: Api) -> None:
    ann, clerk = await api.sign_up(name="Ann"), await api.admin("support")
    reply = await clerk.put(f"/admin/users/{ann.id}", {"is_active": False})
    assert (reply.status, reply.body["user"]["is_active"], reply.body["user"]["name"]) == (200, False, "Ann")
    assert (await ann.get("/auth/me")).code == "session_over"
    refused = await api.nobody.post("/auth/login", {"email": ann.email, "password": PASSWORD})
    assert refused.code == "invalid_credentials"
    renamed = await clerk.put(f"/admin/users/{ann.id}", {"name": "Ann Lee", "is_active": True})
    assert renamed.body["user"]["name"] == "Ann Lee"
    assert (await ann.get("/auth/me")).status == 401
    logs = await clerk.get("/admin/logs/activity", params={"action": "user.update"})
    details = [entry["details"] for entry in logs.body["logs"] if entry["resource_id"] == ann.id]
    assert [(each["before"]["is_active"], each["after"]["is_active"]) for each in details] == [
        (False, True), (True, False),
    ]  # fmt: skip


async def test_only_some_may_change_and_fewer_delete(api: Api) -> None:
    ann = await api.sign_up()
    expected: list[tuple[AdminRole, int, int]] = [("read_only", 403, 403), ("finance", 403, 403), ("support", 200, 403)]
    for role, change, delete in expected:
        clerk = await api.admin(role)
        assert (await clerk.put(f"/admin/users/{ann.id}", {"name": "Ann"})).status == change
        assert (await clerk.delete(f"/admin/users/{ann.id}")).status == delete


async def test_the_only_owner_cannot_be_deleted_and_others_can(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace("Acme Dental")
    bob = await api.member(workspace_id, "member")
    assert (await boss.delete(f"/admin/users/{ann.id}")).code == "last_owner"
    assert (await ann.get("/auth/me")).status == 200
    assert (await boss.delete(f"/admin/users/{bob.id}")).status == 204
    assert (await bob.get("/auth/me")).status == 401
    left = await api.owner.fetchval(
        "SELECT count(*) FROM workspace_members WHERE workspace_id = $1::uuid", workspace_id
    )
    assert left == 1
    assert (await boss.delete(f"/admin/users/{bob.id}")).code == "user_not_found"
