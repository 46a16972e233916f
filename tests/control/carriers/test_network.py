"""The gateways against the simulated phone network, which is written from the carriers' documentation."""

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from control.carriers.rules import CarrierRefused, DialRequest
from control.carriers.service import CallControlCarrier, CarrierOptions, Carriers, open_carriers
from control.carriers.twilio import TwilioGateway
from simulator.carrier.network.config import make_config
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import Subscriber
from simulator.carrier.network.server import RunningNetwork, running_network

SID, TOKEN, KEY, CONNECTION = "AC" + "7" * 32, "token", "KEY-sim", "1494404757140276705"
REFERENCE = "01927f00-0000-7000-8000-0000000000aa"
CALL_ID = "01927f00-0000-7000-8000-000000000001"
CALLED = "+14155559876"
BOTH_CARRIERS = pytest.mark.parametrize("name", ["twilio", "telnyx"])


@dataclass(slots=True)
class ReceivedWebhooks:
    """Our webhooks: records requests, and answers each with a pause."""

    url: str = ""
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def receive(self, request: web.Request) -> web.Response:
        if request.content_type == "application/json":
            fields = json.loads(await request.read())["data"]
            fields = fields["payload"] | {"event_type": fields["event_type"]}
        else:
            fields = dict(await request.post())
        async with self.changed:
            self.received.append((request.path_qs, fields))
            self.changed.notify_all()
        return web.Response(text='<Response><Pause length="60"/></Response>', content_type="text/xml")

    async def wait(self, **fields: str) -> tuple[str, dict[str, Any]]:
        """Waits for the first request with these values."""

        def found() -> list[tuple[str, dict[str, Any]]]:
            return [
                request
                for request in self.received
                if all(request[1].get(name) == value for name, value in fields.items())
            ]

        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(found)
        return found()[0]


@dataclass(frozen=True, slots=True)
class SimulatedCarriers:
    network: RunningNetwork
    webhooks: ReceivedWebhooks
    carriers: Carriers


@pytest.fixture
async def simulated_carriers() -> AsyncIterator[SimulatedCarriers]:
    """The network, our webhooks, and both gateways with recording by the carrier."""
    webhooks = ReceivedWebhooks()
    sink = web.Application()
    sink.router.add_post("/webhooks/calls/{what}", webhooks.receive)
    async with AsyncExitStack() as stack:
        webhooks.url = await serve_app(stack, sink, unused_port())
        fields = {
            "twilio": {"account_sid": SID, "auth_token": TOKEN, "regulated": [{"prefix": "+1206", "country": "US"}]},
            "telnyx": {
                "api_key": KEY,
                "signing_key": b64encode(bytes(range(32))).decode(),
                "connection_id": CONNECTION,
                "webhook_url": f"{webhooks.url}/webhooks/calls/telnyx",
            },
        }
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        network = await stack.enter_async_context(running_network(make_config(fields, url)))
        await serve_app(stack, network.app, port)
        network.phone_network.subscribers[CALLED] = Subscriber("answer", 0.05)
        options = CarrierOptions(
            webhooks.url,
            twilio_account_sid=SID,
            twilio_token=TOKEN,
            twilio_api_url=url,
            telnyx_api_key=KEY,
            telnyx_connection_id=CONNECTION,
            telnyx_api_url=f"{url}/v2",
            timeout_s=10.0,
            record="carrier",
        )
        yield SimulatedCarriers(network, webhooks, await stack.enter_async_context(open_carriers(options)))


@BOTH_CARRIERS
async def test_number_is_bought_configured_and_released(name: str, simulated_carriers: SimulatedCarriers) -> None:
    carrier = simulated_carriers.carriers.get(name)
    first, second = await carrier.search("US", "415", 2)
    assert first.phone_number.startswith("+1415") and first.phone_number != second.phone_number
    assert first.monthly_price is not None and first.monthly_price > 0
    assert await carrier.find_owned(first.phone_number) is None
    owned = await carrier.buy(first.phone_number, REFERENCE)
    assert (owned.phone_number, owned.reference) == (first.phone_number, REFERENCE)
    await carrier.configure(owned)
    found = await carrier.find_owned(first.phone_number)
    assert found is not None
    assert (found.carrier_number_id, found.reference) == (owned.carrier_number_id, REFERENCE)
    assert first.phone_number not in [offer.phone_number for offer in await carrier.search("US", "415", 2)]
    with pytest.raises(CarrierRefused) as caught:
        await carrier.buy(first.phone_number, "another")
    assert caught.value.number_unavailable
    for _ in range(2):
        await carrier.release(owned.carrier_number_id)
    assert await carrier.find_owned(first.phone_number) is None


async def test_number_that_needs_documents_is_shown_as_such_and_refused_with_a_sentence(
    simulated_carriers: SimulatedCarriers,
) -> None:
    carrier = simulated_carriers.carriers.get("twilio")
    free, regulated = [(await carrier.search("US", area, 1))[0] for area in ("415", "206")]
    assert (free.address, regulated.address) == ("none", "any")
    with pytest.raises(CarrierRefused) as caught:
        await carrier.buy(regulated.phone_number, REFERENCE)
    assert caught.value.code == "21631" and "address of the business" in caught.value.message


@BOTH_CARRIERS
async def test_call_is_placed_answered_recorded_and_ended(name: str, simulated_carriers: SimulatedCarriers) -> None:
    carrier, webhooks = simulated_carriers.carriers.get(name), simulated_carriers.webhooks
    since = datetime.now(UTC)
    caller = (await carrier.search("US", "415", 1))[0].phone_number
    await carrier.configure(await carrier.buy(caller, REFERENCE))
    request = DialRequest(CALL_ID, caller, CALLED, ring_timeout_s=20, record=True)
    placed = await carrier.dial(request)
    if name == "twilio":
        path, _ = await webhooks.wait(CallSid=placed.carrier_call_id, CallStatus="in-progress")
        assert await carrier.find_placed_calls(request, since) == [placed]
        assert await carrier.find_placed_calls(request, since + timedelta(minutes=1)) == []
    else:
        path, fields = await webhooks.wait(call_control_id=placed.carrier_call_id, event_type="call.answered")
        assert fields["client_state"] == b64encode(CALL_ID.encode()).decode()
        assert await carrier.find_placed_calls(request, since) == [replace(placed, session_id="")]
    assert placed.carrier_call_id in [call.carrier_call_id for call in await carrier.list_active_calls()]
    assert path.endswith(f"?call={CALL_ID}")
    await wait_for_audio(simulated_carriers.network)
    await carrier.hang_up(placed.carrier_call_id)
    if name == "twilio":
        await webhooks.wait(CallSid=placed.carrier_call_id, CallStatus="completed")
        path, fields = await webhooks.wait(RecordingStatus="completed")
        assert path == f"/webhooks/calls/recording?call={CALL_ID}"
        recording = fields["RecordingUrl"]
    else:
        await webhooks.wait(call_control_id=placed.carrier_call_id, event_type="call.hangup")
        _, fields = await webhooks.wait(event_type="call.recording.saved")
        recording = fields["recording_urls"]["wav"]
    file = BytesIO()
    await carrier.fetch_recording(recording, file)
    assert file.getvalue()[:4] == b"RIFF"
    await carrier.hang_up(placed.carrier_call_id)


async def test_telnyx_commands_control_an_inbound_call(simulated_carriers: SimulatedCarriers) -> None:
    carrier, webhooks, phone_network = (
        simulated_carriers.carriers.telnyx,
        simulated_carriers.webhooks,
        simulated_carriers.network.phone_network,
    )
    assert carrier is not None
    number = await buy_number(carrier)
    call_task = asyncio.create_task(phone_network.call("+14155550001", number, PassiveParty(b"")))
    _, fields = await webhooks.wait(event_type="call.initiated", direction="incoming")
    call = fields["call_control_id"]
    await carrier.answer(call, "01927f00-0000-7000-8000-0000000000b1", record=False)
    await webhooks.wait(event_type="call.answered", call_control_id=call)
    await carrier.speak(call, "Sorry.", "en-GB", "01927f00-0000-7000-8000-0000000000b2")
    await webhooks.wait(event_type="call.speak.started", call_control_id=call)
    await carrier.transfer(call, CALLED, number, "01927f00-0000-7000-8000-0000000000b3", limit_s=60, known_as=call)
    _, fields = await webhooks.wait(event_type="call.answered", to=CALLED)
    assert fields["client_state"] == b64encode(f"transfer:{call}".encode()).decode()
    await webhooks.wait(event_type="call.bridged")
    with pytest.raises(CarrierRefused) as silent:  # as this network does; Telnyx does not document it
        await carrier.speak_last_words(call, "Sorry.", "en", "01927f00-0000-7000-8000-0000000000b5")
    assert not silent.value.call_ended
    await carrier.hang_up(call)
    await webhooks.wait(event_type="call.hangup", to=CALLED)
    await call_task
    with pytest.raises(CarrierRefused) as caught:
        await carrier.start_stream(call, "ws://127.0.0.1:9/media", "01927f00-0000-7000-8000-0000000000b4")
    assert caught.value.call_ended


async def test_telnyx_rejects_a_call(simulated_carriers: SimulatedCarriers) -> None:
    carrier = simulated_carriers.carriers.telnyx
    assert carrier is not None
    number = await buy_number(carrier)
    call_task = asyncio.create_task(
        simulated_carriers.network.phone_network.call("+14155550001", number, PassiveParty(b""))
    )
    _, fields = await simulated_carriers.webhooks.wait(event_type="call.initiated", direction="incoming")
    await carrier.reject(fields["call_control_id"], "busy", "01927f00-0000-7000-8000-0000000000b1")
    assert (await call_task).reason == "busy"


async def test_twilio_starts_recording_an_inbound_call(simulated_carriers: SimulatedCarriers) -> None:
    carrier, webhooks = simulated_carriers.carriers.get("twilio"), simulated_carriers.webhooks
    assert isinstance(carrier, TwilioGateway)
    number = (await carrier.search("US", "415", 1))[0].phone_number
    await carrier.buy(number, REFERENCE)
    phone_network = simulated_carriers.network.phone_network
    call_task = asyncio.create_task(phone_network.call("+14155550001", number, PassiveParty(b"")))
    path, fields = await webhooks.wait(Direction="inbound")
    assert path == "/webhooks/calls/inbound"
    await wait_for_audio(simulated_carriers.network)
    for _ in range(2):
        await carrier.start_recording(fields["CallSid"], CALL_ID)
    await wait_for_audio(simulated_carriers.network)
    for _ in range(2):
        await carrier.stop_recording(fields["CallSid"])
    path, recorded = await webhooks.wait(RecordingStatus="completed")
    await carrier.hang_up(fields["CallSid"])
    await carrier.stop_recording(fields["CallSid"])
    assert path == f"/webhooks/calls/recording?call={CALL_ID}"
    await carrier.delete_recording(recorded["RecordingUrl"])
    with pytest.raises(CarrierRefused):
        await carrier.fetch_recording(recorded["RecordingSid"], BytesIO())
    await call_task
    assert len([fields for _, fields in webhooks.received if "RecordingSid" in fields]) == 1


async def test_telnyx_starts_and_stops_recording_an_inbound_call(simulated_carriers: SimulatedCarriers) -> None:
    carrier, webhooks = simulated_carriers.carriers.telnyx, simulated_carriers.webhooks
    assert carrier is not None
    number, phone_network = await buy_number(carrier), simulated_carriers.network.phone_network
    call_task = asyncio.create_task(phone_network.call("+14155550001", number, PassiveParty(b"")))
    _, fields = await webhooks.wait(event_type="call.initiated", direction="incoming")
    call = fields["call_control_id"]
    await carrier.answer(call, "01927f00-0000-7000-8000-0000000000b1", record=False)
    await webhooks.wait(event_type="call.answered", call_control_id=call)
    for _ in range(2):
        await carrier.start_recording(call, CALL_ID)
    await wait_for_audio(simulated_carriers.network)
    await carrier.stop_recording(call)
    await webhooks.wait(event_type="call.recording.saved")
    await carrier.hang_up(call)
    await carrier.stop_recording(call)
    await call_task
    assert len([one for _, one in webhooks.received if one.get("event_type") == "call.recording.saved"]) == 1


async def wait_for_audio(network: RunningNetwork) -> None:
    """Waits until the last call is answered and its phone has heard 0.1 s of audio."""
    heard = None
    for _ in range(1_500):
        line = network.phone_network.journal[-1].line
        line_now = line() if line is not None else None
        now = len(line_now.audio.caller) if line_now is not None else None
        if heard is not None and now is not None and now >= heard + 800:
            return
        heard = now if heard is None else heard
        await asyncio.sleep(0.02)
    raise AssertionError("the phone received no audio")


async def buy_number(carrier: CallControlCarrier) -> str:
    number = (await carrier.search("US", "415", 1))[0].phone_number
    await carrier.configure(await carrier.buy(number, REFERENCE))
    return number


async def serve_app(stack: AsyncExitStack, app: web.Application, port: int) -> str:
    """Serves until the stack ends; returns the URL."""
    await stack.enter_async_context(TestServer(app, host="127.0.0.1", port=port))
    return f"http://127.0.0.1:{port}"
