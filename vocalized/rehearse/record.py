"""What the record must hold of calls that took place: each one once, its events without gap or double, its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from control.calls.model import FINAL
from media.server.bus.leftovers import SEQ as LEFT_BEHIND
from shared.events import SEQ_PER_LEG
from vocalized.rehearse.callers import Guest
from vocalized.rehearse.desk import Desk

_CALLS = """
SELECT c.id::text AS id, c.carrier_call_id, c.carrier, c.status, c.end_reason, c.duration_seconds, c.details
FROM calls c WHERE c.carrier_call_id = ANY($1)
"""
# An event's identity is (call, seq); the table's key holds its time too, so doubles are looked for.
_EVENTS = """
SELECT call_id::text AS call_id, array_agg(seq ORDER BY seq) AS seqs,
       count(*) FILTER (WHERE event_type = 'call.ended') AS ended,
       count(*) FILTER (WHERE event_type = 'call.resumed') AS resumed
FROM call_events WHERE call_id = ANY($1::uuid[]) GROUP BY call_id
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A call in the records. faults: what is not as it must be."""

    call_id: str
    carrier: str
    status: str
    end_reason: str
    resumed: int
    events: int
    faults: tuple[str, ...]


async def written(desk: Desk, guests: Sequence[Guest]) -> dict[str, Written]:
    """By the carrier's id of the call."""
    calls = await desk.rows(_CALLS, [guest.call_id for guest in guests])
    events = {row["call_id"]: row for row in await desk.rows(_EVENTS, [row["id"] for row in calls])}
    return {row["carrier_call_id"]: _written(row, events.get(row["id"])) for row in calls}


def open_still(records: dict[str, Written], guests: Sequence[Guest]) -> list[str]:
    """Calls that are not in the record, or whose end isn't."""
    return [
        guest.call_id for guest in guests if guest.call_id not in records or records[guest.call_id].status not in FINAL
    ]


def _written(row: Any, told: Any) -> Written:
    seqs: list[int] = list(told["seqs"]) if told else []
    faults = [*_doubles(seqs), *_gaps(seqs)]
    if not seqs:
        faults.append("no events")
    elif told["ended"] != len({seq // SEQ_PER_LEG for seq in seqs}) and not told["resumed"]:
        faults.append(f"{told['ended']} ends")
    return Written(
        row["id"],
        row["carrier"],
        row["status"],
        row["end_reason"] or "",
        int(told["resumed"]) if told else 0,
        len(seqs),
        tuple(faults),
    )


def _doubles(seqs: list[int]) -> list[str]:
    return [f"event {seq} twice" for seq in sorted({seq for seq in seqs if seqs.count(seq) > 1})]


def _gaps(seqs: list[int]) -> list[str]:
    """Within a leg numbers are counted up; a leg that was killed just ends, and a later start tells what it left."""
    found = []
    for leg in sorted({seq // SEQ_PER_LEG for seq in seqs}):
        own = sorted(
            {seq % SEQ_PER_LEG for seq in seqs if seq // SEQ_PER_LEG == leg and seq % SEQ_PER_LEG < LEFT_BEHIND}
        )
        missing = sorted(set(range(1, own[-1] + 1)) - set(own)) if own else []
        found += [f"event {leg * SEQ_PER_LEG + number} missing" for number in missing[:3]]
    return found
