"""An outbound call's way to its carrier, written down before and after the request so that none is dialled twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from control.analytics.rollup import mark
from control.calls import state, store
from control.calls.model import CarrierName
from control.calls.outbound import Outbound
from control.calls.state import State
from control.carriers.model import Dial
from control.db.pool import Connection

# A call that could not be placed for so long is no longer wanted.
STALE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Order:
    """A call to place. since: when it was first tried; is_repeat: it may have been placed then."""

    carrier: CarrierName
    dial: Dial
    since: datetime
    is_repeat: bool


class Placing:
    """Each step a transaction of its own, in platform scope."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def begin(self, db: Connection, call_id: UUID, now: datetime) -> Order | None:
        """Notes that it is being placed now; None when there is nothing to do (any more)."""
        row = await store.lock_one(db, call_id)
        if row is None or row.state.status != "queued" or row.state.carrier_call_id is not None:
            return None
        its = row.state
        placing_at = its.details.get("placing_at")
        if placing_at is None and now - its.created_at > STALE:
            await self._close(db, its, "too_late", now)
            return None
        if placing_at is None:
            await store.update_states(db, [its.noted(placing_at=now.isoformat())])
        ring_s = (await self._outbound.limits(db))["outbound_ring_s"]
        longest_s = await self._outbound.longest_s(db, row, now)
        record = await self._outbound.records(db, row)
        dial = Dial(
            str(call_id), row.caller, row.called, ring_s, longest_s, detect_machine=not its.is_test, record=record
        )  # fmt: skip
        since = now if placing_at is None else datetime.fromisoformat(placing_at).astimezone(UTC)
        return Order("telnyx" if its.carrier == "telnyx" else "twilio", dial, since, placing_at is not None)

    async def placed(self, db: Connection, call_id: UUID, carrier_call_id: str, now: datetime) -> bool:
        """Notes the carrier's id. False: it belongs to another call of ours, or this one is over by now and is to be
        hung up."""
        other = await store.select_call(db, await store.carrier_of(db, call_id), carrier_call_id)
        if other is not None and other.state.id != call_id:
            return False
        row = await store.lock_one(db, call_id)
        if row is None:
            return False
        its = row.state
        if its.carrier_call_id is None:
            its = replace(its, carrier_call_id=carrier_call_id, started_at=its.started_at or now)
            await store.update_states(db, [its])
        return not its.is_final

    async def found(
        self, db: Connection, call_id: UUID, carrier_call_ids: Sequence[str], now: datetime
    ) -> tuple[str, bool] | None:
        """Of those of the carrier's calls that may be this one, notes the first that is no other call of ours. Its id,
        and whether it is still wanted, as `placed` tells; None without one."""
        carrier = await store.carrier_of(db, call_id)
        for one in carrier_call_ids:
            other = await store.select_call(db, carrier, one)
            if other is None or other.state.id == call_id:
                return one, await self.placed(db, call_id, one, now)
        return None

    async def failed(self, db: Connection, call_id: UUID, detail: str, now: datetime) -> None:
        """The carrier will not, or nobody knows whether it did. detail: a code of ours or the carrier's."""
        row = await store.lock_one(db, call_id)
        if row is not None and row.state.carrier_call_id is None:
            await self._close(db, row.state, detail, now)

    async def _close(self, db: Connection, its: State, detail: str, now: datetime) -> None:
        if its.is_final:
            return
        await store.update_states(db, [state.closed(its, "failed", "carrier_error", detail, now, "control")])
        await mark(db, its.workspace_id, its.created_at.astimezone(UTC).date())
