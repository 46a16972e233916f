"""Workspaces over HTTP, as the staff sees and changes them."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from control.http.access import AdminRole
from shared.ids import new_id
from tests.control.running import Api, Staff, running_api

ALL: list[AdminRole] = ["super_admin", "support", "finance", "read_only"]


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


async def log(api: Api, workspace_id: str) -> list[Any]:
    return list(
        await api.owner.fetch(
            "SELECT action, actor, actor_id, actor_email, details, request_id, address FROM audit_log "
            "WHERE workspace_id = $1 AND actor = 'admin' ORDER BY ctid",
            UUID(workspace_id),
        )
    )


async def test_the_list_tells_what_the_spec_says(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin("read_only")
    workspace_id = await ann.workspace("Listed Dental")
    await api.owner.execute(
        "INSERT INTO workspace_totals (workspace_id, calls, seconds, price, cost) VALUES ($1, 3, 90, 1.5, 1)",
        UUID(workspace_id),
    )
    reply = await boss.get("/admin/workspaces", params={"search": ann.email, "status": "trial"})
    assert (reply.body["total"], reply.body["page"], reply.body["limit"]) == (1, 1, 50)
    (line,) = reply.body["workspaces"]
    del line["created_at"]
    assert line == {
        "id": workspace_id, "name": "Listed Dental", "industry": "dental", "owner_email": ann.email, "status": "trial",
        "subscription_tier": "trial", "deleted_at": None, "total_calls": 3, "total_revenue": 1.5,
    }  # fmt: skip
    assert (await boss.get("/admin/workspaces?status=gone")).param == "status"
    assert (await boss.get("/admin/workspaces?search=")).param == "search"


async def test_the_whole_story_of_a_workspace(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    agent = await ann.post(f"/workspaces/{workspace_id}/agents", {"name": "Front desk", "config": {"prompt": "Hi"}})
    assert agent.status == 201, agent.body
    told = (await boss.get(f"/admin/workspaces/{workspace_id}")).body
    assert told["owner"] == {"id": ann.id, "email": ann.email, "name": "Ann Example"}
    assert [member["role"] for member in told["members"]] == ["owner"]
    assert [one["name"] for one in told["agents"]] == ["Front desk"]
    assert told["stats"] == {"total_calls": 0, "total_revenue": 0.0, "active_agents": 0}
    assert told["workspace"]["subscription_tier"] == "trial"


async def test_suspend_and_activate_are_written_down(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin("support")
    at = f"/admin/workspaces/{await ann.workspace()}"
    assert (await boss.post(f"{at}/suspend", {})).param == "reason"
    asleep = (await boss.post(f"{at}/suspend", {"reason": "unpaid"})).body["workspace"]
    assert (asleep["status"], asleep["status_before"], asleep["suspended_why"]) == ("suspended", "trial", "unpaid")
    awake = (await boss.post(f"{at}/activate")).body["workspace"]
    assert (awake["status"], awake["suspended_at"], awake["suspended_why"]) == ("trial", None, None)
    one, two = await log(api, at.rpartition("/")[2])
    assert (one["action"], str(one["actor_id"]), one["actor_email"]) == ("workspace.suspend", boss.id, boss.email)
    assert one["details"]["reason"] == "unpaid" and one["details"]["after"]["status"] == "suspended"
    assert one["request_id"] and str(one["address"]) == "127.0.0.1"
    assert two["details"]["before"]["status"] == "suspended" and two["details"]["after"]["status"] == "trial"


async def test_a_tier_is_changed_if_it_fits(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin("finance")
    workspace_id = await ann.workspace()
    at = f"/admin/workspaces/{workspace_id}/change-tier"
    changed = await boss.post(at, {"tier_name": "growth"})
    assert (changed.status, changed.body["workspace"]["subscription_tier"]) == (200, "growth")
    for _ in range(3):
        await api.member(workspace_id, "viewer")
    small = await boss.post(at, {"tier_name": "trial"})
    assert (small.status, small.code) == (409, "tier_too_small")
    assert "4 members and open invitations where 3 are allowed" in small.body["error"]["message"]
    unknown = await boss.post(at, {"tier_name": "platinum"})
    assert (unknown.status, unknown.code, unknown.param) == (422, "tier_unknown", "tier_name")


async def test_an_update_changes_only_what_is_told(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin("support")
    at = f"/admin/workspaces/{await ann.workspace()}"
    assert (await boss.put(at, {})).body["workspace"]["status"] == "trial"
    changed = (await boss.put(at, {"name": "New Name", "subscription_tier": "starter"})).body["workspace"]
    assert (changed["name"], changed["status"], changed["subscription_tier"]) == ("New Name", "trial", "starter")
    assert (await boss.put(at, {"status": "active"})).body["workspace"]["status"] == "active"
    assert (await boss.put(at, {"status": "deleted"})).param == "status"
    assert (await boss.put(at, {"subscription_tier": "nosuch"})).param == "subscription_tier"
    assert [row["action"] for row in await log(api, at.rpartition("/")[2])] == ["workspace.update"] * 2


async def test_the_countries_that_calls_may_go_to_are_set(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin("support")
    workspace_id = await ann.workspace()
    at = f"/admin/workspaces/{workspace_id}"
    assert (await boss.get(at)).body["workspace"]["outbound_countries"] == []
    await api.owner.execute("UPDATE workspaces SET settings = $2 WHERE id = $1", UUID(workspace_id), {"other": 1})
    for wanted, param in (
        (["GB", "QX"], "outbound_countries"), (["gb"], "outbound_countries.0"), ("GB", "outbound_countries"),
        (None, "outbound_countries"),
    ):  # fmt: skip
        refused = await boss.put(at, {"outbound_countries": wanted, "name": "Other"})
        assert (refused.status, refused.param) == (422, param)
    for wanted, told in ((["GB", "DE", "GB"], ["DE", "GB"]), (["DE", "GB"], ["DE", "GB"]), ([], [])):
        changed = await boss.put(at, {"outbound_countries": wanted})
        assert (changed.status, changed.body["workspace"]["outbound_countries"]) == (200, told)
        assert (await boss.put(at, {"name": "Acme"})).body["workspace"]["outbound_countries"] == told
    assert [row["details"] for row in await log(api, workspace_id) if "name" not in row["details"]["after"]] == [
        {"before": {"outbound_countries": []}, "after": {"outbound_countries": ["DE", "GB"]}},
        {"before": {"outbound_countries": ["DE", "GB"]}, "after": {"outbound_countries": []}},
    ]
    assert await api.owner.fetchval("SELECT settings FROM workspaces WHERE id = $1", UUID(workspace_id)) == {"other": 1}
    assert (await (await api.admin("finance")).put(at, {"outbound_countries": []})).code == "role"


async def test_a_deleted_workspace_can_be_seen_and_restored(api: Api) -> None:
    ann, boss = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    at = f"/admin/workspaces/{workspace_id}"
    assert (await boss.delete(at)).status == 204
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 404
    gone = (await boss.get(at)).body["workspace"]
    assert gone["deleted_at"] < gone["purge_after"]
    query = {"search": ann.email}
    assert (await boss.get("/admin/workspaces", params=query)).body["total"] == 0
    assert (await boss.get("/admin/workspaces", params={**query, "status": "deleted"})).body["total"] == 1
    assert (await boss.post(f"{at}/suspend", {"reason": "x"})).status == 404
    assert (await boss.delete(at)).status == 404
    assert (await boss.post(f"{at}/restore")).body["workspace"]["deleted_at"] is None
    assert (await boss.post(f"{at}/restore")).code == "not_deleted"
    assert (await ann.get(f"/workspaces/{workspace_id}")).status == 200


async def test_each_role_of_the_staff_may_what_its_line_says(api: Api) -> None:
    ann = await api.sign_up()
    at = f"/admin/workspaces/{await ann.workspace()}"
    staff = {role: await api.admin(role) for role in ALL}

    async def who_may(method: str, path: str, body: Any = None) -> list[str]:
        replies = {role: await who.ask(method, path, body) for role, who in staff.items()}
        return [role for role, reply in replies.items() if reply.status != 403]

    assert await who_may("GET", at) == ALL
    assert await who_may("GET", "/admin/workspaces") == ALL
    assert await who_may("PUT", at, {}) == ["super_admin", "support"]
    assert await who_may("POST", f"{at}/suspend", {"reason": "x"}) == ["super_admin", "support"]
    assert await who_may("POST", f"{at}/activate") == ["super_admin", "support"]
    assert await who_may("POST", f"{at}/change-tier", {"tier_name": "growth"}) == ["super_admin", "support", "finance"]
    assert await who_may("DELETE", at) == ["super_admin"]
    assert await who_may("POST", f"{at}/restore") == ["super_admin", "support"]


async def test_what_is_not_there(api: Api) -> None:
    boss: Staff = await api.admin()
    at = f"/admin/workspaces/{new_id()}"
    replies = [await boss.get(at), await boss.put(at, {}), await boss.delete(at), await boss.post(f"{at}/activate")]
    assert {(reply.status, reply.code) for reply in replies} == {(404, "workspace_not_found")}
