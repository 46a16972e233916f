"""Ends calls that are up at a carrier although their row is over: they cost money, and nobody else would ever end them.

Their hang-up was lost, or they were dialled just before a crash. A call is ended only if rows of ours name it, all of
them have been over for GRACE, and no media node reports it. A call that no row names proves nothing: another
installation may use the same application or account, or the database was restored from a backup while calls went on.
It is counted and left alone, unless settings say that nobody else uses them.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import structlog

from control.calls import read_numbers, store_orphans, store_warm_transfers
from control.calls.media_assignment import MediaAssignment
from control.calls.store_orphans import NamedCall
from control.carriers.rules import ActiveCall, Carrier, CarrierRefused, CarrierUnavailable
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusUnavailable

# Younger calls may belong to a row that is being written. A row that is over for less may still be spoken to by the
# carrier's voice: 3,000 characters, the longest text, take about four minutes.
GRACE: Final = timedelta(minutes=5)
# In one run, so that a fault of ours cannot end everything at once.
MOST: Final = 20
log = structlog.get_logger()

_Verdict = Literal["kept", "over", "unknown"]


@dataclass(frozen=True, slots=True)
class OrphanSearch:
    """media: knows which calls nodes report. ends_unknown: nobody else uses the Telnyx application and the numbers of
    the Twilio account, so calls that no row names are ended, too."""

    pool: Pool
    media: MediaAssignment
    ends_unknown: bool = False

    async def end_orphans(self, carriers: Collection[Carrier], now: datetime) -> int:
        """Asks each carrier once; returns how many calls were ended. A carrier that does not answer is asked again in
        the next run; without Redis none is ended, since nodes may have the calls."""
        count = 0
        for carrier in carriers:
            try:
                orphans = await self._find(carrier, now)
            except (CarrierRefused, CarrierUnavailable) as error:
                log.warning("call.list_failed", carrier=error.carrier, code=error.code)
            except BusUnavailable:
                log.warning("call.orphans_unknown", carrier=carrier.name)
            else:
                # Drawn by lot: calls that cannot be ended must not keep all others from their turn.
                for orphan in random.sample(orphans, min(MOST, len(orphans))):
                    count += await _end(carrier, orphan)
        return count

    async def _find(self, carrier: Carrier, now: datetime) -> list[ActiveCall]:
        active = [call for call in await carrier.list_active_calls() if call.seconds >= GRACE.total_seconds()]
        if not active:
            return []
        async with self.pool.transaction() as db:
            await enter_platform(db)
            numbers = await read_numbers.select_held(db, [call.number for call in active if call.number])
            named = _by_name(await store_orphans.select_named(db, carrier.name, active, now, GRACE))
            targets = await store_warm_transfers.select_open_legs(db, [call.carrier_call_id for call in active])
        active = [call for call in active if call.carrier_call_id not in targets]
        verdicts = {call: _judge(call, named) for call in active}
        unknown = [call for call, verdict in verdicts.items() if verdict == "unknown" and _is_ours(call, numbers)]
        if unknown:
            log.info("call.unknown_active", carrier=carrier.name, count=len(unknown), ended=self.ends_unknown)
        over = [call for call, verdict in verdicts.items() if verdict == "over"]
        return await self._without_live(over + unknown * self.ends_unknown, named)

    async def _without_live(
        self, calls: Sequence[ActiveCall], named: Mapping[str, Sequence[NamedCall]]
    ) -> list[ActiveCall]:
        """Those that no media node reports. Raises BusUnavailable."""
        ids = {call: store_orphans.parse_ids([call.call_id]) | {one.id for one in _rows(call, named)} for call in calls}
        live = await self.media.find_live(list({one for some in ids.values() for one in some}))
        return [call for call in calls if live.keys().isdisjoint(ids[call])]


def _judge(call: ActiveCall, named: Mapping[str, Sequence[NamedCall]]) -> _Verdict:
    rows = _rows(call, named)
    if not rows:
        return "unknown"
    return "over" if all(row.is_over for row in rows) else "kept"


def _is_ours(call: ActiveCall, numbers: Collection[str]) -> bool:
    return not call.number or call.number in numbers


def _rows(call: ActiveCall, named: Mapping[str, Sequence[NamedCall]]) -> list[NamedCall]:
    return [row for name in (call.carrier_call_id, call.call_id, call.transfer_of) for row in named.get(name, ())]


def _by_name(rows: Sequence[NamedCall]) -> dict[str, list[NamedCall]]:
    """The rows by both of their ids."""
    found: dict[str, list[NamedCall]] = {}
    for row in rows:
        for name in {str(row.id), row.carrier_call_id or str(row.id)}:
            found.setdefault(name, []).append(row)
    return found


async def _end(carrier: Carrier, orphan: ActiveCall) -> int:
    try:
        await carrier.hang_up(orphan.carrier_call_id)
    except (CarrierRefused, CarrierUnavailable) as error:
        log.warning("call.hangup_failed", carrier=error.carrier, code=error.code)
        return 0
    log.warning("call.orphan_ended", carrier=carrier.name, seconds=orphan.seconds)
    return 1
