"""Transfers of callers to other numbers.

In a warm transfer, the target is called, hears a brief and accepts. Only then do caller and target meet in a
conference. The caller stays with the agent until then, so there is nothing to undo if the target does not accept. Each
function works within the current transaction and uses no network. Repeated or out-of-order calls change nothing.

A function that needs the call's row and the transfer locks the call first, as the reports of the caller's leg do. Both
legs end at the same moment, so the other order would deadlock.
"""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.agents.plans.service import AgentLookup
from control.calls.changes.service import save_changes
from control.calls.live.service import enqueue_hangup
from control.calls.outbound.service import OutboundCalls
from control.calls.records import queries as records_queries
from control.calls.records.running_calls import OpenCall
from control.calls.records.service import make_open_call
from control.calls.records.state import CallState
from control.calls.transfers import queries
from control.calls.transfers.rules import WAITING, WarmTransfer, may_return, take_back
from control.carriers.rules import CarrierName
from control.db.jobs import enqueue
from control.db.pool import Connection
from shared.errors import Invalid
from shared.events import TransferFailure

log = structlog.get_logger()


# --- The call of a warm transfer's target ----------------------------------------------------------------------------

END_TARGET: Final = "calls.end_target"
# After the target has accepted, caller and target must meet within this time. Otherwise the waiting party is hung up.
MEET_WITHIN_S: Final = 20.0


class EndTargetJob(msgspec.Struct, frozen=True):
    """Payload of the job that ends the target's leg.

    Attributes:
        unless_met: Only if caller and target have not met.
    """

    transfer_id: UUID
    unless_met: bool = False


async def set_leg(db: Connection, transfer_id: UUID, leg_id: str) -> None:
    """Stores the carrier's id of the target's leg. If the transfer is already over, the leg is ended."""
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is not None and transfer.leg_id != leg_id:
        await queries.update_transfer(db, replace(transfer, leg_id=leg_id))
        if transfer.status not in WAITING:
            await enqueue_target_end(db, transfer_id)


async def lock_transfer(db: Connection, transfer_id: UUID) -> WarmTransfer | None:
    """Locks and returns a transfer; None if it is gone."""
    return await queries.lock_transfer(db, transfer_id)


async def lock_call(db: Connection, transfer_id: UUID) -> CallState | None:
    """Locks and returns the call that is transferred; None if it is gone."""
    call_id = await queries.select_call_id(db, transfer_id)
    call = None if call_id is None else await records_queries.lock_one(db, call_id)
    return None if call is None else call.state


async def is_wanted(db: Connection, transfer_id: UUID) -> bool:
    """Returns whether the target may still accept, or has accepted."""
    transfer = await queries.lock_transfer(db, transfer_id)
    return transfer is not None and transfer.status in {*WAITING, "accepted"}


async def answer(db: Connection, transfer_id: UUID, leg_id: str) -> WarmTransfer | None:
    """Stores that the target answered, and returns the transfer that the target is asked about.

    Returns:
        None if the caller no longer waits.
    """
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is None or transfer.status not in WAITING:
        return None
    asked = replace(transfer, status="asking", leg_id=leg_id)
    await queries.update_transfer(db, asked)
    return asked


async def mark_asked(db: Connection, transfer_id: UUID, now: datetime) -> None:
    """Stores that the target has heard the brief and is asked for a decision. Spoken decisions count from now on."""
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is not None and transfer.asked_at is None:
        await queries.update_transfer(db, replace(transfer, asked_at=now))


async def accept(db: Connection, transfer_id: UUID, conference: str | None) -> WarmTransfer | None:
    """Stores that the target takes the call.

    Args:
        conference: The conference of the target; None if it is made afterwards.

    Returns:
        None if the caller no longer waits.
    """
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is None or transfer.status not in {*WAITING, "accepted"}:
        return None
    accepted = replace(transfer, status="accepted", conference=conference or transfer.conference, brief="")
    await queries.update_transfer(db, accepted)
    if transfer.status != "accepted":
        await enqueue_target_end(db, transfer_id, unless_met=True)
    return accepted


async def join(db: Connection, call_id: UUID, conference: str, now: datetime) -> bool:
    """Returns whether the target still waits in this conference, and stores that the caller joins it.

    This is checked before the caller joins: if the target has left, the caller would be alone and in silence for up to
    an hour.
    """
    for known in await queries.select_of_call(db, call_id):
        transfer = await queries.lock_transfer(db, known.id) if known.conference == conference else None
        if transfer is not None and transfer.status == "accepted":
            await queries.update_transfer(db, replace(transfer, joined_at=transfer.joined_at or now))
            return True
    return False


async def fail(db: Connection, transfer_id: UUID, failure: TransferFailure) -> None:
    """Stores that the target does not take the call, or that the caller no longer waits."""
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is not None and transfer.status in WAITING:
        await queries.update_transfer(db, replace(transfer, status="failed", failure=failure, brief=""))
        await enqueue_target_end(db, transfer_id)


async def end_leg(db: Connection, transfer_id: UUID, failure: TransferFailure) -> WarmTransfer | None:
    """Applies the carrier's report that the target's leg has ended.

    If the target had accepted, the conversation is over, and the caller's call ends, too.

    Args:
        failure: Why the transfer has failed, if the target had not accepted.
    """
    call = await lock_call(db, transfer_id)
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is None or transfer.status in ("failed", "over"):
        return transfer
    has_accepted = transfer.status == "accepted"
    ended = replace(
        transfer, status="over" if has_accepted else "failed", failure=None if has_accepted else failure, brief=""
    )
    await queries.update_transfer(db, ended)
    if call is not None and has_accepted and (transfer.joined_at is not None or is_with_target(call)):
        await enqueue_hangup(db, call, None)
    return ended


async def give_up(db: Connection, transfer_id: UUID) -> None:
    """Ends a transfer because the carrier cannot ask the target or make a conference. The target is hung up."""
    transfer = await queries.lock_transfer(db, transfer_id)
    if transfer is not None and transfer.status not in ("failed", "over"):
        await queries.update_transfer(db, replace(transfer, status="failed", failure="failed", brief=""))
        await enqueue_target_end(db, transfer_id)


async def release(db: Connection, call_id: UUID) -> None:
    """Releases the targets of a call whose caller continues without them: with the agent, or by a blind transfer.

    Targets that ring, decide or wait in a conference are hung up. The ends of their legs no longer affect the caller.
    """
    for transfer in await queries.select_of_call(db, call_id):
        await give_up(db, transfer.id)


async def end_of_call(db: Connection, call_id: UUID) -> None:
    """Ends the legs of all targets of a call that is over."""
    for transfer in await queries.select_of_call(db, call_id):
        if transfer.status in WAITING:
            await fail(db, transfer.id, "failed")
        elif transfer.status == "accepted":
            await enqueue_target_end(db, transfer.id)


async def enqueue_target_end(db: Connection, transfer_id: UUID, *, unless_met: bool = False) -> None:
    """Enqueues the job that hangs up the target."""
    delay_s = MEET_WITHIN_S if unless_met else 0.0
    await enqueue(db, END_TARGET, msgspec.json.encode(EndTargetJob(transfer_id, unless_met)), delay_s=delay_s)


def is_with_target(call: CallState) -> bool:
    """Returns whether the caller was transferred, and the carrier has not reported the end."""
    transfer = call.details.transfer
    return call.end_reason == "transferred" and transfer is not None and transfer.until is not None


# --- Any transfer: whether it may begin, and what follows when it fails or has to end --------------------------------


async def may_transfer(db: Connection, outbound: OutboundCalls, call: OpenCall, number: str) -> bool:
    """Returns whether the caller may be transferred to this number now, whether an agent's config, a member, or an
    entry in Redis named it. Logs the reason of a refusal.

    The rules of outbound calls are checked again, because the carrier will dial the number.
    """
    try:
        await outbound.require_transferable(db, call.workspace_id, number)
    except Invalid as fault:
        log.warning("transfer.destination_refused", call_id=str(call.call_id), code=fault.code)
        return False
    return True


async def lead_back(
    db: Connection,
    carrier: CarrierName,
    carrier_call_id: str,
    failure: TransferFailure,
    at: datetime,
    *,
    leg: int | None = None,
    target: str = "",
) -> OpenCall | None:
    """Returns a caller to the agent because the target of the transfer was not reached, unless the call is over.

    Args:
        at: When the transfer failed.
        leg, target: See `take_back`.

    Returns:
        The updated call. None if the call is not ours, or the target was reached.
    """
    call = await records_queries.lock_call(db, carrier, carrier_call_id)
    if call is None or call.state.details.carrier.transfer_leg is not None:
        return None
    before = call.state
    after = take_back(before, failure, at, leg=leg, target=target) if may_return(before) else before
    await save_changes(db, [(before, after)])
    if after is not before:
        await release(db, before.id)
    return make_open_call(replace(call, state=after), carrier, carrier_call_id)


END_TRANSFER: Final = "calls.end_transfer"


class EndTransferJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


async def enqueue_transfer_end(db: Connection, call_id: UUID) -> None:
    """Enqueues the job that ends a transferred call."""
    await enqueue(db, END_TRANSFER, msgspec.json.encode(EndTransferJob(call_id)))


async def find_transfer(
    db: Connection, agents: AgentLookup, call_id: UUID, now: datetime
) -> tuple[CallState, str] | None:
    """Locks and returns a call whose caller is currently transferred, as far as the carrier has reported, and the
    language of its agent (BCP 47; English without an agent). Returns None for other calls.
    """
    call = await records_queries.lock_one(db, call_id)
    transfer = call.state.details.transfer if call is not None else None
    if call is None or transfer is None or transfer.until is None or transfer.until <= now:
        return None
    agent = await agents.find_by_agent(db, call.state.workspace_id, call.agent_id, call.agent_version)
    return call.state, agent.language if agent else "en"
