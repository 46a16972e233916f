"""An outbound call's way to its carrier, written down before and after the request so that none is dialled twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from control.calls import state, store
from control.calls.outbound import Outbound
from control.calls.putting import put
from control.calls.state import State
from control.carriers.model import CarrierName, Dial
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
        carrier: CarrierName = "telnyx" if its.carrier == "telnyx" else "twilio"
        if placing_at is not None:  # it is only looked for
            since = datetime.fromisoformat(placing_at).astimezone(UTC)
            return Order(carrier, Dial(str(call_id), row.caller, row.called), since, True)
        terms = await self._outbound.terms(db, row, now)
        dial = Dial(
            str(call_id), row.caller, row.called, terms.ring_s, terms.longest_s, detect_machine=not its.is_test,
            record=terms.record,
        )  # fmt: skip
        return Order(carrier, dial, now, False)

    async def placed(self, db: Connection, call_id: UUID, carrier_call_id: str, now: datetime) -> bool:
        """Notes the carrier's id. False: it belongs to another call of ours, or this one is over by now and is to be
        hung up."""
        row = await store.lock_one(db, call_id)
        if row is None or await _is_anothers(db, row.state, carrier_call_id):
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
        row = await store.lock_one(db, call_id)
        for one in carrier_call_ids if row is not None else ():
            if row is not None and not await _is_anothers(db, row.state, one):
                return one, await self.placed(db, call_id, one, now)
        return None

    async def failed(self, db: Connection, call_id: UUID, detail: str, now: datetime) -> None:
        """The carrier will not, or nobody knows whether it did. detail: a code of ours or the carrier's."""
        row = await store.lock_one(db, call_id)
        if row is not None and row.state.carrier_call_id is None:
            await self._close(db, row.state, detail, now)

    async def _close(self, db: Connection, its: State, detail: str, now: datetime) -> None:
        await put(db, [(its, state.closed(its, "failed", "carrier_error", detail, now, "control"))])


async def _is_anothers(db: Connection, its: State, carrier_call_id: str) -> bool:
    other = await store.select_call(db, its.carrier, carrier_call_id)
    return other is not None and other.state.id != its.id
