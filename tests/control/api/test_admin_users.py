"""/admin/users: users, for the staff."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from control.http.access import AdminRole
from tests.platform.api import PASSWORD, Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as running:
        yield running


async def test_list_has_search_pages_and_totals(api: Api) -> None:
    mark = uuid4().hex
    people = [await api.sign_up(f"{mark}.{number}@example.com", name=f"Person {number}") for number in range(3)]
    await people[0].workspace("One")
    await people[0].workspace("Two")
    staff = await api.admin("read_only")
    reply = await staff.get("/admin/users", params={"search": mark, "page": 1, "limit": 2})
    assert reply.status == 200 and (reply.body["total"], reply.body["page"], reply.body["limit"]) == (3, 1, 2)
    assert [user["email"] for user in reply.body["users"]] == [people[2].email, people[1].email]
    second = await staff.get("/admin/users", params={"search": mark, "page": 2, "limit": 2})
    [user] = second.body["users"]
    assert (user["id"], user["workspaces_count"], user["name"]) == (people[0].id, 2, "Person 0")
    assert {"id", "email", "name", "workspaces_count", "created_at"} <= user.keys()


async def test_user_is_returned_with_memberships(api: Api) -> None:
    ann, staff = await api.sign_up(), await api.admin("support")
    workspace_id = await ann.workspace("Acme Dental")
    reply = await staff.get(f"/admin/users/{ann.id}")
    assert reply.body["user"]["email"] == ann.email and reply.body["user"]["last_login"]
    [workspace] = reply.body["workspaces"]
    assert (workspace["workspace_id"], workspace["workspace_name"], workspace["role"]) == (
        workspace_id, "Acme Dental", "owner",
    )  # fmt: skip
    assert (await staff.get(f"/admin/users/{uuid4()}")).code == "user_not_found"


async def test_change_is_audited_and_deactivation_ends_sessions(api: Api) -> None:
    ann, staff = await api.sign_up(name="Ann"), await api.admin("support")
    reply = await staff.put(f"/admin/users/{ann.id}", {"is_active": False})
    assert (reply.status, reply.body["user"]["is_active"], reply.body["user"]["name"]) == (200, False, "Ann")
    assert (await ann.get("/auth/me")).code == "account_deactivated"
    renamed = await staff.put(f"/admin/users/{ann.id}", {"name": "Ann Lee", "is_active": True})
    assert renamed.body["user"]["name"] == "Ann Lee"
    assert (await ann.get("/auth/me")).code == "session_over"
    logs = await staff.get("/admin/logs/activity", params={"action": "user.update"})
    changes = [entry["details"] for entry in logs.body["logs"] if entry["resource_id"] == ann.id]
    assert [(change["before"]["is_active"], change["after"]["is_active"]) for change in changes] == [
        (False, True), (True, False),
    ]  # fmt: skip


async def test_deactivated_user_is_told_so_by_password_and_by_token_only(api: Api) -> None:
    ann, staff = await api.sign_up(), await api.admin("support")
    workspace_id = await ann.workspace()
    await staff.put(f"/admin/users/{ann.id}", {"is_active": False})
    sign_in = await api.anonymous.post("/auth/login", {"email": ann.email, "password": PASSWORD})
    refreshed = await api.anonymous.post("/auth/refresh", {"refresh_token": ann.refresh_token})
    replies = [await ann.get("/auth/me"), await ann.get(f"/workspaces/{workspace_id}"), refreshed]
    assert (sign_in.status, sign_in.code) == (403, "account_deactivated")
    assert [(reply.status, reply.code) for reply in replies] == [(401, "account_deactivated")] * 3
    assert "deactivated" in sign_in.body["error"]["message"]
    guess = await api.anonymous.post("/auth/login", {"email": ann.email, "password": "not the password"})
    assert (guess.status, guess.code) == (401, "invalid_credentials")


async def test_roles_that_may_change_and_delete_users(api: Api) -> None:
    ann = await api.sign_up()
    expected: list[tuple[AdminRole, int, int]] = [("read_only", 403, 403), ("finance", 403, 403), ("support", 200, 403)]
    for role, change, delete in expected:
        staff = await api.admin(role)
        assert (await staff.put(f"/admin/users/{ann.id}", {"name": "Ann"})).status == change
        assert (await staff.delete(f"/admin/users/{ann.id}")).status == delete


async def test_last_owner_cannot_be_deleted(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace("Acme Dental")
    bob = await api.member(workspace_id, "member")
    assert (await admin.delete(f"/admin/users/{ann.id}")).code == "last_owner"
    assert (await ann.get("/auth/me")).status == 200
    assert (await admin.delete(f"/admin/users/{bob.id}")).status == 204
    assert (await bob.get("/auth/me")).status == 401
    remaining = await api.owner.fetchval(
        "SELECT count(*) FROM workspace_members WHERE workspace_id = $1::uuid", workspace_id
    )
    assert remaining == 1
    assert (await admin.delete(f"/admin/users/{bob.id}")).code == "user_not_found"
