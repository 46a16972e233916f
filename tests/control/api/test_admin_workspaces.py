"""/admin/workspaces: workspaces, for the staff."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from control.http.access import AdminRole
from shared.ids import new_id
from tests.platform.api import Api, running_api
from tests.platform.clients import Staff

ALL: list[AdminRole] = ["super_admin", "support", "finance", "read_only"]


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


async def audit_log(api: Api, workspace_id: str) -> list[Any]:
    return list(
        await api.owner.fetch(
            "SELECT action, actor, actor_id, actor_email, details, request_id, address FROM audit_log "
            "WHERE workspace_id = $1 AND actor = 'admin' ORDER BY ctid",
            UUID(workspace_id),
        )
    )


async def test_fields_of_a_listed_workspace(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin("read_only")
    workspace_id = await ann.workspace("Listed Dental")
    await api.owner.execute(
        "INSERT INTO workspace_totals (workspace_id, calls, seconds, price, cost) VALUES ($1, 3, 90, 1.5, 1)",
        UUID(workspace_id),
    )
    reply = await admin.get("/admin/workspaces", params={"search": ann.email, "status": "trial"})
    assert (reply.body["total"], reply.body["page"], reply.body["limit"]) == (1, 1, 50)
    (line,) = reply.body["workspaces"]
    del line["created_at"]
    assert line == {
        "id": workspace_id, "name": "Listed Dental", "industry": "dental", "owner_email": ann.email, "status": "trial",
        "subscription_tier": "trial", "deleted_at": None, "total_calls": 3, "total_revenue": 1.5,
        "currency": "usd",
    }  # fmt: skip
    assert (await admin.get("/admin/workspaces?status=gone")).param == "status"
    assert (await admin.get("/admin/workspaces?search=")).param == "search"


async def test_fields_of_a_workspace(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    agent = await ann.post(f"/workspaces/{workspace_id}/agents", {"name": "Front desk", "config": {"prompt": "Hi"}})
    assert agent.status == 201, agent.body
    body = (await admin.get(f"/admin/workspaces/{workspace_id}")).body
    assert body["owner"] == {"id": ann.id, "email": ann.email, "name": "Ann Example"}
    assert [member["role"] for member in body["members"]] == ["owner"]
    assert [agent["name"] for agent in body["agents"]] == ["Front desk"]
    assert body["stats"] == {"total_calls": 0, "total_revenue": 0.0, "currency": "usd", "active_agents": 0}
    assert body["workspace"]["subscription_tier"] == "trial"


async def test_suspension_and_activation_are_audited(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin("support")
    workspace_path = f"/admin/workspaces/{await ann.workspace()}"
    assert (await admin.post(f"{workspace_path}/suspend", {})).param == "reason"
    suspended = (await admin.post(f"{workspace_path}/suspend", {"reason": "unpaid"})).body["workspace"]
    assert (suspended["status"], suspended["status_before"], suspended["suspended_why"]) == (
        "suspended",
        "trial",
        "unpaid",
    )
    activated = (await admin.post(f"{workspace_path}/activate")).body["workspace"]
    assert (activated["status"], activated["suspended_at"], activated["suspended_why"]) == ("trial", None, None)
    suspension, activation = await audit_log(api, workspace_path.rpartition("/")[2])
    assert (suspension["action"], str(suspension["actor_id"]), suspension["actor_email"]) == (
        "workspace.suspend",
        admin.id,
        admin.email,
    )
    assert suspension["details"]["reason"] == "unpaid" and suspension["details"]["after"]["status"] == "suspended"
    assert suspension["request_id"] and str(suspension["address"]) == "127.0.0.1"
    assert (
        activation["details"]["before"]["status"] == "suspended" and activation["details"]["after"]["status"] == "trial"
    )


@pytest.mark.parametrize(("change", "jobs"), [({}, 2), ({"end_calls": True}, 2), ({"end_calls": False}, 0)])
async def test_suspension_ends_running_calls_unless_told_otherwise(
    api: Api, change: dict[str, bool], jobs: int
) -> None:
    ann, admin = await api.sign_up(), await api.admin("support")
    workspace_path = f"/admin/workspaces/{await ann.workspace()}"
    await api.owner.execute("DELETE FROM pgqueuer WHERE entrypoint = 'calls.end_of_workspace'")
    assert (await admin.post(f"{workspace_path}/suspend", {"reason": "fraud"} | change)).status == 200
    assert await count_ending_jobs(api) == jobs
    assert (await admin.post(f"{workspace_path}/activate")).status == 200
    assert (await admin.put(workspace_path, {"status": "suspended"})).status == 200
    assert await count_ending_jobs(api) == jobs + 2


async def count_ending_jobs(api: Api) -> int:
    return int(await api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'calls.end_of_workspace'"))


async def test_tier_changes_if_the_workspace_fits(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin("finance")
    workspace_id = await ann.workspace()
    workspace_path = f"/admin/workspaces/{workspace_id}/change-tier"
    changed = await admin.post(workspace_path, {"tier_name": "growth"})
    assert (changed.status, changed.body["workspace"]["subscription_tier"]) == (200, "growth")
    for _ in range(3):
        await api.member(workspace_id, "viewer")
    small = await admin.post(workspace_path, {"tier_name": "trial"})
    assert (small.status, small.code) == (409, "tier_too_small")
    assert "4 members and open invitations where 3 are allowed" in small.body["error"]["message"]
    unknown = await admin.post(workspace_path, {"tier_name": "platinum"})
    assert (unknown.status, unknown.code, unknown.param) == (422, "tier_unknown", "tier_name")


async def test_update_changes_only_the_given_fields(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin("support")
    workspace_path = f"/admin/workspaces/{await ann.workspace()}"
    assert (await admin.put(workspace_path, {})).body["workspace"]["status"] == "trial"
    changed = (await admin.put(workspace_path, {"name": "New Name", "subscription_tier": "starter"})).body["workspace"]
    assert (changed["name"], changed["status"], changed["subscription_tier"]) == ("New Name", "trial", "starter")
    assert (await admin.put(workspace_path, {"status": "active"})).body["workspace"]["status"] == "active"
    assert (await admin.put(workspace_path, {"status": "deleted"})).param == "status"
    assert (await admin.put(workspace_path, {"subscription_tier": "nosuch"})).param == "subscription_tier"
    assert [row["action"] for row in await audit_log(api, workspace_path.rpartition("/")[2])] == [
        "workspace.update"
    ] * 2


async def test_outbound_countries_are_set(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin("support")
    workspace_id = await ann.workspace()
    workspace_path = f"/admin/workspaces/{workspace_id}"
    assert (await admin.get(workspace_path)).body["workspace"]["outbound_countries"] == []
    await api.owner.execute("UPDATE workspaces SET settings = $2 WHERE id = $1", UUID(workspace_id), {"other": 1})
    for countries, param in (
        (["GB", "QX"], "outbound_countries"), (["gb"], "outbound_countries.0"), ("GB", "outbound_countries"),
        (None, "outbound_countries"),
    ):  # fmt: skip
        refused = await admin.put(workspace_path, {"outbound_countries": countries, "name": "Other"})
        assert (refused.status, refused.param) == (422, param)
    for countries, body in ((["GB", "DE", "GB"], ["DE", "GB"]), (["DE", "GB"], ["DE", "GB"]), ([], [])):
        changed = await admin.put(workspace_path, {"outbound_countries": countries})
        assert (changed.status, changed.body["workspace"]["outbound_countries"]) == (200, body)
        assert (await admin.put(workspace_path, {"name": "Acme"})).body["workspace"]["outbound_countries"] == body
    assert [row["details"] for row in await audit_log(api, workspace_id) if "name" not in row["details"]["after"]] == [
        {"before": {"outbound_countries": []}, "after": {"outbound_countries": ["DE", "GB"]}},
        {"before": {"outbound_countries": ["DE", "GB"]}, "after": {"outbound_countries": []}},
    ]
    assert await api.owner.fetchval("SELECT settings FROM workspaces WHERE id = $1", UUID(workspace_id)) == {"other": 1}
    assert (await (await api.admin("finance")).put(workspace_path, {"outbound_countries": []})).code == "role"


async def test_deleted_workspace_is_shown_and_restored(api: Api) -> None:
    ann, admin = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    workspace_path = f"/admin/workspaces/{workspace_id}"
    assert (await admin.delete(workspace_path)).status == 204
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 404
    deleted = (await admin.get(workspace_path)).body["workspace"]
    assert deleted["deleted_at"] < deleted["purge_after"]
    query = {"search": ann.email}
    assert (await admin.get("/admin/workspaces", params=query)).body["total"] == 0
    assert (await admin.get("/admin/workspaces", params={**query, "status": "deleted"})).body["total"] == 1
    assert (await admin.post(f"{workspace_path}/suspend", {"reason": "x"})).status == 404
    assert (await admin.delete(workspace_path)).status == 404
    assert (await admin.post(f"{workspace_path}/restore")).body["workspace"]["deleted_at"] is None
    assert (await admin.post(f"{workspace_path}/restore")).code == "not_deleted"
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 200


async def test_each_staff_role_has_its_permissions(api: Api) -> None:
    ann = await api.sign_up()
    workspace_path = f"/admin/workspaces/{await ann.workspace()}"
    staff = {role: await api.admin(role) for role in ALL}

    async def who_may(method: str, path: str, body: Any = None) -> list[str]:
        replies = {role: await client.ask(method, path, body) for role, client in staff.items()}
        return [role for role, reply in replies.items() if reply.status != 403]

    assert await who_may("GET", workspace_path) == ALL
    assert await who_may("GET", "/admin/workspaces") == ALL
    assert await who_may("PUT", workspace_path, {}) == ["super_admin", "support"]
    assert await who_may("POST", f"{workspace_path}/suspend", {"reason": "x"}) == ["super_admin", "support"]
    assert await who_may("POST", f"{workspace_path}/activate") == ["super_admin", "support"]
    assert await who_may("POST", f"{workspace_path}/change-tier", {"tier_name": "growth"}) == [
        "super_admin",
        "support",
        "finance",
    ]
    assert await who_may("DELETE", workspace_path) == ["super_admin"]
    assert await who_may("POST", f"{workspace_path}/restore") == ["super_admin", "support"]


async def test_unknown_workspace_is_404(api: Api) -> None:
    admin: Staff = await api.admin()
    workspace_path = f"/admin/workspaces/{new_id()}"
    replies = [
        await admin.get(workspace_path),
        await admin.put(workspace_path, {}),
        await admin.delete(workspace_path),
        await admin.post(f"{workspace_path}/activate"),
    ]
    assert {(reply.status, reply.code) for reply in replies} == {(404, "workspace_not_found")}
