"""Handshakes and endings of a simulated Azure speech service.

Written from docs/vendors/azure.md. What it does not know of the vendor: whether a full account is told by HTTP 429 or
by a close frame behind the handshake; both have been seen (`VendorLimits.throttles_by_http`).
"""

import re
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from simulator.vendors.faults import Fault, FaultInjector, Role
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone

THROTTLED: Final = 4429
THROTTLED_REASON: Final = (
    "The request is throttled because you have exceeded the concurrent request limit allowed for your sub"
)
# A close frame has no room for longer reasons.
_REASON_BYTES: Final = 123
_CONNECTION_ID: Final = re.compile(r"[0-9a-fA-F]{8}-?([0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\Z")
# Refusals of a connection: they strike an open one as its end.
_ENDS: Final = ("refuse", "unauthorized", "no_credit", "rate_limited")


class ConnectionEnded(Exception):
    """The vendor has ended the connection."""


@dataclass(frozen=True, slots=True)
class VendorLimits:
    """throttles_by_http: a full account refuses the handshake. idle_s: a connection without messages ends. lifetime_s:
    any connection ends."""

    throttles_by_http: bool = False
    idle_s: float = 180.0
    lifetime_s: float = 600.0


@dataclass(frozen=True, slots=True)
class AzureSocket:
    """A WebSocket whose handshake is over."""

    socket: web.WebSocketResponse
    request: web.Request
    faults: FaultInjector

    async def end(self, code: int, reason: str) -> None:
        """Closes with a code."""
        if not self.socket.closed:
            await self.socket.close(code=code, message=reason.encode()[:_REASON_BYTES])

    def reset(self) -> None:
        """Ends the connection without a close frame."""
        reset_connection(self.request)

    async def ignore_client(self) -> None:
        """Reads nothing until the client has gone."""
        await wait_until_gone(self.request)


def find_key(request: web.Request) -> str:
    """The key or token of a request, where clients put it."""
    return (
        request.headers.get("Ocp-Apim-Subscription-Key", "")
        or request.query.get("Ocp-Apim-Subscription-Key", "")
        or request.headers.get("Authorization", "").removeprefix("Bearer ")
    )


def refuse(status: int, message: str) -> web.Response:
    """An error of the gateway in front of the service."""
    return web.json_response({"error": {"code": str(status), "message": message}}, status=status)


def refuse_key() -> web.Response:
    """The answer to a wrong key."""
    return refuse(
        401,
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
        "active subscription and use a correct regional API endpoint for your resource.",
    )


async def open_azure_socket(
    state: VendorState, request: web.Request, role: Role, limits: VendorLimits
) -> AzureSocket | web.Response:
    """Answers a handshake; a response when it is refused, or the connection is reset."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    refusal = _find_refusal(state, request, faults, limits)
    if refusal is not None:
        return refusal

    def begin_fault(fault: Fault) -> None:
        if fault.kind in _ENDS:
            reset_connection(request)

    faults.on_begin = begin_fault
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    return AzureSocket(socket, request, faults)


def _find_refusal(
    state: VendorState, request: web.Request, faults: FaultInjector, limits: VendorLimits
) -> web.Response | None:
    if faults.has("unauthorized") or find_key(request) != state.key:
        return refuse_key()
    if faults.has("no_credit"):
        return refuse(403, "Out of call volume quota. Quota will be replenished in 12 days.")
    if faults.has("rate_limited") and limits.throttles_by_http:
        return refuse(429, "Requests have exceeded rate limit.")
    if not _CONNECTION_ID.match(request.headers.get("X-ConnectionId") or request.query.get("X-ConnectionId", "")):
        return refuse(400, "X-ConnectionId is missing or no UUID.")
    return None
