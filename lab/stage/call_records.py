"""Checks the records of calls that took place: each call once, its end, and its events without gaps or duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from control.calls.records.state import FINAL
from lab.stage.callers import RehearsalCaller
from lab.stage.platform import Platform
from media.server.bus.recovery import SEQ as RECOVERY_SEQ
from shared.events import SEQ_PER_LEG

_COLUMNS = "SELECT c.id::text AS id, c.carrier_call_id, c.carrier, c.status, c.end_reason FROM calls c"
_CALLS = f"{_COLUMNS} WHERE c.carrier_call_id = ANY($1)"
_CALLS_BY_ID = f"{_COLUMNS} WHERE c.id = ANY($1::uuid[])"
# An event's identity is (call, seq). The table's key holds the time as well, so duplicates are possible.
_EVENTS = """
SELECT call_id::text AS call_id, array_agg(seq ORDER BY seq) AS seqs,
       count(*) FILTER (WHERE event_type = 'call.ended') AS ended,
       count(*) FILTER (WHERE event_type = 'call.resumed') AS resumed
FROM call_events WHERE call_id = ANY($1::uuid[]) GROUP BY call_id
"""


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call in the database. faults: what is wrong with its events."""

    call_id: str
    carrier: str
    status: str
    end_reason: str
    resumed: int
    events: int
    faults: tuple[str, ...]


async def recorded_calls(platform: Platform, callers: Sequence[RehearsalCaller]) -> dict[str, RecordedCall]:
    """The records by the carrier's first id of the call."""
    first_ids = first_carrier_ids(platform, callers)
    calls = await platform.rows(_CALLS, list(first_ids))
    records = await _with_events(platform, calls)
    return {first_ids[row["carrier_call_id"]]: records[row["id"]] for row in calls}


def first_carrier_ids(platform: Platform, callers: Sequence[RehearsalCaller]) -> dict[str, str]:
    """The first id of a call at its carrier by each of its ids."""
    return {one: caller.call_id for caller in callers for one in carrier_ids(platform, caller)}


def carrier_ids(platform: Platform, caller: RehearsalCaller) -> list[str]:
    """The carrier's ids of a call: Telnyx may have changed it."""
    telnyx = platform.network.telnyx
    leg = telnyx.calls.legs.get(caller.call_id) if telnyx is not None else None
    return [caller.call_id] if leg is None else [caller.call_id, leg.control_id]


async def records_by_id(platform: Platform, call_ids: Sequence[str]) -> dict[str, RecordedCall]:
    """The records by our id of the call."""
    return await _with_events(platform, await platform.rows(_CALLS_BY_ID, list(call_ids)))


async def _with_events(platform: Platform, calls: Sequence[Any]) -> dict[str, RecordedCall]:
    events = {row["call_id"]: row for row in await platform.rows(_EVENTS, [row["id"] for row in calls])}
    return {row["id"]: _recorded_call(row, events.get(row["id"])) for row in calls}


def unfinished_calls(records: dict[str, RecordedCall], callers: Sequence[RehearsalCaller]) -> list[str]:
    """The carrier's ids of calls without a record, or whose record has not ended."""
    return [
        scripted_caller.call_id
        for scripted_caller in callers
        if scripted_caller.call_id not in records or records[scripted_caller.call_id].status not in FINAL
    ]


def _recorded_call(row: Any, events: Any) -> RecordedCall:
    seqs: list[int] = list(events["seqs"]) if events else []
    ended, resumed = (int(events["ended"]), int(events["resumed"])) if events else (0, 0)
    return RecordedCall(
        row["id"],
        row["carrier"],
        row["status"],
        row["end_reason"] or "",
        resumed,
        len(seqs),
        tuple(find_event_faults(seqs, ended, resumed)),
    )


def find_event_faults(seqs: list[int], ended: int, resumed: int) -> list[str]:
    """What is wrong with the events of one call. ended, resumed: how many of them say so. Each leg has an end, except
    that a leg whose node was lost has none where the call was resumed."""
    if not seqs:
        return ["no events"]
    faults = [*_duplicates(seqs), *_gaps(seqs)]
    legs = len({seq // SEQ_PER_LEG for seq in seqs})
    if not ended or (ended != legs and not resumed):
        faults.append(f"{ended} ends")
    return faults


def _duplicates(seqs: list[int]) -> list[str]:
    return [f"event {seq} twice" for seq in sorted({seq for seq in seqs if seqs.count(seq) > 1})]


def _gaps(seqs: list[int]) -> list[str]:
    """Numbers count up within a leg. Events recovered after a kill are numbered from RECOVERY_SEQ on."""
    found = []
    for leg in sorted({seq // SEQ_PER_LEG for seq in seqs}):
        own = sorted(
            {seq % SEQ_PER_LEG for seq in seqs if seq // SEQ_PER_LEG == leg and seq % SEQ_PER_LEG < RECOVERY_SEQ}
        )
        missing = sorted(set(range(1, own[-1] + 1)) - set(own)) if own else []
        found += [f"event {leg * SEQ_PER_LEG + number} missing" for number in missing]
    return found
