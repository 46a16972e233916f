"""POST /workspaces/{workspaceId}/calls/outbound and …/agents/{agentId}/test: calls that are placed over HTTP."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from shared.ids import new_id
from tests.control.api import Api, Person, Reply, running_api
from tests.control.api.desk import SOMEBODY, Desk, ago, make_desk


@pytest.fixture
async def api(fresh_database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    async with running_api(fresh_database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def desk(api: Api) -> Desk:
    return await make_desk(api)


async def place(desk: Desk, number: str = SOMEBODY, *, by: Person | None = None, key: str = "") -> Reply:
    body = {"agent_id": desk.agent_id, "phone_number_to_call": number}
    headers = {"Idempotency-Key": key} if key else {}
    return await (by or desk.ann).post(f"{desk.calls}/outbound", body, headers=headers)


async def try_out(desk: Desk, number: str = SOMEBODY, *, by: Person | None = None) -> Reply:
    at = f"{desk.at}/agents/{desk.agent_id}/test"
    return await (by or desk.ann).post(at, {"phone_number_to_call": number})


async def settle(api: Api, **values: int) -> None:
    """The staff sets these."""
    boss = await api.admin()
    reply = await boss.put(
        "/admin/config/settings", {"settings": [{"key": key, "value": value} for key, value in values.items()]}
    )
    assert reply.status == 200, reply.body


async def count_calls(desk: Desk) -> int:
    total: int = (await desk.ann.get(desk.calls)).body["total"]
    return total


async def test_a_call_is_placed_and_dialled_soon(desk: Desk) -> None:
    placed = await place(desk)
    assert placed.status == 201
    call_id = placed.body["call_id"]
    call = (await desk.ann.get(f"{desk.calls}/{call_id}")).body["call"]
    assert (call["status"], call["direction"], call["is_test"], call["carrier"]) == (
        "queued", "outbound", False, "twilio",
    )  # fmt: skip
    assert (call["caller_number"], call["called_number"], call["agent_id"]) == (desk.number, SOMEBODY, desk.agent_id)
    assert await desk.logged(call_id) == ["call.place"]
    assert await desk.api.owner.fetchval("SELECT count(*) FROM pgqueuer WHERE entrypoint = 'calls.place'") == 1


async def test_a_test_call_is_marked_as_one_and_needs_no_live_agent(api: Api) -> None:
    desk = await make_desk(api, tier="trial", live=False)
    assert (await place(desk)).code == "agent_not_live"
    placed = await try_out(desk)
    assert placed.status == 201
    call_id = placed.body["test_call_id"]
    assert (await desk.ann.get(f"{desk.calls}/{call_id}")).body["call"]["is_test"] is True
    assert await desk.logged(call_id) == ["call.test"]


async def test_a_repeat_under_one_key_places_one_call(desk: Desk) -> None:
    placed = [await place(desk, key="k") for _ in range(2)]
    assert placed[0].body == placed[1].body
    assert (await place(desk, "+12125550124", key="k")).code == "idempotency_mismatch"
    assert await count_calls(desk) == 1


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
async def test_numbers_that_are_not_called(desk: Desk, number: str, code: str) -> None:
    for reply in (await place(desk, number), await try_out(desk, number)):
        assert (reply.status, reply.code, reply.param) == (422, code, "phone_number_to_call")
    assert await count_calls(desk) == 0


async def test_what_the_workspace_must_be(desk: Desk) -> None:
    own = await place(desk, desk.number)
    assert (own.status, own.code, own.param) == (422, "number_is_own", "phone_number_to_call")
    body = {"agent_id": new_id(), "phone_number_to_call": SOMEBODY}
    missing = await desk.ann.post(f"{desk.calls}/outbound", body)
    assert (missing.status, missing.code) == (404, "agent_not_found")
    await desk.ann.post(f"{desk.at}/agents/{desk.agent_id}/pause")
    refused = [await place(desk)]
    await desk.change("tier_name = 'trial'")
    await desk.api.owner.execute("UPDATE agents SET status = 'live'")
    refused += [await place(desk)]
    await desk.change("tier_name = 'growth'")
    await desk.api.owner.execute("UPDATE phone_numbers SET status = 'releasing'")
    refused += [await place(desk)]
    await desk.api.owner.execute("UPDATE users SET email_verified_at = NULL")
    refused += [await place(desk)]
    await desk.change("status = 'suspended'")
    refused += [await place(desk)]
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
async def test_how_often(desk: Desk, key: str, code: str) -> None:
    await settle(desk.api, **{key: 1})
    assert (await place(desk)).status == 201
    for reply in (await place(desk), await try_out(desk)):
        assert (reply.status, reply.code) == (429, code)
        assert int(reply.headers["Retry-After"]) == (60 if code == "outbound_rate" else 86_400)
    other = await place(desk, "+12125550124")
    assert other.status == (201 if code == "outbound_repeat_limit" else 429)


async def test_how_long_and_how_many_at_once(desk: Desk) -> None:
    moment = datetime.now(UTC)
    await desk.call(direction="outbound", created_at=moment, duration_seconds=36_000)
    assert (await place(desk)).code == "outbound_minutes_limit"
    await desk.api.owner.execute("UPDATE calls SET duration_seconds = 0")
    await desk.api.owner.execute("UPDATE tiers SET max_concurrent_calls = 1")
    await desk.call(status="in_progress")
    full = await place(desk)
    assert (full.status, full.code) == (409, "call_limit")


async def test_a_trial_has_few_test_calls(api: Api) -> None:
    desk = await make_desk(api, tier="trial")
    await settle(api, trial_test_calls_per_day=1)
    assert (await try_out(desk)).status == 201
    second = await try_out(desk, "+12125550124")
    assert (second.status, second.code) == (429, "trial_test_limit")
    await api.owner.execute("UPDATE calls SET created_at = $1", ago(86_401))
    assert (await try_out(desk)).status == 201


async def test_the_staff_says_which_countries_are_called(desk: Desk) -> None:
    boss = await desk.api.admin("support")
    at = f"/admin/workspaces/{desk.workspace_id}"
    assert (await boss.put(at, {"outbound_countries": ["GB", "DE"]})).status == 200
    assert (await place(desk, "+442079460123")).status == 201
    refused = await place(desk)
    assert (refused.code, "DE, GB" in refused.body["error"]["message"]) == ("country_not_allowed", True)
    assert (await boss.put(at, {"outbound_countries": []})).status == 200
    assert (await place(desk)).status == 201


async def test_who_may_place_calls(desk: Desk) -> None:
    viewer, member = [await desk.api.member(desk.workspace_id, role) for role in ("viewer", "member")]
    stranger = await make_desk(desk.api)
    for ask in (place, try_out):
        assert (await ask(desk, by=viewer)).code == "role"
        assert (await ask(desk, by=stranger.ann)).code == "workspace_not_found"
        assert (await ask(desk, by=member)).status == 201
    theirs = {"agent_id": desk.agent_id, "phone_number_to_call": SOMEBODY}
    assert (await stranger.ann.post(f"{stranger.calls}/outbound", theirs)).code == "agent_not_found"
    other = {"phone_number_to_call": SOMEBODY}
    assert (await stranger.ann.post(f"{stranger.at}/agents/{desk.agent_id}/test", other)).code == "agent_not_found"
    assert await count_calls(stranger) == 0
