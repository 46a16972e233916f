"""Handshakes and errors of a simulated Cartesia.

Written from docs/vendors/cartesia.md. What it does not know of the vendor: the error code of an account without credit
and the close code after five idle minutes.
"""

import uuid
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from simulator.vendors.faults import Fault, FaultInjector, Role
from simulator.vendors.server import VendorState, reset_connection, wait_until_gone

# From this Cartesia-Version on, errors are structured; before it they are one line of text.
STRUCTURED_ERRORS: Final = "2026-03-01"


@dataclass(frozen=True, slots=True)
class CartesiaFailure:
    """An error that the vendor reports. code: for programs, empty where there is none."""

    status: int
    code: str
    title: str
    message: str


class RequestRefused(Exception):
    """A message of the client is answered by an error."""

    def __init__(self, failure: CartesiaFailure) -> None:
        super().__init__(failure.title)
        self.failure = failure


UNAUTHORIZED: Final = CartesiaFailure(401, "unauthorized", "Unauthorized", "The API key is invalid.")
MODEL_NOT_FOUND: Final = CartesiaFailure(404, "model_not_found", "Invalid model", "There is no such model.")
VOICE_NOT_FOUND: Final = CartesiaFailure(404, "voice_not_found", "Invalid voice", "There is no such voice.")
NO_CREDIT: Final = CartesiaFailure(402, "quota_exceeded", "Out of credits", "The credits of this month are used up.")
RATE_LIMITED: Final = CartesiaFailure(
    429, "concurrency_limited", "Too many concurrent requests", "The plan's concurrency limit is exceeded."
)
FAILED: Final = CartesiaFailure(500, "internal_error", "Internal server error", "Something went wrong.")
# Refusals of a handshake: they strike an open connection as its end. Those of speech are of contexts.
_ENDS: Final = ("refuse", "unauthorized")
_QUOTAS: Final = ("no_credit", "rate_limited")


@dataclass(frozen=True, slots=True)
class AcceptedConnection:
    """A WebSocket whose handshake is over."""

    socket: web.WebSocketResponse
    request: web.Request
    faults: FaultInjector
    version: str
    request_id: str

    async def send_failure(self, failure: CartesiaFailure, **more: Any) -> None:
        """Sends an error as an event."""
        body = error_body(failure, self.version, self.request_id)
        await self.socket.send_json({"type": "error", "status_code": failure.status, **body, **more})

    def reset(self) -> None:
        """Ends the connection without a close frame."""
        reset_connection(self.request)

    async def ignore_client(self) -> None:
        """Reads nothing until the client has gone."""
        await wait_until_gone(self.request)


async def accept(state: VendorState, request: web.Request, role: Role) -> AcceptedConnection | web.Response:
    """Answers a handshake; a response when it is refused."""
    faults = state.open(role)
    if faults.has("refuse"):
        reset_connection(request)
        return web.Response()
    version = request.headers.get("cartesia-version", "") or request.query.get("cartesia_version", "")
    request_id = str(uuid.uuid4())
    failure = _find_failure(state, request, faults, version)
    if failure is None and role == "stt":  # its limits are of connections; those of speech are of contexts
        failure = NO_CREDIT if faults.has("no_credit") else RATE_LIMITED if faults.has("rate_limited") else None
    if failure is not None:
        if version < STRUCTURED_ERRORS:
            return web.Response(status=failure.status, text=f"{failure.title}: {failure.message}")
        return web.json_response(error_body(failure, version, request_id), status=failure.status)
    ends = (*_ENDS, *_QUOTAS) if role == "stt" else _ENDS

    def begin_fault(fault: Fault) -> None:
        if fault.kind in ends:
            reset_connection(request)

    faults.on_begin = begin_fault
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    return AcceptedConnection(socket, request, faults, version, request_id)


def error_body(failure: CartesiaFailure, version: str, request_id: str) -> dict[str, Any]:
    """The fields of an error."""
    if version < STRUCTURED_ERRORS:
        return {"error": f"{failure.title}: {failure.message}", "done": True}
    return {
        "error_code": failure.code or None,
        "title": failure.title,
        "message": failure.message,
        "request_id": request_id,
        "done": True,
    }


def _find_failure(
    state: VendorState, request: web.Request, faults: FaultInjector, version: str
) -> CartesiaFailure | None:
    if len(version) != len("2026-03-01") or version.count("-") != 2:
        return CartesiaFailure(400, "invalid_version", "Invalid version", "Cartesia-Version must be a date.")
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    named = (request.headers.get("x-api-key"), bearer, request.query.get("api_key"), request.query.get("access_token"))
    if faults.has("unauthorized") or state.key not in named:
        return UNAUTHORIZED
    return None
