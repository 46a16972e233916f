"""Serves a simulated vendor over TLS on a port of this machine."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web

from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.faults import FaultBoard, FaultInjector, Role

# How often it is looked whether a client has gone whose messages are not read.
_GONE_S: Final = 0.05

BilledUnit = Literal["ms", "characters", "prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens"]


@dataclass(frozen=True, slots=True)
class BilledItem:
    """What the vendor would bill for one connection or request. model: as the vendor names it."""

    role: Role
    model: str
    unit: BilledUnit
    quantity: float


@dataclass(slots=True)
class VendorState:
    """What a test reads and sets of a simulated vendor.

    key: the only accepted API key. opened: connections and requests of each role, those that were refused too.
    """

    key: str = "simulated-vendor-key"
    faults: FaultBoard = field(default_factory=FaultBoard)
    billed: list[BilledItem] = field(default_factory=list)
    opened: dict[Role, int] = field(default_factory=lambda: {"stt": 0, "llm": 0, "tts": 0})

    def open(self, role: Role) -> FaultInjector:
        """Count a connection that begins, and take its fault."""
        self.opened[role] += 1
        return self.faults.take(role)

    def bill(self, role: Role, model: str, unit: BilledUnit, quantity: float) -> None:
        """Bill a quantity, if there is any."""
        if quantity > 0:
            self.billed.append(BilledItem(role, model, unit, quantity))

    def total(self, role: Role, unit: BilledUnit) -> float:
        """All that was billed of a unit for a role."""
        return sum(item.quantity for item in self.billed if item.role == role and item.unit == unit)


def reset_connection(request: web.Request) -> None:
    """Reset the client's connection, without an answer or a close frame."""
    if request.transport is not None:
        request.transport.abort()


async def wait_until_gone(request: web.Request) -> None:
    """Read nothing until the client has gone."""
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(_GONE_S)


@asynccontextmanager
async def running_vendor(
    routes: Iterable[web.AbstractRouteDef],
    certificate: ServerCertificate | None,
    *,
    cancels: bool = False,
    port: int = 0,
) -> AsyncIterator[str]:
    """Run a vendor's routes; yield `127.0.0.1:PORT`. certificate: None serves without TLS. cancels: a request whose
    client goes away is cancelled. port: 0 takes a free one. Raises OSError for a port that is taken."""
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=cancels)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=certificate.server if certificate else None)
        await site.start()
        yield f"127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
