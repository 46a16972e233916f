"""How often keys are tried at vendors: by user and by workspace, and by member of the staff."""

from collections.abc import AsyncIterator
from typing import Any, get_origin, get_type_hints

import pytest

from control.app import ROUTES
from control.http.responses.after_commit import CheckedChange
from tests.platform.api import Api, running_api
from tests.platform.chat_vendor import ChatVendor, chat_vendor
from tests.platform.clients import Client, Reply, User

LIMITS = {"key-checks": (2, 3_600), "admin-key-checks": (2, 3_600)}


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(database_url, valkey_url, egress_allow=("127.0.0.1/32",), limits=LIMITS) as api:
        yield api


@pytest.fixture
async def vendor() -> AsyncIterator[ChatVendor]:
    async with chat_vendor() as vendor:
        yield vendor


async def make_workspace(api: Api, user: User) -> str:
    workspace_id = await user.workspace()
    await api.owner.execute("UPDATE workspaces SET tier_name = 'growth' WHERE id = $1::uuid", workspace_id)
    return workspace_id


async def try_key(user: Client, workspace_id: str, vendor: ChatVendor, key: str = "stolen-key-1") -> Reply:
    llm = {"base_url": vendor.url, "model": "tiny"}
    body: dict[str, Any] = {"uses_platform_key": False, "api_key": key, "config": {"llm": llm}}
    return await user.put(f"/workspaces/{workspace_id}/voice/providers/openai", body)


async def test_keys_are_tried_only_so_often_for_a_user_and_for_a_workspace(api: Api, vendor: ChatVendor) -> None:
    ann, bob = await api.sign_up(), await api.sign_up()
    of_ann, of_bob = await make_workspace(api, ann), await make_workspace(api, bob)
    await api.join(of_ann, bob, "admin")
    assert [(await try_key(ann, of_ann, vendor)).code for _ in range(2)] == ["key_refused"] * 2
    refused = await try_key(ann, of_ann, vendor)
    assert (refused.status, refused.code) == (429, "too_many_requests")
    assert 0 < int(refused.headers["Retry-After"]) <= 1_800
    assert (refused.headers["RateLimit-Limit"], refused.headers["RateLimit-Remaining"]) == ("2", "0")
    assert (await try_key(ann, await make_workspace(api, ann), vendor)).status == 429  # another workspace
    assert (await try_key(bob, of_ann, vendor)).status == 429  # another user
    assert len(vendor.asked) == 2
    assert (await try_key(bob, of_bob, vendor, "vendor-key-1")).status == 200  # whom the refusals did not count against
    turned_off = await ann.put(f"/workspaces/{of_ann}/voice/providers/local", {"is_enabled": False})
    assert turned_off.status == 200, turned_off.body  # nobody is asked


async def test_api_key_does_not_use_up_the_limit_of_its_holder(api: Api, vendor: ChatVendor) -> None:
    ann = await api.sign_up()
    of_key, other = await make_workspace(api, ann), await make_workspace(api, ann)
    made = {"name": "CRM", "scopes": ["voice:write"], "expires_at": None}
    key = api.with_token((await ann.post(f"/workspaces/{of_key}/api-keys", made)).body["secret"])
    codes = [(await try_key(key, of_key, vendor)).code for _ in range(3)]
    assert codes == ["key_refused", "key_refused", "too_many_requests"]
    assert (await try_key(ann, other, vendor)).code == "key_refused"


async def test_keys_are_tried_only_so_often_for_one_of_the_staff(api: Api, vendor: ChatVendor) -> None:
    staff, other = await api.admin(), await api.admin()
    config = {"vendor": "openai", "llm": {"base_url": vendor.url, "model": "tiny"}}
    body = {"provider": "limited", "api_key": "vendor-key-1", "config": config}
    assert (await staff.post("/admin/providers", body)).status == 201
    change = {"api_key": "stolen-key-1", "is_enabled": True}
    replies = [await staff.put("/admin/providers/limited", change) for _ in range(2)]
    assert [(reply.status, reply.code) for reply in replies] == [(422, "key_refused"), (429, "too_many_requests")]
    assert len(vendor.asked) == 2
    assert (await staff.put("/admin/providers/limited", {"is_enabled": False})).status == 200
    assert (await other.put("/admin/providers/limited", change)).code == "key_refused"


def test_each_route_that_asks_somebody_first_is_limited() -> None:
    returned = [(route, get_origin(get_type_hints(route.handler).get("return"))) for route in ROUTES]
    asking = [route for route, kind in returned if kind is CheckedChange]
    assert len(asking) == 13
    assert [route.path for route in asking if route.check_limit is None] == []
