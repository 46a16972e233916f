"""Serves a simulated vendor over TLS on a port of this machine."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Literal

from aiohttp import web

from simulator.vendors.certificate import ServerCertificate
from simulator.vendors.faults import FaultBoard, FaultInjector, Role

# Interval at which a client whose messages are not read is checked for disconnection.
_GONE_S: Final = 0.05

BilledUnit = Literal["ms", "characters", "prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens"]


@dataclass(frozen=True, slots=True)
class BilledItem:
    """What the vendor would bill for a connection or request. The model has the vendor's name."""

    role: Role
    model: str
    unit: BilledUnit
    quantity: float


@dataclass(slots=True)
class VendorState:
    """The state of a simulated vendor that tests read and set.

    Attributes:
        key: The only accepted API key.
        opened: Number of connections and requests by role, including refused ones.
    """

    key: str = "simulated-vendor-key"
    faults: FaultBoard = field(default_factory=FaultBoard)
    billed: list[BilledItem] = field(default_factory=list)
    opened: dict[Role, int] = field(default_factory=lambda: {"stt": 0, "llm": 0, "tts": 0})

    def open(self, role: Role) -> FaultInjector:
        """Count a new connection and return its fault injector."""
        self.opened[role] += 1
        return self.faults.take(role)

    def bill(self, role: Role, model: str, unit: BilledUnit, quantity: float) -> None:
        """Bill a quantity, if it is positive."""
        if quantity > 0:
            self.billed.append(BilledItem(role, model, unit, quantity))

    def total(self, role: Role, unit: BilledUnit) -> float:
        """Return the total billed quantity of a unit for a role."""
        return sum(item.quantity for item in self.billed if item.role == role and item.unit == unit)


def reset_connection(request: web.Request) -> None:
    """Reset the client's connection without an answer or a close frame."""
    if request.transport is not None:
        request.transport.abort()


async def wait_until_gone(request: web.Request) -> None:
    """Read nothing until the client has disconnected."""
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
    """Serve a vendor's routes and yield `127.0.0.1:PORT`.

    Args:
        certificate: None serves without TLS.
        cancels: Whether a request is canceled when its client disconnects.
        port: 0 selects a free port.

    Raises:
        OSError: The port is taken.
    """
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
