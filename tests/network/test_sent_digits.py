"""Keys that an agent presses, over both simulated carriers: what the other side hears, and the record."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from aiohttp import web

from lab.stage.callers import scripted_caller
from lab.stage.platform import Platform
from simulator.carrier.media_stream import Party, PartyOutput
from simulator.carrier.prepared_turn import PreparedTurn
from tests.dtmf_decoder import decode_keys
from tests.media.providers.sse_server import DONE, delta
from tests.network.call_record import CallRecord, find_call_id, wait_for_record
from tests.network.test_messages import MODEL, agent_with, serve_model
from tests.network.test_transfers import CARRIERS

pytestmark = pytest.mark.asyncio(loop_scope="package")

FIRST_NUMBER = 7_900
KEYS = "4,90#"
FUNCTION = {"name": "send_digits", "arguments": json.dumps({"digits": KEYS})}
PRESSED = (
    delta(tool_calls=[{"index": 0, "id": "call_1", "type": "function", "function": FUNCTION}]),
    delta("tool_calls"),
)
ASKED = "SELECT run_id FROM tool_runs WHERE call_id::text = $1"  # what control was asked for
ANSWER = (delta(content="Thank you, goodbye."), delta("stop"))


@dataclass
class HearingParty:
    """Keeps what a party hears."""

    party: Party
    heard: bytearray = field(default_factory=bytearray)

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        self.heard += heard
        return self.party.tick(at_ms, heard)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        self.party.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        self.party.cleared(at_ms)


async def answer_model(request: web.Request) -> web.StreamResponse:
    """Presses keys in the first answer of each conversation."""
    body = await request.json()
    has_pressed = any(message.get("tool_calls") for message in body["messages"])
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for line in [*(ANSWER if has_pressed else PRESSED), DONE]:
        await response.write(line)
    return response


@pytest_asyncio.fixture(scope="module", loop_scope="package")
async def agents(platform: Platform) -> AsyncIterator[None]:
    """Both agents may press keys, and have a model that does."""
    app = web.Application()
    app.router.add_post("/{path:.*}", answer_model)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    config = {"speech": {"llm": [{"provider": MODEL}]}, "tools": ["end_call", "send_digits"]}
    try:
        await serve_model(platform, f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
        async with AsyncExitStack() as stack:
            for carrier in CARRIERS:
                await stack.enter_async_context(agent_with(platform, carrier=carrier, **config))
            yield
    finally:
        await runner.cleanup()


@pytest.mark.usefixtures("agents")
async def test_other_side_hears_the_keys(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    async def run(carrier: str) -> tuple[bytes, CallRecord, int]:
        caller = scripted_caller(turns, FIRST_NUMBER + CARRIERS.index(carrier))
        party = HearingParty(caller)
        async with asyncio.timeout(90):
            number = platform.workspace.agents[carrier].number
            await caller.call(platform.network.phone_network, number, party)
            call_id = await find_call_id(platform, caller.call_id)
            record = await wait_for_record(platform, call_id, recorded=True)
        return bytes(party.heard), record, len(await platform.rows(ASKED, call_id))

    results = await asyncio.gather(*map(run, CARRIERS))
    assert [asked for _, _, asked in results] == [0, 1], "Telnyx makes the tones itself"
    for heard, record, _ in results:
        assert decode_keys(heard) == "490#"
        sent = [event["event_data"] for event in record.events if event["event_type"] == "call.dtmf_sent"]
        assert [one["digits"] for one in sent] == ["4w90#"]
        ran = [event["event_data"] for event in record.events if event["event_type"] == "tool.ran"]
        assert [(one["name"], one["ok"], one["run_id"]) for one in ran] == [("send_digits", True, sent[0]["run_id"])]
        assert "goodbye" in record.answer["transcription"]
