"""Ends calls that are no longer held by us or by the carrier.

A media node reports its calls in progress every few seconds. A call that no node reports is first marked as missing. If
Redis stays available, the call counts as lost after half a minute. A call that never got in progress, or is open for
longer than any call may last, is closed whether or not Redis is available (`reap_calls`). Ages are computed from the
wall clocks of several machines, and a clock that is off by an hour must not end a call. So a call that rings or waits
is closed only if this process has also seen it in that state for as long, and a call that a node reports gets an extra
hour.

A call that is up at a carrier although its row is over costs money: its hang-up was lost, or it was dialed just before
a crash. No other process would end it. It is ended only if rows of ours name it, all of them have been over for
ORPHAN_GRACE, and no media node reports it (`OrphanSearch`). A call without a row may belong to another installation
that uses the same application or account, or to a time before the database was restored from a backup. It is counted
and left alone, unless the settings state that no other program uses the application and the numbers.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import UUID

import structlog

from control.calls.changes.service import save_changes
from control.calls.live.service import MediaAssignment, enqueue_hangup
from control.calls.lost import queries
from control.calls.lost.queries import NamedCall
from control.calls.lost.rules import GRACE, CallWatch, next_state
from control.calls.records import queries as records_queries
from control.calls.records.state import CallState
from control.calls.transfers import queries as transfers_queries
from control.carriers.rules import ActiveCall, Carrier, CarrierRefused, CarrierUnavailable
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusUnavailable

BATCH: Final = 500

log = structlog.get_logger()


async def reap_calls(pool: Pool, media_assignment: MediaAssignment, watch: CallWatch, now: datetime) -> int:
    """Checks all open calls once and closes lost calls.

    Returns the number of closed calls. Several processes may run it at once.
    """
    after: UUID | None = None
    count = 0
    while True:
        calls = await _select_open(pool, now, after)
        if not calls:
            break
        try:
            live: Collection[UUID] | None = await media_assignment.find_live([call.id for call in calls])
        except BusUnavailable:
            live = None
        ended = await _close_lost(pool, calls, live, watch, now)
        with suppress(BusUnavailable):  # on failure, the conversations expire
            await media_assignment.forget_conversations(ended)
        count += len(ended)
        after = calls[-1].id
    if count:
        log.warning("call.reaped", count=count)
    return count


async def _select_open(pool: Pool, now: datetime, after: UUID | None) -> list[CallState]:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await queries.select_open(db, now - GRACE, after, BATCH)


async def _close_lost(
    pool: Pool, calls: Sequence[CallState], live: Collection[UUID] | None, watch: CallWatch, now: datetime
) -> list[UUID]:
    """Closes the lost calls among these and returns their ids.

    Locks only the calls that change, and decides again with the locked rows.
    """

    def decide(call: CallState) -> CallState:
        return next_state(call, _is_live(call, live), watch.seen(call), now)

    suspects = [call.id for call in calls if decide(call) != call]
    if not suspects:
        return []
    async with pool.transaction() as db:
        await enter_platform(db)
        locked = (await records_queries.lock_states(db, suspects)).values()
        changed = [(old, new) for old in locked if (new := decide(old)) != old]
        await save_changes(db, changed)
        ended = [new for _, new in changed if new.is_final]
        for call in ended:
            await enqueue_hangup(db, call, "media_lost")
    return [call.id for call in ended]


def _is_live(call: CallState, live: Collection[UUID] | None) -> bool | None:
    return None if live is None else call.id in live


# Younger calls may belong to a row that is being written. After the end of a row, the carrier's voice may still speak:
# the longest text, 3,000 characters, takes about four minutes.
ORPHAN_GRACE: Final = timedelta(minutes=5)
# Limit for one run, so that a bug in this module cannot end all calls at once.
MOST: Final = 20

_Verdict = Literal["kept", "over", "unknown"]


@dataclass(frozen=True, slots=True)
class OrphanSearch:
    """Ends calls that are up at a carrier although their rows are over.

    Args:
        media: Finds the calls that nodes report.
        ends_unknown: No other program uses the Telnyx application and the numbers of the Twilio account, so calls
            without a row are ended, too.
    """

    pool: Pool
    media: MediaAssignment
    ends_unknown: bool = False

    async def end_orphans(self, carriers: Collection[Carrier], now: datetime) -> int:
        """Asks each carrier once. Returns the number of calls that were ended.

        A carrier that does not answer is asked again in the next run. Without Redis no call is ended, because nodes may
        have the calls.
        """
        count = 0
        for carrier in carriers:
            try:
                orphans = await self._find(carrier, now)
            except (CarrierRefused, CarrierUnavailable) as error:
                log.warning("call.list_failed", carrier=error.carrier, code=error.code)
            except BusUnavailable:
                log.warning("call.orphans_unknown", carrier=carrier.name)
            else:
                # Chosen at random: calls that cannot be ended must not block the others.
                for orphan in random.sample(orphans, min(MOST, len(orphans))):
                    count += await _end(carrier, orphan)
        return count

    async def _find(self, carrier: Carrier, now: datetime) -> list[ActiveCall]:
        active = [call for call in await carrier.list_active_calls() if call.seconds >= ORPHAN_GRACE.total_seconds()]
        if not active:
            return []
        async with self.pool.transaction() as db:
            await enter_platform(db)
            numbers = await queries.select_held(db, [call.number for call in active if call.number])
            named = _by_name(await queries.select_named(db, carrier.name, active, now, ORPHAN_GRACE))
            targets = await transfers_queries.select_open_legs(db, [call.carrier_call_id for call in active])
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
        """Returns the calls that no media node reports. Raises BusUnavailable."""
        ids = {call: queries.parse_ids([call.call_id]) | {row.id for row in _rows(call, named)} for call in calls}
        live = await self.media.find_live(list({call_id for some in ids.values() for call_id in some}))
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
    """Returns the rows by both of their ids."""
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
