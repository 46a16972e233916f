"""Common parts of simulated vendors' sockets: the handshake, and the effect of faults."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from simulator.vendors.faults import Fault, FaultInjector, FaultKind
from simulator.vendors.server import reset_connection, wait_until_gone

# Faults of a handshake. For an open connection, they end the connection, because its handshake is over.
REFUSALS: Final[tuple[FaultKind, ...]] = ("refuse", "unauthorized", "no_credit", "rate_limited")


@dataclass(frozen=True, slots=True)
class FaultySocket:
    """A WebSocket after its handshake."""

    socket: web.WebSocketResponse
    request: web.Request
    faults: FaultInjector

    def reset(self) -> None:
        """End the connection without a close frame."""
        reset_connection(self.request)

    async def ignore_client(self) -> None:
        """Read nothing until the client has disconnected."""
        await wait_until_gone(self.request)


def end_by_refusals(request: web.Request, faults: FaultInjector, ends: Collection[FaultKind] = REFUSALS) -> None:
    """Let these faults end the connection if they are applied while it is open."""

    def begin_fault(fault: Fault) -> None:
        if fault.kind in ends:
            reset_connection(request)

    faults.on_begin = begin_fault


async def accept_socket(
    request: web.Request, faults: FaultInjector, ends: Collection[FaultKind] = REFUSALS
) -> web.WebSocketResponse:
    """Answer a handshake. `ends` is as in `end_by_refusals`."""
    end_by_refusals(request, faults, ends)
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    return socket
