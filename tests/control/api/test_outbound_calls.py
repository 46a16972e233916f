"""POST /workspaces/{workspaceId}/calls/outbound and …/agents/{agentId}/test: placing calls."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared.ids import new_id
from tests.control.api.call_workspace import CALLEE, CallWorkspace, ago, make_call_workspace
from tests.platform.api import Api, running_api
from tests.platform.clients import Reply, User


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


async def place(workspace: CallWorkspace, number: str = CALLEE, *, by: User | None = None, key: str = "") -> Reply:
    body = {"agent_id": workspace.agent_id, "phone_number_to_call": number}
    headers = {"Idempotency-Key": key} if key else {}
    return await (by or workspace.ann).post(f"{workspace.calls_path}/outbound", body, headers=headers)


async def place_test(workspace: CallWorkspace, number: str = CALLEE, *, by: User | None = None) -> Reply:
    path = f"{workspace.path}/agents/{workspace.agent_id}/test"
    return await (by or workspace.ann).post(path, {"phone_number_to_call": number})


async def change_settings(api: Api, **values: int) -> None:
    """Changes settings as staff."""
    admin = await api.admin()
    reply = await admin.put(
        "/admin/config/settings", {"settings": [{"key": key, "value": value} for key, value in values.items()]}
    )
    assert reply.status == 200, reply.body


async def count_calls(workspace: CallWorkspace) -> int:
    total: int = (await workspace.ann.get(workspace.calls_path)).body["total"]
    return total


async def test_call_is_queued_for_dialing(workspace: CallWorkspace) -> None:
    placed = await place(workspace)
    assert placed.status == 201
    call_id = placed.body["call_id"]
    call = (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]
    assert (call["status"], call["direction"], call["is_test"], call["carrier"]) == (
        "queued", "outbound", False, "twilio",
    )  # fmt: skip
    assert (call["caller_number"], call["called_number"], call["agent_id"]) == (
        workspace.number,
        CALLEE,
        workspace.agent_id,
    )
    assert await workspace.audit_actions(call_id) == ["call.place"]
    assert await workspace.api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'calls.place'") == 1


async def test_test_call_is_marked_and_needs_no_live_agent(api: Api) -> None:
    workspace = await make_call_workspace(api, tier="trial", live=False)
    assert (await place(workspace)).code == "agent_not_live"
    placed = await place_test(workspace)
    assert placed.status == 201
    call_id = placed.body["test_call_id"]
    assert (await workspace.ann.get(f"{workspace.calls_path}/{call_id}")).body["call"]["is_test"] is True
    assert await workspace.audit_actions(call_id) == ["call.test"]


async def test_repeat_with_one_key_places_one_call(workspace: CallWorkspace) -> None:
    placed = [await place(workspace, key="k") for _ in range(2)]
    assert placed[0].body == placed[1].body
    assert (await place(workspace, "+12125550124", key="k")).code == "idempotency_mismatch"
    assert await count_calls(workspace) == 1


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("12125550123", "invalid"),
        ("+12125550", "number_invalid"),
        ("+19005551234", "number_refused"),
        ("+18765551234", "country_not_allowed"),
        ("+442079460123", "country_not_allowed"),
        ("+881612345678", "number_refused"),
    ],
)
async def test_refused_numbers(workspace: CallWorkspace, number: str, code: str) -> None:
    for reply in (await place(workspace, number), await place_test(workspace, number)):
        assert (reply.status, reply.code, reply.param) == (422, code, "phone_number_to_call")
    assert await count_calls(workspace) == 0


async def test_conditions_of_the_workspace(workspace: CallWorkspace) -> None:
    to_own_number = await place(workspace, workspace.number)
    assert (to_own_number.status, to_own_number.code, to_own_number.param) == (
        422,
        "number_is_own",
        "phone_number_to_call",
    )
    body = {"agent_id": new_id(), "phone_number_to_call": CALLEE}
    missing = await workspace.ann.post(f"{workspace.calls_path}/outbound", body)
    assert (missing.status, missing.code) == (404, "agent_not_found")
    await workspace.ann.post(f"{workspace.path}/agents/{workspace.agent_id}/pause")
    refused = [await place(workspace)]
    await workspace.update_workspace("tier_name = 'trial'")
    await workspace.api.owner.execute("UPDATE agents SET status = 'live'")
    refused += [await place(workspace)]
    await workspace.update_workspace("tier_name = 'growth'")
    await workspace.api.owner.execute("UPDATE phone_numbers SET status = 'releasing'")
    refused += [await place(workspace)]
    await workspace.api.owner.execute("UPDATE users SET email_verified_at = NULL")
    refused += [await place(workspace)]
    await workspace.update_workspace("status = 'suspended'")
    refused += [await place(workspace)]
    assert [(reply.status, reply.code) for reply in refused] == [
        (409, "agent_not_live"), (409, "outbound_not_in_tier"), (409, "no_number"), (409, "owner_unverified"),
        (409, "workspace_suspended"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("outbound_calls_per_minute", "outbound_rate"),
        ("outbound_calls_per_day", "outbound_daily_limit"),
        ("outbound_repeats_per_day", "outbound_repeat_limit"),
    ],
)
async def test_limits_of_the_number_of_calls(workspace: CallWorkspace, key: str, code: str) -> None:
    await change_settings(workspace.api, **{key: 1})
    assert (await place(workspace)).status == 201
    for reply in (await place(workspace), await place_test(workspace)):
        assert (reply.status, reply.code) == (429, code)
        assert int(reply.headers["Retry-After"]) == (60 if code == "outbound_rate" else 86_400)
    other = await place(workspace, "+12125550124")
    assert other.status == (201 if code == "outbound_repeat_limit" else 429)


async def test_limits_of_minutes_and_concurrent_calls(workspace: CallWorkspace) -> None:
    moment = datetime.now(UTC)
    await workspace.insert_call(direction="outbound", created_at=moment, duration_seconds=36_000)
    assert (await place(workspace)).code == "outbound_minutes_limit"
    await workspace.api.owner.execute("UPDATE calls SET duration_seconds = 0")
    await workspace.api.owner.execute("UPDATE tiers SET max_concurrent_calls = 1")
    await workspace.insert_call(status="in_progress")
    full = await place(workspace)
    assert (full.status, full.code) == (409, "call_limit")


async def test_trial_has_a_limit_of_test_calls(api: Api) -> None:
    workspace = await make_call_workspace(api, tier="trial")
    await change_settings(api, trial_test_calls_per_day=1)
    assert (await place_test(workspace)).status == 201
    second = await place_test(workspace, "+12125550124")
    assert (second.status, second.code) == (429, "trial_test_limit")
    await api.owner.execute("UPDATE calls SET created_at = $1", ago(86_401))
    assert (await place_test(workspace)).status == 201


async def test_staff_set_the_outbound_countries(workspace: CallWorkspace) -> None:
    admin = await workspace.api.admin("support")
    path = f"/admin/workspaces/{workspace.workspace_id}"
    assert (await admin.put(path, {"outbound_countries": ["GB", "DE"]})).status == 200
    assert (await place(workspace, "+442079460123")).status == 201
    refused = await place(workspace)
    assert (refused.code, "DE, GB" in refused.body["error"]["message"]) == ("country_not_allowed", True)
    assert (await admin.put(path, {"outbound_countries": []})).status == 200
    assert (await place(workspace)).status == 201


async def test_roles_that_may_place_calls(workspace: CallWorkspace) -> None:
    viewer, member = [await workspace.api.member(workspace.workspace_id, role) for role in ("viewer", "member")]
    stranger = await make_call_workspace(workspace.api)
    for place_any in (place, place_test):
        assert (await place_any(workspace, by=viewer)).code == "role"
        assert (await place_any(workspace, by=stranger.ann)).code == "workspace_not_found"
        assert (await place_any(workspace, by=member)).status == 201
    foreign_body = {"agent_id": workspace.agent_id, "phone_number_to_call": CALLEE}
    assert (await stranger.ann.post(f"{stranger.calls_path}/outbound", foreign_body)).code == "agent_not_found"
    other = {"phone_number_to_call": CALLEE}
    assert (
        await stranger.ann.post(f"{stranger.path}/agents/{workspace.agent_id}/test", other)
    ).code == "agent_not_found"
    assert await count_calls(stranger) == 0
