"""A running simulated Telnyx account, with the customer's web server and media server."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from telnyx import AsyncTelnyx

from simulator.carrier.clock import RealTimeClock
from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.network.inventory import Inventory
from simulator.carrier.network.phone_network import CallOutcome, PhoneNetwork, Subscriber
from simulator.carrier.network.telnyx.carrier import TelnyxCarrier
from simulator.carrier.network.telnyx.config import TelnyxConfig
from simulator.carrier.network.telnyx.playback import Voice
from simulator.carrier.network.webhook_client import DeliveryFaults, WebhookClient

SEED = base64.b64encode(bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")).decode()
NUMBER = "+14155550123"
CALLER = "+14155550100"
SPEED = 10.0
LIMIT_S = 30.0
RTP = {"stream_bidirectional_mode": "rtp", "stream_codec": "PCMU", "stream_track": "inbound_track"}

Payload = dict[str, Any]


@dataclass
class Speaker:
    """A party that repeats one frame, presses `digits`, says `words` once, and hangs up after `lasts_ms` or when
    `leaving` is set."""

    frame: bytes = b"\x20" * 160
    lasts_ms: int | None = None
    digits: dict[int, str] = field(default_factory=dict)
    heard: bytearray = field(default_factory=bytearray)
    words: str = ""
    leaving: bool = False
    cleared_count: int = 0

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        self.heard += heard
        leaves = self.leaving or (self.lasts_ms is not None and at_ms >= self.lasts_ms)
        words, self.words = self.words, ""
        return PartyOutput(self.frame, self.digits.get(at_ms, ""), hang_up=leaves, words=words)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Ignored."""

    def cleared(self, at_ms: float) -> None:
        self.cleared_count += 1

    @property
    def loud(self) -> bytes:
        """The bytes that were heard, without silence."""
        return bytes(byte for byte in self.heard if byte != 0xFF)


@dataclass
class Agent:
    """The media server's end of one stream."""

    socket: web.WebSocketResponse
    headers: dict[str, str]
    path: str
    received: list[Payload] = field(default_factory=list)
    binary: int = 0

    def of(self, event: str) -> list[Payload]:
        return [message for message in self.received if message["event"] == event]

    async def send(self, event: str, **content: object) -> None:
        await self.socket.send_str(json.dumps({"event": event, **content}))

    async def play(self, ulaw: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(ulaw).decode()})

    async def close(self) -> None:
        await self.socket.close(code=1000)

    def abort(self) -> None:
        """Breaks the connection, as when the process is killed."""
        transport = self.socket._req.transport if self.socket._req else None
        assert transport is not None
        transport.abort()


@dataclass
class ReceivedWebhook:
    """A webhook that was received."""

    raw: bytes
    headers: dict[str, str]
    path: str

    @property
    def body(self) -> Payload:
        found: Payload = json.loads(self.raw)
        return found

    @property
    def type(self) -> str:
        return str(self.body["data"]["event_type"])


@dataclass
class Customer:
    """The customer's web server and media server.

    response_statuses: of the next webhooks, then 200. slow: webhooks are answered when it is set. sound: the file at
    /sound/….
    """

    webhooks: list[ReceivedWebhook] = field(default_factory=list)
    agents: list[Agent] = field(default_factory=list)
    response_statuses: list[int] = field(default_factory=list)
    slow: asyncio.Event | None = None
    sound: bytes = b""
    url: str = ""
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/media/telnyx"

    def types(self, path: str = "/webhooks") -> list[str]:
        return [webhook.type for webhook in self.webhooks if webhook.path == path]

    def payloads(self, event_type: str) -> list[Payload]:
        return [webhook.body["data"]["payload"] for webhook in self.webhooks if webhook.type == event_type]

    async def wait_until(self, true: Callable[[], object]) -> None:
        """Waits until a webhook or stream message makes it true. Raises TimeoutError."""
        async with asyncio.timeout(LIMIT_S), self._changed:
            await self._changed.wait_for(lambda: bool(true()))

    async def event(self, event_type: str, number: int = 1) -> Payload:
        """The payload of the n-th event of a type."""
        await self.wait_until(lambda: len(self.payloads(event_type)) >= number)
        return self.payloads(event_type)[number - 1]

    async def agent(self, number: int = 1) -> Agent:
        """The n-th stream, once it has started."""
        await self.wait_until(lambda: len(self.agents) >= number and self.agents[number - 1].of("start"))
        return self.agents[number - 1]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Customer"]:
        app = web.Application()
        app.router.add_post("/webhooks", self._webhook)
        app.router.add_post("/failover", self._webhook)
        app.router.add_get("/media/telnyx/{token}", self._media)
        app.router.add_get("/sound/{name}", self._sound)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = f"http://127.0.0.1:{server.port}"
            yield self

    async def _sound(self, request: web.Request) -> web.Response:
        return web.Response(body=self.sound) if self.sound else web.Response(status=404)

    async def _webhook(self, request: web.Request) -> web.Response:
        self.webhooks.append(ReceivedWebhook(await request.read(), dict(request.headers), request.path))
        await self._notify()
        if self.slow is not None:
            await self.slow.wait()
        return web.Response(status=self.response_statuses.pop(0) if self.response_statuses else 200)

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        agent = Agent(socket, dict(request.headers), request.path_qs)
        self.agents.append(agent)
        async for message in socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                agent.received.append(json.loads(message.data))
                await self._notify()
        await self._notify()
        return socket

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@dataclass
class Account:
    """The parts of a running account. base_url: for the SDK."""

    carrier: TelnyxCarrier
    phone_network: PhoneNetwork
    webhook_client: WebhookClient
    customer: Customer
    session: aiohttp.ClientSession
    config: TelnyxConfig
    base_url: str
    client: AsyncTelnyx
    calls: list[asyncio.Task[CallOutcome]] = field(default_factory=list)

    def place_call(self, party: Speaker, **more: Any) -> asyncio.Task[CallOutcome]:
        """A person calls the account's number."""
        task = asyncio.create_task(self.phone_network.call(CALLER, NUMBER, party, **more))
        self.calls.append(task)
        return task

    async def place_answered_call(self, party: Speaker, **answer: Any) -> str:
        """A person calls and is answered; returns the call control id."""
        self.place_call(party)
        control_id = str((await self.customer.event("call.initiated", len(self.calls)))["call_control_id"])
        await self.client.calls.actions.answer(control_id, **answer)
        await self.customer.event("call.answered", len(self.calls))
        return control_id

    async def post(self, path: str, body: object, key: str | None = None) -> tuple[int, Payload]:
        """Sends a request without the SDK; returns status and JSON."""
        headers = {"Authorization": f"Bearer {key or self.config.api_key}"}
        async with self.session.post(f"{self.base_url}{path}", json=body, headers=headers) as response:
            return response.status, await response.json()


@asynccontextmanager
async def account(
    faults: DeliveryFaults | None = None, speed: float = SPEED, voice: Voice | None = None, **settings: Any
) -> AsyncIterator[Account]:
    """A running account with one number. settings: of TelnyxConfig; "failover" stands for the customer's URL."""
    customer = Customer()
    async with customer.running(), aiohttp.ClientSession() as session:
        config = TelnyxConfig(
            api_key="KEY01", signing_key=SEED, connection_id="7001", webhook_url=f"{customer.url}/webhooks"
        )
        if settings.get("webhook_failover_url") == "failover":
            settings["webhook_failover_url"] = f"{customer.url}/failover"
        config = replace(config, **settings)
        phone_network = PhoneNetwork(
            make_clock=lambda: RealTimeClock(speed), default=Subscriber(ring_s=0.01, party=Speaker)
        )
        webhook_client = WebhookClient(session, faults)
        app = web.Application()
        server = TestServer(app, host="127.0.0.1", port=unused_port())  # the port is part of the recordings' URLs
        config = replace(config, public_url=f"http://127.0.0.1:{server.port}")
        carrier = TelnyxCarrier(phone_network, config, webhook_client, Inventory(), voice=voice)
        app.add_routes(carrier.routes())
        phone_network.add(carrier)
        carrier.numbers.add(NUMBER, config.connection_id)
        async with server:
            base_url = f"http://127.0.0.1:{server.port}/v2"
            async with AsyncTelnyx(api_key=config.api_key, base_url=base_url, max_retries=0) as client:
                running = Account(
                    carrier=carrier,
                    phone_network=phone_network,
                    webhook_client=webhook_client,
                    customer=customer,
                    session=session,
                    config=config,
                    base_url=base_url,
                    client=client,
                )
                try:
                    yield running
                finally:
                    await carrier.close()
                    await asyncio.gather(*running.calls)
                    await webhook_client.close()


def verify(webhook: ReceivedWebhook, public_key: str) -> None:
    """Raises InvalidSignature unless the signature matches the raw body."""
    signed = webhook.headers["telnyx-timestamp"].encode() + b"|" + webhook.raw
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public_key))
    key.verify(base64.b64decode(webhook.headers["telnyx-signature-ed25519"]), signed)


async def eventually(true: Callable[[], Awaitable[bool] | bool]) -> None:
    """Polls every 5 ms until it is true. Raises TimeoutError."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            answer = true()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.005)
