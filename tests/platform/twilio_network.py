"""The simulated network with Twilio on a real socket for tests, and a customer's server: webhooks and media sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no types

from simulator.carrier.caller import Caller
from simulator.carrier.clock import RealTimeClock
from simulator.carrier.network.config import NetworkConfig
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import PhoneNetwork, Subscriber
from simulator.carrier.network.server import running_network
from simulator.carrier.network.twilio.carrier import TwilioCarrier
from simulator.carrier.network.twilio.model import TwilioConfig
from simulator.carrier.network.twilio.number_rule import NumberRule
from simulator.carrier.network.webhook_client import WebhookClient
from simulator.carrier.script import AfterAgent, Ending
from tests.simulator.carrier.test_caller import speech
from tests.simulator.scripted_agent import ScriptedAgent

ACCOUNT = "AC" + "0" * 32
TOKEN = "a-token-for-tests"
NUMBER = "+14155550100"
PERSON = "+12125550123"
SPEED = 8.0
LIMIT_S = 20.0


@dataclass
class ReceivedWebhook:
    """A webhook request that the customer received. signed: whether its signature is valid."""

    path: str
    fields: dict[str, str]
    headers: dict[str, str]
    signed: bool


@dataclass
class Customer:
    """A customer's server. Answers webhooks with `documents` (by path, in order, the last repeatedly).

    webhooks: those received, in order. statuses: by path, an HTTP status to answer with. agents: one per media socket.
    drop_after: aborts a media socket after so many messages.
    """

    documents: dict[str, list[str]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    make_agent: Callable[[], ScriptedAgent] = ScriptedAgent
    webhooks: list[ReceivedWebhook] = field(default_factory=list)
    agents: list[ScriptedAgent] = field(default_factory=list)
    upgrades: list[dict[str, str]] = field(default_factory=list)
    drop_after: int | None = None
    url: str = ""
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws") + "/media"

    def fields_of(self, path: str) -> list[dict[str, str]]:
        """The fields of all webhooks to one path."""
        return [webhook.fields for webhook in self.webhooks if webhook.path == path]

    async def wait_until(self, condition: Callable[[], object]) -> None:
        """Waits for webhooks until `condition` returns true; fails after LIMIT_S."""
        async with asyncio.timeout(LIMIT_S), self._more:
            await self._more.wait_for(lambda: bool(condition()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Customer"]:
        app = web.Application()
        app.router.add_get("/media", self._media)
        app.router.add_route("*", "/{path:.*}", self._webhook)
        async with TestServer(app, host="127.0.0.1") as server:
            self.url = f"http://127.0.0.1:{server.port}"
            yield self

    async def _webhook(self, request: web.Request) -> web.Response:
        posted = {str(name): str(value) for name, value in (await request.post()).items()}
        signature = request.headers.get("X-Twilio-Signature", "")
        signed = RequestValidator(TOKEN).validate(f"{self.url}{request.raw_path}", posted, signature)
        fields = posted or dict(request.query)
        async with self._more:
            self.webhooks.append(ReceivedWebhook(request.path, fields, dict(request.headers), signed))
            self._more.notify_all()
        if request.path in self.statuses:
            return web.Response(status=self.statuses[request.path])
        answers = self.documents.get(request.path, [""])
        text = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(text=text, content_type="text/xml" if text else "text/plain")

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        agent = self.make_agent()
        self.agents.append(agent)
        self.upgrades.append(dict(request.headers))
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                continue
            for answer in agent.receive(message.data):
                await socket.send_str(answer)
            async with self._more:
                self._more.notify_all()
            if self.drop_after is not None and len(agent.received) >= self.drop_after:
                assert request.transport is not None
                request.transport.abort()
                break
            if agent.closing:
                await socket.close()
        async with self._more:
            self._more.notify_all()
        return socket


@dataclass
class TwilioNetwork:
    """The running network. url: base of Twilio's REST API."""

    phone_network: PhoneNetwork
    carrier: TwilioCarrier
    webhook_client: WebhookClient
    session: aiohttp.ClientSession
    url: str

    async def request(self, method: str, path: str, **fields: object) -> tuple[int, dict[str, object]]:
        """A REST request with the account's credentials; returns status and body."""
        url = f"{self.url}/2010-04-01/Accounts/{ACCOUNT}/{path}"
        auth = aiohttp.encode_basic_auth(ACCOUNT, TOKEN)
        pairs = [(name, str(item)) for name, value in fields.items() for item in _each(value)]
        sent = {"params": pairs} if method in ("GET", "DELETE") else {"data": pairs}
        async with self.session.request(method, url, headers={"Authorization": auth}, **sent) as response:  # type: ignore[arg-type]
            body = await response.json() if response.content_type == "application/json" else {}
            return response.status, body


@asynccontextmanager
async def running_twilio_network(
    *,
    sign_streams: bool = True,
    speed: float = SPEED,
    calls_per_second: float | None = None,
    create_requests_per_second: int | None = None,
    goes_on_after_broken_stream: bool = True,
    regulated: tuple[NumberRule, ...] = (),
) -> AsyncIterator[TwilioNetwork]:
    """The simulator's network with Twilio only, without numbers and subscribers."""
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    account = TwilioConfig(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        public_url=url,
        sign_streams=sign_streams,
        calls_per_second=calls_per_second,
        create_requests_per_second=create_requests_per_second,
        goes_on_after_broken_stream=goes_on_after_broken_stream,
        regulated=regulated,
    )
    config = NetworkConfig(url, twilio=account)
    async with (
        aiohttp.ClientSession() as session,
        running_network(config, make_clock=lambda: RealTimeClock(speed)) as network,
        TestServer(network.app, host="127.0.0.1", port=port),
    ):
        assert network.twilio is not None
        yield TwilioNetwork(network.phone_network, network.twilio, network.webhook_client, session, url)


def add_own_number(network: TwilioNetwork, customer: Customer, **settings: str) -> None:
    """Adds NUMBER to the account, with the customer's /voice as its voice URL."""
    network.carrier.add_number(NUMBER, {"VoiceUrl": f"{customer.url}/voice", **settings})


def connect(customer: Customer, *after: str, attributes: str = "", params: Iterable[tuple[str, str]] = ()) -> str:
    """TwiML that connects the customer's media socket, then the verbs `after`."""
    children = "".join(f'<Parameter name="{name}" value="{value}"/>' for name, value in params)
    stream = f'<Connect {attributes}><Stream url="{customer.media_url}">{children}</Stream></Connect>'
    return f"<Response>{stream}{''.join(after)}</Response>"


def talking_caller() -> Caller:
    """A caller who speaks once after the greeting, hears the answer and hangs up."""
    return Caller([speech(500, AfterAgent(300, 3_000))], Ending(quiet_ms=400, timeout_ms=4_000))


def passive_listener(seconds: float = 600.0) -> PassiveParty:
    """A listener who stays until the network ends the call, at most `seconds`."""
    return PassiveParty(longest_s=seconds)


def answering_phone(**settings: object) -> Subscriber:
    """A phone that a `passive_listener` answers."""
    return Subscriber(ring_s=0.01, party=passive_listener, **settings)  # type: ignore[arg-type]


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else [value]
