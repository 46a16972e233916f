"""/workspaces: workspaces, for their members."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared.ids import new_id
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url) as api:
        yield api


async def test_workspace_is_created_listed_and_shown(api: Api) -> None:
    ann = await api.sign_up()
    created = await ann.post("/workspaces", {"name": " Acme ", "industry": "dental", "timezone": "Europe/Berlin"})
    assert created.status == 201
    shown = created.body["workspace"]
    assert (shown["name"], shown["role"], shown["status"], shown["subscription_tier"]) == (
        "Acme", "owner", "trial", "trial",
    )  # fmt: skip
    (listed,) = (await ann.get("/workspaces")).body["workspaces"]
    assert {"id", "name", "industry", "role", "status", "subscription_tier"} <= listed.keys()
    details = (await ann.get(f"/workspaces/{shown['id']}")).body
    assert details["workspace"] == shown
    assert [(member["user_id"], member["email"], member["role"]) for member in details["members"]] == [
        (ann.id, ann.email, "owner")
    ]
    assert details["subscription"] == {
        "tier": "trial",
        "usage": {"agents": 0, "members": 1, "invitations": 0, "phone_numbers": 0, "minutes": 0.0},
        "limits": {"agents": 2, "members": 3, "phone_numbers": 1, "concurrent_calls": 2, "included_minutes": None},
    }


async def test_any_user_creates_a_workspace_by_name(api: Api) -> None:
    new = await api.sign_up(verified=False)
    created = await new.post("/workspaces", {"name": "Acme"})
    assert (created.status, created.body["workspace"]["timezone"], created.body["workspace"]["industry"]) == (
        201,
        "UTC",
        None,
    )


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "name"),
        ({"name": "  "}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"name": "A", "timezone": "Mars/Olympus"}, "timezone"),
        ({"name": "A", "timezone": None}, "timezone"),
        ({"name": "A", "industry": "Dental Care"}, "industry"),
        ({"name": "A", "status": "active"}, "status"),
    ],
)
async def test_invalid_field_is_named(api: Api, body: dict[str, object], param: str) -> None:
    ann = await api.sign_up()
    reply = await ann.post("/workspaces", body)
    assert (reply.status, reply.param) == (422, param)


async def test_one_key_creates_one_workspace(api: Api) -> None:
    ann = await api.sign_up()
    tries = [ann.post("/workspaces", {"name": "A"}, headers={"Idempotency-Key": "one"}) for _ in range(4)]
    replies = await asyncio.gather(*tries)
    assert 201 in {reply.status for reply in replies} <= {201, 409}
    assert len((await ann.get("/workspaces")).body["workspaces"]) == 1


async def test_admins_change_only_the_given_fields(api: Api) -> None:
    ann = await api.sign_up()
    workspace_path = f"/workspaces/{await ann.workspace()}"
    admin, member = [await api.member(workspace_path.rpartition("/")[2], role) for role in ("admin", "member")]
    changed = await admin.put(workspace_path, {"timezone": "Asia/Tokyo", "industry": None})
    shown = changed.body["workspace"]
    assert (changed.status, shown["name"], shown["timezone"], shown["industry"], shown["role"]) == (
        200, "Acme Dental", "Asia/Tokyo", None, "admin",
    )  # fmt: skip
    assert (await admin.put(workspace_path, {"name": None})).param == "name"
    assert (await admin.put(workspace_path, {"timezone": "x"})).code == "timezone_unknown"
    assert (await member.put(workspace_path, {"name": "Mine"})).code == "role"


async def test_only_owners_delete_a_workspace(api: Api) -> None:
    ann = await api.sign_up()
    workspace_id = await ann.workspace()
    admin = await api.member(workspace_id, "admin")
    assert (await admin.delete(f"/workspaces/{workspace_id}")).code == "role"
    assert (await ann.delete(f"/workspaces/{workspace_id}")).status == 204
    for client in (ann, admin):
        assert (await client.get(f"/workspaces/{workspace_id}")).code == "workspace_not_found"
        assert (await client.get("/workspaces")).body["workspaces"] == []
    assert (await ann.delete(f"/workspaces/{workspace_id}")).status == 404


async def test_workspace_of_others_is_404(api: Api) -> None:
    ann, eve = await api.sign_up(), await api.sign_up()
    other, missing = [f"/workspaces/{each}" for each in (await ann.workspace(), new_id())]
    for method in ("GET", "PUT", "DELETE"):
        replies = [await eve.ask(method, path, {} if method == "PUT" else None) for path in (other, missing)]
        assert [(reply.status, reply.code) for reply in replies] == [(404, "workspace_not_found")] * 2


async def test_suspended_workspace_is_read_only(api: Api) -> None:
    ann, super_admin = await api.sign_up(), await api.admin()
    workspace_id = await ann.workspace()
    await super_admin.post(f"/admin/workspaces/{workspace_id}/suspend", {"reason": "a secret of the staff"})
    shown = await ann.get(f"/workspaces/{workspace_id}")
    assert shown.body["workspace"]["status"] == "suspended"
    assert shown.body["workspace"]["suspension_cause"] == "staff"
    refused = await ann.put(f"/workspaces/{workspace_id}", {"name": "B"})
    assert (refused.status, refused.code) == (409, "workspace_suspended")
    assert "suspended by the platform's staff" in refused.body["error"]["message"]
    assert b"secret of the staff" not in shown.raw + refused.raw


async def test_workspace_whose_trial_is_over_is_told_so(api: Api) -> None:
    ann = await api.sign_up()
    path = f"/workspaces/{await ann.workspace()}"
    assert (await ann.get(path)).body["workspace"]["suspension_cause"] is None
    await api.owner.execute(
        "UPDATE workspaces SET status_before = 'trial', status = 'suspended', suspended_at = now(), "
        "suspended_why = 'The trial is over.', trial_ends_at = now() - interval '1 hour' WHERE id = $1::uuid",
        path.rpartition("/")[2],
    )
    assert (await ann.get(path)).body["workspace"]["suspension_cause"] == "trial_over"
    for refused in (
        await ann.put(path, {"name": "B"}),
        await ann.post(f"{path}/agents", {"name": "Agent"}),
        await ann.post(f"{path}/members", {"email": "bob@example.com", "role": "member"}),
    ):
        assert (refused.status, refused.code) == (409, "workspace_suspended"), refused.body
        assert "its trial is over" in refused.body["error"]["message"]


async def test_creating_workspaces_is_rate_limited(database_url: str, valkey_url: str) -> None:
    async with running_api(database_url, valkey_url, limits={"create-workspace": (2, 3600)}) as api:
        ann = await api.sign_up()
        for _ in range(2):
            assert (await ann.delete(f"/workspaces/{await ann.workspace()}")).status == 204
        assert (await ann.post("/workspaces", {"name": "A"})).code == "too_many_requests"
