"""Handshakes and endings of a simulated ElevenLabs.

Written from docs/vendors/elevenlabs.md. What it does not know of the vendor: whether a wrong key is told by the
handshake or behind it (here: behind it, because a key may also come in the first message), and which close code follows
an error of Scribe.
"""

from dataclasses import dataclass
from typing import Any, Final, NoReturn

from aiohttp import web

from simulator.vendors.faults import Fault, FaultInjector, Role
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone

POLICY_VIOLATION: Final = 1008
# Refusals of a connection: they strike an open one as its end.
_ENDS: Final = ("refuse", "unauthorized", "no_credit", "rate_limited")


class ConnectionEnded(Exception):
    """The vendor has ended the connection."""


@dataclass(frozen=True, slots=True)
class OpenedSocket:
    """A WebSocket whose handshake is over. key: that came with it, empty for none."""

    socket: web.WebSocketResponse
    request: web.Request
    faults: FaultInjector
    key: str

    async def end(self, last: dict[str, Any] | None, reason: str) -> NoReturn:
        """Sends a last message, if any, and closes. Raises ConnectionEnded."""
        if not self.socket.closed:
            if last is not None:
                await self.socket.send_json(last)
            await self.socket.close(code=POLICY_VIOLATION, message=reason.encode()[:120])
        raise ConnectionEnded

    def reset(self) -> None:
        """Ends the connection without a close frame."""
        reset_connection(self.request)

    async def ignore_client(self) -> None:
        """Reads nothing until the client has gone."""
        await wait_until_gone(self.request)


async def open_elevenlabs_socket(state: VendorState, request: web.Request, role: Role) -> OpenedSocket | web.Response:
    """Answers a handshake; a response when the connection is reset."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()

    def begin_fault(fault: Fault) -> None:
        if fault.kind in _ENDS:
            reset_connection(request)

    faults.on_begin = begin_fault
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    key = request.headers.get("xi-api-key", "") or request.query.get("token", "")
    return OpenedSocket(socket, request, faults, key)
