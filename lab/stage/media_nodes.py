"""Media nodes as processes of their own on one Valkey, which trust the simulated vendors, and their calls' events."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from media.server.bus.tickets import PARAM
from shared.bus.client import BusClient, bus_client
from shared.bus.events import EventStream
from shared.bus.requests import RequestStream
from shared.bus.tickets import Ticket, Tickets
from shared.events import CallEnded, EventEnvelope, decode_event
from shared.plan import CallPlan
from shared.secrets import Sealer, new_key, parse_keys
from simulator.carrier.media_call import CompletedCall, dial
from simulator.carrier.media_stream import Party
from simulator.carrier.stream_messages import twilio_identity
from simulator.vendors.certificate import ServerCertificate
from vocalized.free_port import free_port
from vocalized.services.valkey import running_valkey
from vocalized.stack.programs import Programs
from vocalized.stack.settings import node_settings

BUS_S: Final = 5.0
READ_S: Final = 0.2
# After a call its node sends the last event within a second; a loaded machine takes longer.
ENDED_S: Final = 20.0
# Beyond it a call is cut, so that a rehearsal ends.
CALL_S: Final = 120.0


@dataclass(slots=True)
class CallEvents:
    """The events of all calls by the plan's call id, and which calls have ended."""

    by_call: dict[str, list[EventEnvelope]] = field(default_factory=lambda: defaultdict(list))
    ended: dict[str, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))

    def add(self, envelope: EventEnvelope) -> None:
        """Adds an event."""
        self.by_call[envelope.call_id].append(envelope)
        if isinstance(envelope.event, CallEnded):
            self.ended[envelope.call_id].set()

    async def of(self, call_id: str) -> list[EventEnvelope]:
        """All events of a call that is over, in their order. Raises TimeoutError when its end does not come."""
        async with asyncio.timeout(ENDED_S):
            await self.ended[call_id].wait()
        return sorted(self.by_call[call_id], key=lambda envelope: envelope.seq)


@dataclass(frozen=True, slots=True)
class MediaNodes:
    """The running nodes. urls: of their sockets for Twilio's protocol. logs: of each node, a JSON object a line.
    requests: control's end of what their calls ask."""

    urls: tuple[str, ...]
    logs: tuple[Path, ...]
    tickets: Tickets
    events: CallEvents
    requests: RequestStream
    session: aiohttp.ClientSession

    async def call(self, plan: CallPlan, party: Party, node: int = 0, *, limit_s: float = CALL_S) -> CompletedCall:
        """Runs a whole call on a node, over the simulated carrier's socket. limit_s: then it is cut. Raises
        CannotConnect."""
        identity = twilio_identity()
        token = await self.tickets.issue(Ticket("twilio", identity.call, plan))
        identity = type(identity)(identity.account, identity.call, identity.stream, params={PARAM: token})
        return await dial(self.session, self.urls[node], party, identity, limit_s=limit_s)


@asynccontextmanager
async def running_nodes(
    root: Path, folder: Path, certificate: ServerCertificate, count: int = 1
) -> AsyncIterator[MediaNodes]:
    """`count` media nodes of the checkout in `root`, ready when the block begins. folder: as `running_platform`'s."""
    async with AsyncExitStack() as running:
        valkey = await running.enter_async_context(running_valkey(folder, durable=False))
        redis = await running.enter_async_context(aclosing(bus_client(valkey.url, BUS_S)))
        session = await running.enter_async_context(aiohttp.ClientSession())
        keys = new_key()
        settings = _settings(valkey.url, keys, certificate)
        programs, ports = Programs(root, folder), [free_port() for _ in range(count)]
        names = [f"media-{number}" for number in range(count)]
        for name, port in zip(names, ports, strict=True):
            own = node_settings(settings, port) | {"VOCALIZED_MEDIA_NODE": name}
            await running.enter_async_context(programs.node(name, port, own))
        events = CallEvents()
        reader = asyncio.create_task(_read_events(redis, events))
        running.callback(reader.cancel)
        sealer = Sealer(parse_keys(keys))
        yield MediaNodes(
            urls=tuple(f"ws://127.0.0.1:{port}/media/twilio" for port in ports),
            logs=tuple(folder / f"{name}.log" for name in names),
            tickets=Tickets(redis, sealer),
            events=events,
            requests=RequestStream(redis, sealer),
            session=session,
        )


async def _read_events(redis: BusClient, events: CallEvents) -> None:
    stream = EventStream(redis)
    await stream.create_group()
    while True:
        entries = await stream.read("rehearsal", 500, READ_S)
        for entry in entries:
            events.add(decode_event(entry.line))
        if entries:
            await stream.remove([entry.id for entry in entries])


def _settings(redis_url: str, keys: str, certificate: ServerCertificate) -> Mapping[str, str]:
    """The nodes' environment; what the user has set is ignored."""
    foreign = {name: value for name, value in os.environ.items() if not name.startswith("VOCALIZED_")}
    return {
        **foreign,
        "SSL_CERT_FILE": str(certificate.authority),
        "VOCALIZED_REDIS_URL": redis_url,
        "VOCALIZED_SECRET_KEYS": keys,
        "VOCALIZED_MEDIA_DRAIN_TIMEOUT_S": "5",
    }
