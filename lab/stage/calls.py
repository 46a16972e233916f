"""Starts calls over both carriers, waits for their records, and checks them."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from lab.stage.call_records import RecordedCall, recorded_calls, unfinished_calls
from lab.stage.callers import RehearsalCaller
from lab.stage.line_faults import NONE, LineFault, draw_harmless
from lab.stage.platform import NUMBERS, Platform
from lab.verdict import Verdict
from vocalized.stack.settings import CarrierName

CARRIERS = tuple(NUMBERS)
# A killed worker's jobs are taken over after 30 s, and are looked for every 15 s.
RECORDS_S = 90.0
# Wrong calls that a report describes.
_MOST_NAMED = 3


def carrier_of(index: int) -> CarrierName:
    """Alternates every two calls, so that two nodes that take calls in turn both get calls of both carriers."""
    return CARRIERS[index // 2 % len(CARRIERS)]


async def start_calls(
    platform: Platform, callers: Sequence[RehearsalCaller], per_s: float, faults: Sequence[LineFault] = ()
) -> list[asyncio.Task[None]]:
    """Starts `per_s` calls a second, half of them over each carrier; returns when the last one has started. faults: of
    each call."""
    begun = time.monotonic()
    tasks = []
    for index, one in enumerate(callers):
        await asyncio.sleep(max(0.0, begun + index / per_s - time.monotonic()))
        number = platform.workspace.agents[carrier_of(index)].number
        fault = faults[index] if faults else NONE
        fault.apply(platform.network, one.number)
        call = one.call(platform.network.phone_network, number, fault.impair(one, index))
        tasks.append(asyncio.create_task(call))
    return tasks


def draw_faults(calls: int) -> list[LineFault]:
    """Faults in spite of which calls take their usual course, the same ones each time."""
    return draw_harmless([carrier_of(index) for index in range(calls)], seed=calls)


def fault_row(faults: Sequence[LineFault]) -> Verdict:
    """How many calls had which fault."""
    counts = Counter(fault.name for fault in faults if fault is not NONE)
    names = "; ".join(f"{name} ({count})" for name, count in counts.most_common())
    return Verdict("calls with a fault of carrier or phone", "", f"{counts.total()} of {len(faults)}: {names}", None)


async def wait_for_records(platform: Platform, callers: Sequence[RehearsalCaller]) -> dict[str, RecordedCall]:
    """The records, once every call's end is in them and no event waits any more; after RECORDS_S, as they are then."""
    until = time.monotonic() + RECORDS_S
    before = -1
    while True:
        waiting = await platform.bus.length()
        records = await recorded_calls(platform, callers)
        count = sum(record.events for record in records.values())
        done = not waiting and not unfinished_calls(records, callers) and count == before
        if done or time.monotonic() > until:
            return records
        before = count
        await asyncio.sleep(1.0)


def check_calls(callers: Sequence[RehearsalCaller], records: dict[str, RecordedCall]) -> list[Verdict]:
    """What every scenario demands: all calls succeeded and are recorded as completed, no event lost or duplicated."""
    bad = [caller for caller in callers if not caller.succeeded]
    faults = [f"{record.carrier} {record.call_id}: {fault}" for record in records.values() for fault in record.faults]
    not_completed = [record for record in records.values() if record.status != "completed"]
    missing = len(callers) - len(records)
    wrong = "".join(f"; call {callers.index(one) + 1} from {one.number}: {one.fault}" for one in bad[:_MOST_NAMED])
    return [
        Verdict("calls that went wrong", "0", f"{len(bad)} of {len(callers)}{': ' + wrong if wrong else ''}", not bad),
        Verdict("calls missing in the record", "0", str(missing), missing == 0),
        Verdict("calls not recorded as completed", "0", str(len(not_completed)), not not_completed),
        Verdict(
            "events lost or doubled",
            "0",
            f"{len(faults)} of {sum(record.events for record in records.values())}{': ' + faults[0] if faults else ''}",
            not faults,
        ),
    ]


async def calls_on(platform: Platform, name: str) -> list[str]:
    """The carrier's ids of the calls on a node."""
    found = await platform.rows(
        "SELECT carrier_call_id FROM calls WHERE media_node LIKE $1 AND status = 'in_progress'", f"{name}%"
    )
    return [row["carrier_call_id"] for row in found]
