"""Warm transfers over both simulated carriers: the target is asked, and meets the caller only after accepting."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from simulator.carrier.media_stream import Party, PartyOutput
from simulator.carrier.network.passive_party import PassiveParty, tone
from simulator.carrier.network.phone_network import Behaviour, Subscriber
from simulator.carrier.prepared_turn import PreparedTurn
from tests.media.providers.sse_server import DONE, delta
from tests.network.call_record import CallRecord, find_call_id, wait_for_record
from tests.network.test_messages import MODEL, serve_model
from tests.network.test_transfers import CARRIERS, LeavingParty, RingingPhone
from vocalized.rehearse.callers import RehearsalCaller, scripted_caller
from vocalized.rehearse.platform import Platform

pytestmark = pytest.mark.asyncio(loop_scope="package")

FIRST_NUMBER = 7_600
BRIEF = "Jane Doe asks about an invoice"
FUNCTION = {"name": "transfer", "arguments": json.dumps({"brief": BRIEF})}
CALLED = (
    delta(content="One moment, I'll call a colleague."),
    delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": FUNCTION}]),
    delta("tool_calls"),
)
ANSWER = (delta(content="I'm sorry, may I take a message instead?"), delta("stop"))
LEGS = "SELECT status, failure, brief, leg_id FROM warm_transfers WHERE call_id::text = $1"


class TargetParty(PassiveParty):
    """The person at the target: presses a key after half a second, hears for 8 s, and speaks in tones at first."""

    def __init__(self, key: str) -> None:
        super().__init__(tone(2_500, 440.0), longest_s=8.0)
        self._key = key
        self.heard = bytearray()

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        self.heard += heard
        output = super().tick(at_ms, heard)
        return replace(output, digits=self._key) if at_ms == 500 else output


@dataclass
class WarmCall:
    """One call, and what its target did."""

    caller: RehearsalCaller
    record: CallRecord
    rows: list[Any]
    target: TargetParty | None = None


async def answer_model(request: web.Request) -> web.StreamResponse:
    """Calls the tool once in each conversation."""
    body = await request.json()
    has_called = any(message.get("tool_calls") for message in body["messages"])
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for line in [*(ANSWER if has_called else CALLED), DONE]:
        await response.write(line)
    return response


def target_number(carrier: str) -> str:
    return f"+1646555{8_100 + CARRIERS.index(carrier)}"


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def agents(platform: Platform) -> AsyncIterator[None]:
    """Both agents transfer warm, and have a model that does so in its first answer."""
    app = web.Application()
    app.router.add_post("/{path:.*}", answer_model)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        await serve_model(platform, f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        async with warm_agent(platform, CARRIERS[0]), warm_agent(platform, CARRIERS[1]):
            yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def warm_agent(platform: Platform, carrier: str) -> AsyncIterator[None]:
    path = f"{platform.workspace.path}/agents/{platform.workspace.agents[carrier].id}"
    before = (await platform.workspace.owner.request("GET", path))["agent"]["config"]
    config = {
        "transfer_mode": "warm",
        "fallback_number": target_number(carrier),
        "speech": {"llm": [{"provider": MODEL}]},
        "tools": ["end_call", "transfer"],
    }
    await platform.workspace.owner.request("PUT", path, {"config": config})
    try:
        yield
    finally:
        removed = {name: None for name in config if name not in before}
        await platform.workspace.owner.request("PUT", path, {"config": {**before, **removed}})


async def run_call(
    platform: Platform, turns: Sequence[PreparedTurn], carrier: str, number: int, target: Subscriber, party: Any = None
) -> WarmCall:
    """A call whose caller is transferred by the model's first answer."""
    caller = scripted_caller(turns, FIRST_NUMBER + 2 * number + CARRIERS.index(carrier))
    platform.network.phone_network.subscribers[target_number(carrier)] = target
    called = platform.workspace.agents[carrier].number
    async with asyncio.timeout(90):
        await caller.call(platform.network.phone_network, called, party(caller) if party else None)
        call_id = await find_call_id(platform, caller.call_id)
        record = await wait_for_record(platform, call_id, recorded=True)
    return WarmCall(caller, record, await platform.rows(LEGS, call_id))


@pytest.mark.usefixtures("agents")
async def test_target_that_accepts_meets_the_caller(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    targets = {carrier: TargetParty("1") for carrier in CARRIERS}

    async def run(carrier: str) -> WarmCall:
        subscriber = Subscriber(ring_s=0.2, party=lambda: targets[carrier])
        return await run_call(platform, turns, carrier, 0, subscriber)

    for carrier, call in zip(CARRIERS, await asyncio.gather(*map(run, CARRIERS)), strict=True):
        assert (call.record.call["status"], call.record.call["end_reason"]) == ("completed", "transferred")
        assert call.record.call["transferred_to"] == target_number(carrier)
        (row,) = call.rows
        assert (row["status"], row["brief"]) == ("over", "")
        assert call.caller.outcome is not None and call.caller.outcome.ended_by == "network", "the target hung up"
        ran = [event["event_data"] for event in call.record.events if event["event_type"] == "tool.ran"]
        assert [(one["name"], one["ok"]) for one in ran] == [("transfer", True)]
        assert bytes(targets[carrier].heard).strip(b"\xff"), "the target has heard the caller"


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize(("behaviour", "key", "failure"), [("answer", "2", "refused"), ("busy", "", "busy")])
async def test_caller_stays_with_the_agent_where_the_target_does_not_accept(
    platform: Platform, turns: Sequence[PreparedTurn], behaviour: Behaviour, key: str, failure: str
) -> None:
    subscriber = Subscriber(behaviour, ring_s=0.2, party=lambda: TargetParty(key))

    async def run(carrier: str) -> WarmCall:
        return await run_call(platform, turns, carrier, 1 if key else 2, subscriber)

    for call in await asyncio.gather(*map(run, CARRIERS)):
        assert (call.record.call["status"], call.record.call["end_reason"]) == ("completed", "caller_hangup")
        (row,) = call.rows
        assert (row["status"], row["failure"]) == ("failed", failure)
        types = [event["event_type"] for event in call.record.events]
        assert types.count("call.ended") == 1, "the stream went on"
        assert "message instead" in call.record.answer["transcription"]


@pytest.mark.usefixtures("agents")
async def test_target_of_a_caller_who_has_gone_stops_ringing(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    phones = {carrier: RingingPhone() for carrier in CARRIERS}

    async def run(carrier: str) -> WarmCall:
        def leave(caller: RehearsalCaller) -> Party:
            return LeavingParty(caller, phones[carrier])

        return await run_call(platform, turns, carrier, 3, Subscriber(phone=phones[carrier]), leave)

    for call in await asyncio.gather(*map(run, CARRIERS)):
        assert call.record.call["end_reason"] == "caller_hangup"
        assert [row["status"] for row in call.rows] == ["failed"]
    for phone in phones.values():
        async with asyncio.timeout(20):
            await phone.stopped.wait()
