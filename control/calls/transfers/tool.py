"""The tool `transfer` of agents with warm transfers: calls the target and waits for its decision."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import NAMESPACE_URL, uuid5

import msgspec
import structlog
from msgspec import Meta, Struct

from control.calls.outbound.service import OutboundCalls
from control.calls.records import queries as records_queries
from control.calls.records.state import TRANSFER_S
from control.calls.transfers import queries, service
from control.calls.transfers.rules import MOST_RETURNS, WarmTransfer
from control.carriers.pacer import CallPacer
from control.carriers.rules import CarrierName, CarrierRefused, CarrierUnavailable, TargetCallRequest
from control.carriers.service import Carriers, TransferCarrier
from control.db.pool import Connection
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RequestHandlers
from shared.bus.requests import TOOL_REQUEST
from shared.errors import Conflict, Invalid, NotFound
from shared.events import TransferFailure
from shared.plan import WARM_TRANSFER

RING_S: Final = 30
# This long after its row was inserted, a target no longer rings: RING_S, its turn, and what carriers add to both. If
# nothing was reported by then, the process that should have called died before, or the webhook was lost.
LONGEST_RING_S: Final = RING_S + 20.0
POLL_S: Final = 0.2
# The rest of the request's time, in which the end of the wait is stored.
MARGIN_S: Final = 2.0
LONGEST_BRIEF: Final = 1_000
# A target waits for its turn among outbound calls at most this long, because a caller waits for it. If calls come too
# fast, Twilio queues them and Telnyx refuses them.
LONGEST_PACE_S: Final = 5.0
log = structlog.get_logger()


class WarmTransferArguments(Struct, frozen=True):
    """The arguments of the tool.

    Attributes:
        number: The number from the plan.
        brief: The model's brief, which the target hears.
    """

    number: Annotated[str, Meta(max_length=200)]
    brief: Annotated[str, Meta(max_length=LONGEST_BRIEF)] = ""
    language: Annotated[str, Meta(max_length=20)] = "en"


@dataclass(frozen=True, slots=True)
class WarmTransferRuns:
    """Runs the tool. Answers with {"conference", "number"} if the target has accepted, else with {"failure"}.

    Args:
        pacer: Paces all calls that we place.
    """

    outbound: OutboundCalls
    carriers: Carriers
    pacer: CallPacer
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def handlers(self) -> RequestHandlers:
        """Returns the handlers for the reader of media's requests.

        They may be repeated: a run has one row, which decides whether the target is called. If a process dies, its
        replacement only waits.
        """
        return {f"{TOOL_REQUEST}{WARM_TRANSFER}": MediaRequestHandler(self._run, effect="repeatable")}

    async def _run(self, context: HandlerContext) -> dict[str, Any]:
        """Runs the tool. Raises Invalid, Conflict (transfer_limit, transfer_going_on), NotFound."""
        arguments = _parse(context.arguments)
        transfer, caller_id, is_new = await context.in_transaction(lambda db: self._begin(db, context, arguments))
        if is_new:
            await self._call(context, transfer, caller_id)
        return await self._wait(context, transfer)

    async def _begin(
        self, db: Connection, context: HandlerContext, arguments: WarmTransferArguments
    ) -> tuple[WarmTransfer, str, bool]:
        """Returns the transfer, the number that the target sees, and whether the transfer is new.

        A repeat is not checked again.
        """
        running = context.call
        call = await records_queries.lock_one(db, running.id)
        if call is None:
            raise _not_running()
        caller_id = call.called_number if running.direction == "inbound" else call.state.caller_number
        known = await queries.select_by_run(db, running.id, context.run_id)
        if known is not None:
            return known, caller_id, False
        if call.state.is_final:  # since the request was admitted: no one would be left to hang up the target
            raise _not_running()
        await self.outbound.require_transferable(db, running.workspace_id, arguments.number)
        _require_room(await queries.select_of_call(db, running.id), context.now)
        carrier: CarrierName = "telnyx" if call.state.carrier == "telnyx" else "twilio"
        new = WarmTransfer(
            id=uuid5(NAMESPACE_URL, f"{running.id}:{context.run_id}"),
            workspace_id=running.workspace_id,
            call_id=running.id,
            run_id=context.run_id,
            carrier=carrier,
            number=arguments.number,
            language=arguments.language,
            brief=" ".join(arguments.brief.split()),
            created_at=context.now,
        )
        return new, caller_id, await queries.insert_transfer(db, new)

    async def _call(self, context: HandlerContext, transfer: WarmTransfer, caller_id: str) -> None:
        failure: TransferFailure = "failed"
        request = TargetCallRequest(str(transfer.id), caller_id, transfer.number, RING_S, TRANSFER_S)
        try:
            carrier = self.carriers.get(transfer.carrier)
            if not isinstance(carrier, TransferCarrier):
                raise CarrierRefused(transfer.carrier, "not_set_up", "this carrier calls no targets")
            await self.sleep(min(await self.pacer.reserve(transfer.carrier), LONGEST_PACE_S))
            if not await context.in_transaction(lambda db: service.is_wanted(db, transfer.id)):
                return  # the caller has left in the meantime
            leg_id = await carrier.targets.call(request)
        except (CarrierRefused, CarrierUnavailable) as error:
            log.warning(
                "transfer.not_dialled", carrier=transfer.carrier, code=error.code, call_id=str(transfer.call_id)
            )
            await context.in_transaction(lambda db: service.fail(db, transfer.id, failure))
        else:
            await context.in_transaction(lambda db: service.set_leg(db, transfer.id, leg_id))

    async def _wait(self, context: HandlerContext, transfer: WarmTransfer) -> dict[str, Any]:
        """Returns the target's decision.

        After the end of its ringing or of the request's time, the target counts as not having answered.
        """
        rung_s = (context.now - transfer.created_at).total_seconds()
        rings_until = asyncio.get_running_loop().time() + LONGEST_RING_S - rung_s
        while context.left_s > MARGIN_S:
            current = await context.in_transaction(lambda db: _load(db, transfer))
            if current is None or current.status in ("failed", "over"):
                return {"failure": (current.failure if current is not None else None) or "failed"}
            if current.status == "accepted" and current.conference is not None:
                return {"conference": current.conference, "number": current.number}
            if current.status == "calling" and asyncio.get_running_loop().time() >= rings_until:
                break
            await asyncio.sleep(POLL_S)
        await context.in_transaction(lambda db: service.fail(db, transfer.id, "no_answer"))
        current = await context.in_transaction(lambda db: _load(db, transfer))
        if current is not None and current.conference is not None and current.status == "accepted":  # in the meantime
            return {"conference": current.conference, "number": current.number}
        return {"failure": "no_answer"}


async def _load(db: Connection, transfer: WarmTransfer) -> WarmTransfer | None:
    """Returns the current transfer, without a lock."""
    return await queries.select_by_run(db, transfer.call_id, transfer.run_id)


def _require_room(before: Sequence[WarmTransfer], now: datetime) -> None:
    """Raises Conflict if another transfer is running: if two targets accepted, one would wait in vain."""
    if len(before) >= MOST_RETURNS:
        raise Conflict(f"A call has {MOST_RETURNS} such transfers at most.", code="transfer_limit")
    if any(transfer.is_going_on(now) for transfer in before):
        raise Conflict("A person is being called already.", code="transfer_going_on")


def _not_running() -> NotFound:
    return NotFound("No such call is in progress.", code="call_not_running")


def _parse(text: str) -> WarmTransferArguments:
    try:
        return msgspec.json.decode(text, type=WarmTransferArguments)
    except msgspec.DecodeError as error:
        raise Invalid(f"The arguments are invalid: {error}.", code="arguments_invalid") from None
