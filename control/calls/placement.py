"""Dialling an outbound call: its steps are stored before and after the request, so that no call is dialled twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from control.billing.spend_snapshot import has_budget
from control.calls import store, store_outbound
from control.calls.admission import refuse
from control.calls.outbound import DialTerms, NotDialable, OutboundCalls
from control.calls.state import CallState, close, mark_dialled
from control.calls.state_changes import save_changes
from control.campaigns import service as campaigns_service
from control.campaigns.service import CallRules
from control.carriers.rules import CarrierName, DialRequest, PlacedCall
from control.db.pool import Connection

# A call that was not dialled for this long is no longer wanted. At one call a second, 600 calls are dialled meanwhile.
STALE: Final = timedelta(minutes=10)
# For so long a call is looked for that a request without an answer may have placed. The carrier may still be placing
# it, and another worker may still wait for that answer: both for less than the time limit of a job, 60 s.
LOOKED_FOR: Final = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class DialOrder:
    """A call to dial. since: when that was first tried. is_repeat: the first try may have reached the carrier."""

    carrier: CarrierName
    dial: DialRequest
    since: datetime
    is_repeat: bool


@dataclass(frozen=True, slots=True)
class WaitingCall:
    """A queued call. is_repeat: dialling was tried, and the try may have reached the carrier. is_stale: it waits for so
    long that it is not wanted any more. ahead: calls of its workspace that wait to be dialled before it."""

    carrier: CarrierName
    is_repeat: bool
    is_stale: bool
    ahead: int


class CallPlacement:
    """Each step is a transaction of its own, in platform scope."""

    def __init__(self, outbound: OutboundCalls) -> None:
        self._outbound = outbound

    async def find_waiting(self, db: Connection, call_id: UUID, now: datetime) -> WaitingCall | None:
        """The call, if it is queued (still)."""
        call = await store.lock_one(db, call_id)
        if call is None or not is_queued(call.state):
            return None
        queued, carrier = call.state, _carrier_of(call.state)
        ahead = await store_outbound.count_waiting_before(db, queued.workspace_id, carrier, call_id, now - STALE)
        return WaitingCall(carrier, queued.details.placing_at is not None, now - queued.created_at > STALE, ahead)

    async def undo_start(self, db: Connection, call_id: UUID) -> None:
        """Takes back `start` for a call that the carrier surely did not place."""
        call = await store.lock_one(db, call_id)
        if call is not None and is_queued(call.state):
            await store.update_states(db, [replace(call.state, details=replace(call.state.details, placing_at=None))])

    async def start(self, db: Connection, call_id: UUID, now: datetime) -> DialOrder | None:
        """Stores that the call is being dialled now. None: it is not queued (any more), has waited for too long, or may
        not be dialled any more; then it is closed."""
        call = await store.lock_one(db, call_id)
        if call is None or not is_queued(call.state):
            return None
        queued = call.state
        carrier = _carrier_of(queued)
        since = queued.details.placing_at
        if since is not None:  # a repeated try only looks for the call at the carrier
            dial = DialRequest(str(call_id), call.caller, call.called)
            return DialOrder(carrier, dial, since.astimezone(UTC), is_repeat=True)
        if now - queued.created_at > STALE:
            await _close(db, queued, "too_late", now)
            return None
        if await self._outbound.is_paused(db):
            await _close(db, queued, "platform_limit", now)
            return None
        if not queued.is_test and not await has_budget(db, queued.workspace_id, now):
            await save_changes(db, [(queued, refuse(queued, "spend_limit", now))])
            return None
        try:
            terms = await self._make_terms(db, call, now)
        except NotDialable as refused:
            await save_changes(db, [(queued, close(queued, "canceled", None, refused.detail, now, "control"))])
            return None
        rules = await self._find_rules(db, queued)
        leaves_message = terms.leaves_message and rules.leaves_message
        screening = rules.call_screening
        details = replace(queued.details, placing_at=now, leaves_message=leaves_message, call_screening=screening)
        await store.update_states(db, [replace(queued, details=details)])
        dial = DialRequest(
            str(call_id),
            call.caller,
            call.called,
            terms.ring_s,
            terms.longest_s,
            detect_machine=not queued.is_test,
            record=terms.record,
            leaves_message=leaves_message,
        )
        return DialOrder(carrier, dial, now, is_repeat=False)

    async def _find_rules(self, db: Connection, queued: CallState) -> CallRules:
        """A test call leaves no message."""
        if queued.is_test:
            return CallRules(leaves_message=False)
        return await campaigns_service.find_rules(db, queued.workspace_id, queued.id)

    async def _make_terms(self, db: Connection, call: store.StoredCall, now: datetime) -> DialTerms:
        """Raises NotDialable."""
        terms = await self._outbound.make_terms(db, call, now)
        obstacle = await campaigns_service.find_obstacle(db, call.state.workspace_id, call.state.id, now)
        if obstacle is not None:
            raise NotDialable(obstacle)
        return terms

    async def confirm(self, db: Connection, call_id: UUID, placed: PlacedCall, now: datetime) -> bool:
        """Stores the carrier's ids of the dialled call. False: the id belongs to another call of ours, or the call is
        over by now; it is to be hung up."""
        call = await store.lock_one(db, call_id)
        if call is None or await _belongs_to_another(db, call.state, placed.carrier_call_id):
            return False
        dialled = call.state
        if dialled.carrier_call_id is None:
            dialled = mark_dialled(dialled, placed, now)
            await store.update_states(db, [dialled])
        return not dialled.is_final

    async def confirm_found(
        self, db: Connection, call_id: UUID, found: Sequence[PlacedCall], now: datetime
    ) -> tuple[str, bool] | None:
        """Confirms the first of the carrier's calls that is no other call of ours: its id, and the result of `confirm`.
        None if there is none."""
        call = await store.lock_one(db, call_id)
        if call is None:
            return None
        for one in found:
            if not await _belongs_to_another(db, call.state, one.carrier_call_id):
                return one.carrier_call_id, await self.confirm(db, call_id, one, now)
        return None

    async def fail(self, db: Connection, call_id: UUID, detail: str, now: datetime) -> None:
        """Ends a call that the carrier refused, or of which nobody knows whether it was dialled. detail: a code, ours
        or the carrier's."""
        call = await store.lock_one(db, call_id)
        if call is not None and call.state.carrier_call_id is None:
            await _close(db, call.state, detail, now)


def is_queued(state: CallState) -> bool:
    """Whether it waits to be dialled, as far as its carrier has told."""
    return state.status == "queued" and state.carrier_call_id is None


def _carrier_of(state: CallState) -> CarrierName:
    return "telnyx" if state.carrier == "telnyx" else "twilio"


async def _close(db: Connection, queued: CallState, detail: str, now: datetime) -> None:
    await save_changes(db, [(queued, close(queued, "failed", "carrier_error", detail, now, "control"))])


async def _belongs_to_another(db: Connection, dialled: CallState, carrier_call_id: str) -> bool:
    other = await store.select_call(db, dialled.carrier, carrier_call_id)
    return other is not None and other.state.id != dialled.id
