"""A network with Twilio's side on a real socket, and a customer of Twilio behind another: webhooks and media."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]  # ships no types

from simulator.carrier.caller import Caller
from simulator.carrier.network.hooks import Hooks
from simulator.carrier.network.people import Listener
from simulator.carrier.network.twilio_side.model import TwilioConfig
from simulator.carrier.network.twilio_side.side import TwilioSide
from simulator.carrier.network.world import Subscriber, World
from simulator.carrier.pace import RealTime
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
class Asked:
    """One webhook as it came."""

    path: str
    fields: dict[str, str]
    headers: dict[str, str]
    signed: bool


@dataclass
class Customer:
    """Answers webhooks with `documents` (by path, one after the other, the last again and again), and media sockets.

    asked: the webhooks, in order. statuses: a path that answers so instead. agents: one per media socket.
    """

    documents: dict[str, list[str]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    make: Callable[[], ScriptedAgent] = ScriptedAgent
    asked: list[Asked] = field(default_factory=list)
    agents: list[ScriptedAgent] = field(default_factory=list)
    upgrades: list[dict[str, str]] = field(default_factory=list)
    drop_after: int | None = None
    url: str = ""
    _more: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws") + "/media"

    def at(self, path: str) -> list[dict[str, str]]:
        """The fields of the webhooks to one path."""
        return [asked.fields for asked in self.asked if asked.path == path]

    async def until(self, done: Callable[[], object]) -> None:
        """Waits until it is so, as webhooks come; fails after a bounded time."""
        async with asyncio.timeout(LIMIT_S), self._more:
            await self._more.wait_for(lambda: bool(done()))

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
            self.asked.append(Asked(request.path, fields, dict(request.headers), signed))
            self._more.notify_all()
        if request.path in self.statuses:
            return web.Response(status=self.statuses[request.path])
        answers = self.documents.get(request.path, [""])
        text = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(text=text, content_type="text/xml" if text else "text/plain")

    async def _media(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        agent = self.make()
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
class Network:
    """The world, Twilio's side, and where its REST interface is."""

    world: World
    side: TwilioSide
    hooks: Hooks
    session: aiohttp.ClientSession
    url: str

    async def request(self, method: str, path: str, **fields: object) -> tuple[int, dict[str, object]]:
        """A REST request with the account's credentials: status and body."""
        url = f"{self.url}/2010-04-01/Accounts/{ACCOUNT}/{path}"
        auth = aiohttp.encode_basic_auth(ACCOUNT, TOKEN)
        pairs = [(name, str(item)) for name, value in fields.items() for item in _each(value)]
        sent = {"params": pairs} if method in ("GET", "DELETE") else {"data": pairs}
        async with self.session.request(method, url, headers={"Authorization": auth}, **sent) as response:  # type: ignore[arg-type]
            body = await response.json() if response.content_type == "application/json" else {}
            return response.status, body


@asynccontextmanager
async def network(
    *, sign_streams: bool = True, speed: float = SPEED, calls_per_second: float | None = None
) -> AsyncIterator[Network]:
    """A network with one number of Twilio's, which asks the customer's /voice, and nobody out there."""
    world = World(pace=lambda: RealTime(speed))
    async with aiohttp.ClientSession() as session:
        hooks = Hooks(session)
        app = web.Application()
        port = unused_port()
        url = f"http://127.0.0.1:{port}"
        side = TwilioSide(world, TwilioConfig(ACCOUNT, TOKEN, url, sign_streams, calls_per_second), hooks)
        world.add(side)
        app.add_routes(side.routes())
        async with TestServer(app, host="127.0.0.1", port=port):
            yield Network(world, side, hooks, session, url)
            await side.close()
            await hooks.close()


def own_number(net: Network, customer: Customer, **settings: str) -> None:
    """The account has NUMBER, and its voice URL is the customer's /voice."""
    net.side.add_number(NUMBER, {"VoiceUrl": f"{customer.url}/voice", **settings})


def connect(customer: Customer, *after: str, attributes: str = "", params: Iterable[tuple[str, str]] = ()) -> str:
    """TwiML that connects the customer's media socket, and what comes after it."""
    children = "".join(f'<Parameter name="{name}" value="{value}"/>' for name, value in params)
    stream = f'<Connect {attributes}><Stream url="{customer.media_url}">{children}</Stream></Connect>'
    return f"<Response>{stream}{''.join(after)}</Response>"


def chatty() -> Caller:
    """Speaks once after the greeting, hears the answer and hangs up."""
    return Caller([speech(500, AfterAgent(300, 3_000))], Ending(quiet_ms=400, timeout_ms=4_000))


def patient(seconds: float = 600.0) -> Listener:
    """Stays on the phone until the network ends it, or so long."""
    return Listener(longest_s=seconds)


def answering(**settings: object) -> Subscriber:
    """A phone that is answered by somebody patient."""
    return Subscriber(ring_s=0.01, party=patient, **settings)  # type: ignore[arg-type]


def _each(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else [value]
