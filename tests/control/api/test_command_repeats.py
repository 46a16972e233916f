"""Idempotency-Key on say and transfer: whatever fails, the call gets a command once, and it is not lost. With a real
media node."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.bus.client import BusClient, bus_client
from shared.bus.live import LiveCalls
from shared.events import CallCommanded
from shared.plan import CallPlan
from tests.control.api.call_workspace import CALLEE, CallWorkspace, make_call_workspace
from tests.media.server.bus.conftest import call_plan
from tests.platform.api import Api, running_api
from tests.platform.bus_node import envelopes, running_bus_node, wait_until
from tests.platform.clients import Reply

KEY = "4711-a"
SAY: dict[str, Any] = {"text": "We close early today."}


@pytest.fixture
async def api(database_url: str, valkey_url: str, redis: BusClient) -> AsyncIterator[Api]:
    """On an empty Valkey."""
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@pytest.fixture
async def redis(valkey_url: str) -> AsyncIterator[BusClient]:
    client = bus_client(valkey_url, 5.0)
    await client.flushall()
    yield client
    await client.aclose()


@pytest.fixture
async def plan(workspace: CallWorkspace, redis: BusClient) -> CallPlan:
    """The plan of a call that the workspace has."""
    plan = call_plan()
    await workspace.insert_call(id=UUID(plan.call_id), status="in_progress")
    return plan


@asynccontextmanager
async def running_call(valkey_url: str, state: Path, plan: CallPlan) -> AsyncIterator[None]:
    """The call, on a media node of its own."""
    async with running_bus_node(valkey_url, state, node_id=f"node-{state.name}") as node:
        phone = await node.dial(plan, returns_marks=True)
        async with phone.sending_silence():
            await wait_until(lambda: node.live_call(plan.call_id))
            yield


async def post(workspace: CallWorkspace, plan: CallPlan, name: str, body: dict[str, Any], key: str = KEY) -> Reply:
    path = f"{workspace.calls_path}/{plan.call_id}/{name}"
    return await workspace.ann.post(path, body, headers={"Idempotency-Key": key})


async def commands_of(redis: BusClient) -> list[str]:
    """The commands that the call carried out."""
    events = [envelope.event for envelope in await envelopes(redis)]
    return [event.command for event in events if isinstance(event, CallCommanded)]


async def open_key(workspace: CallWorkspace, redis: BusClient) -> None:
    """As if control had ended, and the node's answer had expired, before the response was stored."""
    reopen = "UPDATE idempotency_keys SET status = NULL, answer = NULL WHERE key = $1 AND scope LIKE $2"
    assert await workspace.api.owner.execute(reopen, KEY, f"user:{workspace.ann.id} %") == "UPDATE 1"
    answers = await redis.keys("vocalized:answer:*")
    assert answers
    await redis.delete(*answers)


@pytest.mark.parametrize(("name", "body"), [("say", SAY), ("transfer", {"number": CALLEE})])
async def test_repeat_is_replayed_and_not_carried_out(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, valkey_url: str, tmp_path: Path, name: str, body: Any
) -> None:
    async with running_call(valkey_url, tmp_path / "1", plan):
        first, repeated = [await post(workspace, plan, name, body) for _ in range(2)]
    assert (first.status, first.body) == (200, {"outcome": "done"})
    assert "Idempotent-Replayed" not in first.headers
    assert (repeated.status, repeated.raw, repeated.headers["Idempotent-Replayed"]) == (200, first.raw, "true")
    assert await commands_of(redis) == [name]
    assert await workspace.audit_actions(plan.call_id) == [f"call.{name}"]


async def test_requests_at_the_same_time_have_one_effect(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, valkey_url: str, tmp_path: Path
) -> None:
    """Some find the first request's transaction open; the others wait for the same command's answer."""
    async with running_call(valkey_url, tmp_path / "1", plan):
        replies = await asyncio.gather(*(post(workspace, plan, "say", SAY) for _ in range(6)))
    done = [reply for reply in replies if reply.status == 200]
    assert done and all(reply.body == {"outcome": "done"} for reply in done)
    assert {reply.code for reply in replies if reply.status != 200} <= {"idempotency_in_flight"}
    assert await commands_of(redis) == ["say"]


async def test_command_that_never_left_is_carried_out_by_the_repeat(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, database_url: str, valkey_url: str, tmp_path: Path
) -> None:
    """The first request fails between its commit and the command, in a process that has lost the bus."""
    path = f"{workspace.calls_path}/{plan.call_id}/say"
    async with running_api(database_url, "redis://127.0.0.1:9") as other:
        client = other.with_token(workspace.ann.token)
        assert (await client.post(path, SAY, headers={"Idempotency-Key": KEY})).code == "bus_away"
    async with running_call(valkey_url, tmp_path / "1", plan):
        other_text = await post(workspace, plan, "say", {"text": "Something else."})
        assert (other_text.status, other_text.code) == (422, "idempotency_mismatch")
        repeated, again = [await post(workspace, plan, "say", SAY) for _ in range(2)]
    assert repeated.status == 200 and "Idempotent-Replayed" not in repeated.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await commands_of(redis) == ["say"]


async def test_command_whose_answer_was_lost_is_not_carried_out_again(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, valkey_url: str, tmp_path: Path
) -> None:
    async with running_call(valkey_url, tmp_path / "1", plan):
        assert (await post(workspace, plan, "say", SAY)).status == 200
        await open_key(workspace, redis)
        repeated, again = [await post(workspace, plan, "say", SAY) for _ in range(2)]
    assert (repeated.status, repeated.body) == (200, {"outcome": "done"})
    assert again.headers["Idempotent-Replayed"] == "true"
    assert await commands_of(redis) == ["say"]


async def test_call_on_another_node_does_not_carry_out_again_and_says_so(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, valkey_url: str, tmp_path: Path
) -> None:
    async with running_call(valkey_url, tmp_path / "1", plan):
        assert (await post(workspace, plan, "say", SAY)).status == 200
    await open_key(workspace, redis)
    async with running_call(valkey_url, tmp_path / "2", plan):
        for _ in range(2):
            repeated = await post(workspace, plan, "say", SAY)
            assert (repeated.status, repeated.code) == (409, "outcome_unknown")
        assert (await post(workspace, plan, "say", SAY, "4711-b")).status == 200
    assert await commands_of(redis) == ["say", "say"]


async def test_command_to_a_call_that_is_over_is_not_told_as_refused(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, valkey_url: str, tmp_path: Path
) -> None:
    """A transfer that was carried out ends the call: that its answer was lost must not look as if nothing had
    happened."""
    async with running_call(valkey_url, tmp_path / "1", plan):
        assert (await post(workspace, plan, "transfer", {"number": CALLEE})).status == 200
    await open_key(workspace, redis)
    assert await LiveCalls(redis).get([plan.call_id]) == [None]
    for _ in range(2):
        repeated = await post(workspace, plan, "transfer", {"number": CALLEE})
        assert (repeated.status, repeated.code) == (409, "outcome_unknown")
    assert (await post(workspace, plan, "transfer", {"number": CALLEE}, "4711-b")).code == "call_not_live"
    assert await commands_of(redis) == ["transfer"]


async def test_refused_command_may_be_repeated_when_it_can_be_carried_out(
    workspace: CallWorkspace, plan: CallPlan, redis: BusClient, valkey_url: str, tmp_path: Path
) -> None:
    assert (await post(workspace, plan, "say", SAY)).code == "call_not_live"
    async with running_call(valkey_url, tmp_path / "1", plan):
        assert (await post(workspace, plan, "say", SAY)).status == 200
    assert await commands_of(redis) == ["say"]
