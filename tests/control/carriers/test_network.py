"""The gateways at the simulated phone network, which is written from the carriers' facts and not from our code."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from control.carriers.book import CarrierOptions, Carriers, Steered, open_carriers
from control.carriers.model import CarrierRefused, Dial
from control.carriers.twilio import TwilioGateway
from simulator.carrier.network.config import make_config
from simulator.carrier.network.people import Listener
from simulator.carrier.network.server import Network, opened
from simulator.carrier.network.world import Subscriber

SID, TOKEN, KEY, CONNECTION = "AC" + "7" * 32, "token", "KEY-sim", "1494404757140276705"
REFERENCE = "01927f00-0000-7000-8000-0000000000aa"
CALL_ID = "01927f00-0000-7000-8000-000000000001"
CALLED = "+14155559876"
BOTH = pytest.mark.parametrize("name", ["twilio", "telnyx"])


@dataclass(slots=True)
class Hooks:
    """Our webhooks: keeps what came, and lets an answered call wait in silence."""

    url: str = ""
    came: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def take(self, request: web.Request) -> web.Response:
        if request.content_type == "application/json":
            told = json.loads(await request.read())["data"]
            told = told["payload"] | {"event_type": told["event_type"]}
        else:
            told = dict(await request.post())
        async with self.more:
            self.came.append((request.path_qs, told))
            self.more.notify_all()
        return web.Response(text='<Response><Pause length="60"/></Response>', content_type="text/xml")

    async def wait(self, **wanted: str) -> tuple[str, dict[str, Any]]:
        """The first with these values, that has come or will."""

        def found() -> list[tuple[str, dict[str, Any]]]:
            return [one for one in self.came if all(one[1].get(name) == value for name, value in wanted.items())]

        async with asyncio.timeout(30), self.more:
            await self.more.wait_for(found)
        return found()[0]


@dataclass(frozen=True, slots=True)
class Outside:
    network: Network
    hooks: Hooks
    carriers: Carriers


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    """The network, our webhooks, and both gateways, which have calls recorded."""
    hooks = Hooks()
    sink = web.Application()
    sink.router.add_post("/webhooks/calls/{what}", hooks.take)
    async with AsyncExitStack() as stack:
        hooks.url = await _served(stack, sink, unused_port())
        told = {
            "twilio": {"account_sid": SID, "auth_token": TOKEN},
            "telnyx": {
                "api_key": KEY,
                "signing_key": b64encode(bytes(range(32))).decode(),
                "connection_id": CONNECTION,
                "webhook_url": f"{hooks.url}/webhooks/calls/telnyx",
            },
        }
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        network = await stack.enter_async_context(opened(make_config(told, url)))
        await _served(stack, network.app, port)
        network.world.subscribers[CALLED] = Subscriber("answer", 0.05)
        options = CarrierOptions(hooks.url, SID, TOKEN, url, KEY, CONNECTION, f"{url}/v2", 10.0, "", "carrier")
        yield Outside(network, hooks, await stack.enter_async_context(open_carriers(options)))


@BOTH
async def test_a_number_from_the_market_and_back(name: str, outside: Outside) -> None:
    carrier = outside.carriers.get(name)
    first, second = await carrier.search("US", "415", 2)
    assert first.phone_number.startswith("+1415") and first.phone_number != second.phone_number
    assert first.monthly_price is not None and first.monthly_price > 0
    assert await carrier.owned(first.phone_number) is None
    owned = await carrier.buy(first.phone_number, REFERENCE)
    assert (owned.phone_number, owned.reference) == (first.phone_number, REFERENCE)
    await carrier.configure(owned)
    found = await carrier.owned(first.phone_number)
    assert found is not None
    assert (found.carrier_number_id, found.reference) == (owned.carrier_number_id, REFERENCE)
    assert first.phone_number not in [one.phone_number for one in await carrier.search("US", "415", 2)]
    with pytest.raises(CarrierRefused) as caught:
        await carrier.buy(first.phone_number, "another")
    assert caught.value.taken
    for _ in range(2):
        await carrier.release(owned.carrier_number_id)
    assert await carrier.owned(first.phone_number) is None


@BOTH
async def test_a_call_is_placed_answered_recorded_and_ended(name: str, outside: Outside) -> None:
    carrier, hooks = outside.carriers.get(name), outside.hooks
    since = datetime.now(UTC)
    caller = (await carrier.search("US", "415", 1))[0].phone_number
    await carrier.configure(await carrier.buy(caller, REFERENCE))
    order = Dial(CALL_ID, caller, CALLED, ring_s=20, record=True)
    placed = await carrier.dial(order)
    if name == "twilio":
        path, _ = await hooks.wait(CallSid=placed.carrier_call_id, CallStatus="in-progress")
        assert await carrier.find_dialled(order, since) == [placed]
        assert await carrier.find_dialled(order, since + timedelta(minutes=1)) == []
    else:
        path, told = await hooks.wait(call_control_id=placed.carrier_call_id, event_type="call.answered")
        assert told["client_state"] == b64encode(CALL_ID.encode()).decode()
    assert path.endswith(f"?call={CALL_ID}")
    await _some_sound(outside.network)
    await carrier.hang_up(placed.carrier_call_id)
    if name == "twilio":
        await hooks.wait(CallSid=placed.carrier_call_id, CallStatus="completed")
        path, told = await hooks.wait(RecordingStatus="completed")
        assert path == f"/webhooks/calls/recording?call={CALL_ID}"
        recording = told["RecordingUrl"]
    else:
        await hooks.wait(call_control_id=placed.carrier_call_id, event_type="call.hangup")
        _, told = await hooks.wait(event_type="call.recording.saved")
        recording = told["recording_urls"]["wav"]
    file = BytesIO()
    await carrier.fetch_recording(recording, file)
    assert file.getvalue()[:4] == b"RIFF"
    await carrier.hang_up(placed.carrier_call_id)


async def test_telnyx_commands_steer_a_call_that_comes_in(outside: Outside) -> None:
    carrier, hooks, world = outside.carriers.telnyx, outside.hooks, outside.network.world
    assert carrier is not None
    number = await _own(carrier)
    phoning = asyncio.create_task(world.call("+14155550001", number, Listener(b"")))
    _, told = await hooks.wait(event_type="call.initiated", direction="incoming")
    call = told["call_control_id"]
    await carrier.answer(call, "01927f00-0000-7000-8000-0000000000b1", record=False)
    await hooks.wait(event_type="call.answered", call_control_id=call)
    await carrier.speak(call, "Sorry.", "en-GB", "01927f00-0000-7000-8000-0000000000b2")
    await hooks.wait(event_type="call.speak.started", call_control_id=call)
    await carrier.transfer(call, CALLED, number, "01927f00-0000-7000-8000-0000000000b3", limit_s=60)
    _, told = await hooks.wait(event_type="call.answered", to=CALLED)
    assert told["client_state"] == b64encode(f"transfer:{call}".encode()).decode()
    await carrier.hang_up(call)
    await phoning
    with pytest.raises(CarrierRefused) as caught:
        await carrier.start_stream(call, "ws://127.0.0.1:9/media", "01927f00-0000-7000-8000-0000000000b4")
    assert caught.value.over


async def test_telnyx_rejects(outside: Outside) -> None:
    carrier = outside.carriers.telnyx
    assert carrier is not None
    number = await _own(carrier)
    phoning = asyncio.create_task(outside.network.world.call("+14155550001", number, Listener(b"")))
    _, told = await outside.hooks.wait(event_type="call.initiated", direction="incoming")
    await carrier.reject(told["call_control_id"], "busy", "01927f00-0000-7000-8000-0000000000b1")
    assert (await phoning).reason == "busy"


async def test_twilio_starts_recording_a_call_under_way(outside: Outside) -> None:
    carrier, hooks = outside.carriers.get("twilio"), outside.hooks
    assert isinstance(carrier, TwilioGateway)
    number = (await carrier.search("US", "415", 1))[0].phone_number
    await carrier.buy(number, REFERENCE)
    world = outside.network.world
    phoning = asyncio.create_task(world.call("+14155550001", number, Listener(b"")))
    path, told = await hooks.wait(Direction="inbound")
    assert path == "/webhooks/calls/inbound"
    await _some_sound(outside.network)
    await carrier.record(told["CallSid"], CALL_ID)
    await _some_sound(outside.network)
    await carrier.hang_up(told["CallSid"])
    path, recorded = await hooks.wait(RecordingStatus="completed")
    assert path == f"/webhooks/calls/recording?call={CALL_ID}"
    await carrier.delete_recording(recorded["RecordingUrl"])
    with pytest.raises(CarrierRefused):
        await carrier.fetch_recording(recorded["RecordingSid"], BytesIO())
    await phoning


async def _some_sound(network: Network) -> None:
    """The last call's phone is off the hook, and a tenth of a second more was heard there."""
    heard = None
    for _ in range(1_500):
        line = network.world.journal[-1].line
        there = line() if line is not None else None
        now = len(there.legs.caller) if there is not None else None
        if heard is not None and now is not None and now >= heard + 800:
            return
        heard = now if heard is None else heard
        await asyncio.sleep(0.02)
    raise AssertionError("nobody is on the phone")


async def _own(carrier: Steered) -> str:
    number = (await carrier.search("US", "415", 1))[0].phone_number
    await carrier.configure(await carrier.buy(number, REFERENCE))
    return number


async def _served(stack: AsyncExitStack, app: web.Application, port: int) -> str:
    """Where it is, until the stack ends."""
    await stack.enter_async_context(TestServer(app, host="127.0.0.1", port=port))
    return f"http://127.0.0.1:{port}"
