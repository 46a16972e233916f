"""What calls of a simulated Google have in common: the key, refusals, and faults in mid-stream as gRPC statuses."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, NoReturn, TypeVar

import grpc
from grpc import aio

from simulator.vendors.faults import Fault, FaultCut, FaultInjector, Role
from simulator.vendors.google_account import TokenCheck
from simulator.vendors.server import VendorState

T = TypeVar("T")

# What no client can read: the field's length is longer than the message.
GARBAGE: Final = b"\x0a\xff\x01"
# A refusal takes as long at the least; grpc.aio's clients lose the status of one that is quicker than their writes.
ROUND_TRIP_S: Final = 0.05
_REFUSALS: Final = {
    "refuse": (grpc.StatusCode.UNAVAILABLE, "Connection reset by peer."),
    "unauthorized": (grpc.StatusCode.UNAUTHENTICATED, "Request had invalid authentication credentials."),
    "no_credit": (grpc.StatusCode.PERMISSION_DENIED, "This API method requires billing to be enabled."),
    "rate_limited": (grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for quota metric 'Requests'."),
}


class GoogleCall:
    """One call of one role. Its methods raise by aborting the call."""

    def __init__(self, state: VendorState, role: Role, context: aio.ServicerContext[Any, Any]) -> None:
        self.context = context
        self.faults: FaultInjector = state.open(role)
        self._state = state

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does the call's work; a refusal that strikes the open call ends it."""
        task = asyncio.create_task(work)
        struck: list[str] = []

        def begin_fault(fault: Fault) -> None:
            if fault.kind in _REFUSALS:
                struck.append(fault.kind)
                task.cancel()

        self.faults.on_begin = begin_fault
        try:
            return await task
        except asyncio.CancelledError:
            if not struck:  # the client has gone
                raise
        finally:
            task.cancel()
        await self.fail(*_REFUSALS[struck[0]])

    async def admit(self) -> None:
        """Refuses a call with a fault of that kind, and one without a valid token."""
        fault = self.faults.fault
        if fault is not None and fault.kind in _REFUSALS:
            await self._refuse(fault.kind)
        headers = dict(self.context.invocation_metadata() or ())
        if TokenCheck(self._state.key).find_fault(str(headers.get("authorization", ""))):
            await self._refuse("unauthorized")

    async def _refuse(self, kind: str) -> None:
        await asyncio.sleep(ROUND_TRIP_S)
        await self.fail(*_REFUSALS[kind])

    async def fail(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """Ends the call with this status."""
        await self.context.abort(code, details)
        raise AssertionError  # abort raises

    async def refuse_argument(self, details: str) -> NoReturn:
        """Ends the call because of its request."""
        await asyncio.sleep(ROUND_TRIP_S)
        await self.fail(grpc.StatusCode.INVALID_ARGUMENT, details)

    async def send(self, message: bytes) -> None:
        """Sends one result, or the fault in its place."""
        if self.faults.reports_error:
            await self.fail(grpc.StatusCode.INTERNAL, "Internal error encountered.")
        try:
            is_garbage = await self.faults.begin_unit()
        except FaultCut:
            await self.fail(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer.")
        await self.context.write(GARBAGE if is_garbage else message)
