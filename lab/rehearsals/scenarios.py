"""The scenarios of a rehearsal: each starts calls, causes a failure, and checks the records."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from lab.rehearsals.call_records import RecordedCall, first_carrier_ids, recorded_calls, unfinished_calls
from lab.rehearsals.callers import GreetingCaller, RehearsalCaller, scripted_caller
from lab.rehearsals.lines.faults import NONE, LineFault, draw_harmless
from lab.rehearsals.platform import NUMBERS, Platform
from lab.rehearsals.report import ReportRow
from simulator.carrier.prepared_turn import PreparedTurn
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


def fault_row(faults: Sequence[LineFault]) -> ReportRow:
    """How many calls had which fault."""
    counts = Counter(fault.name for fault in faults if fault is not NONE)
    names = "; ".join(f"{name} ({count})" for name, count in counts.most_common())
    return ReportRow("calls with a fault of carrier or phone", "", f"{counts.total()} of {len(faults)}: {names}", None)


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


def check_calls(callers: Sequence[RehearsalCaller], records: dict[str, RecordedCall]) -> list[ReportRow]:
    """What every scenario demands: all calls succeeded and are recorded as completed, no event lost or duplicated."""
    bad = [caller for caller in callers if not caller.succeeded]
    faults = [f"{record.carrier} {record.call_id}: {fault}" for record in records.values() for fault in record.faults]
    not_completed = [record for record in records.values() if record.status != "completed"]
    missing = len(callers) - len(records)
    wrong = "".join(f"; call {callers.index(one) + 1} from {one.number}: {one.fault}" for one in bad[:_MOST_NAMED])
    return [
        ReportRow(
            "calls that went wrong", "0", f"{len(bad)} of {len(callers)}{': ' + wrong if wrong else ''}", not bad
        ),
        ReportRow("calls missing in the record", "0", str(missing), missing == 0),
        ReportRow("calls not recorded as completed", "0", str(len(not_completed)), not not_completed),
        ReportRow(
            "events lost or doubled",
            "0",
            f"{len(faults)} of {sum(record.events for record in records.values())}{': ' + faults[0] if faults else ''}",
            not faults,
        ),
    ]


async def greeting(
    platform: Platform, _: Sequence[PreparedTurn], *, per_s: float = 20.0, seconds: float = 15.0
) -> list[ReportRow]:
    """The time to the agent's first audio at `per_s` new calls a second."""
    callers = [
        RehearsalCaller(GreetingCaller(), f"+1646{3_000_000 + index}") for index in range(round(per_s * seconds))
    ]
    await asyncio.gather(*await start_calls(platform, callers, per_s))
    records = await wait_for_records(platform, callers)
    waits = [caller.greeted_ms for caller in callers if caller.greeted_ms is not None]
    rows = [
        ReportRow(
            "calls that went wrong", "0", f"{len(callers) - len(waits)} of {len(callers)}", len(waits) == len(callers)
        )
    ]
    for carrier in CARRIERS:
        own = [w for i, one in enumerate(callers) if carrier_of(i) == carrier and (w := one.greeted_ms)]
        p50, p95 = (float(np.percentile(own, share)) for share in (50, 95)) if own else (0.0, 0.0)
        rows.append(
            ReportRow(
                f"first webhook to first greeting audio, {carrier}, p95 of {len(own)} calls at {per_s:g} a second",
                "≤ 300 ms", f"{p95:.0f} ms (median {p50:.0f})", bool(own) and p95 <= 300,
            )
        )  # fmt: skip
    return [*rows, *check_calls(callers, records)[1:]]


async def full_load(
    platform: Platform, words: Sequence[PreparedTurn], *, calls: int = 200, per_s: float = 10.0
) -> list[ReportRow]:
    """`calls` calls at once through the whole platform."""
    callers = [scripted_caller(words, index) for index in range(calls)]
    tasks = await start_calls(platform, callers, per_s)
    together = sum(not task.done() for task in tasks)
    await asyncio.gather(*tasks)
    rows = check_calls(callers, await wait_for_records(platform, callers))
    latencies = [ms for caller in callers for report in caller.party.reports if (ms := report.latency_ms) is not None]
    p50, p95 = (float(np.percentile(latencies, share)) if latencies else 0.0 for share in (50, 95))
    perceived = f"{p95:.0f} ms (median {p50:.0f})"
    return [
        ReportRow("calls at once", f"{calls}", str(together), together == calls),
        await _answers(platform),
        ReportRow(f"answers, p95 of {len(latencies)} as perceived by the caller", "", perceived, None),
        *rows,
    ]


async def _answers(platform: Platform) -> ReportRow:
    """Media's own measurement: what the caller perceives includes the delay of an overloaded simulated network."""
    (found,) = await platform.rows(
        "SELECT count(*) AS turns, "
        "percentile_disc(0.95) WITHIN GROUP (ORDER BY (event_data->>'total_ms')::int) AS p95, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY (event_data->>'total_ms')::int) AS p50 "
        "FROM call_events WHERE event_type = 'turn.latency'"
    )
    measured = f"{found['p95'] or 0} ms (median {found['p50'] or 0})"
    return ReportRow(f"answers, p95 of {found['turns']} as media measures them", "", measured, None)


async def outages(
    platform: Platform, words: Sequence[PreparedTurn], *, calls: int = 20, away_s: float = 20.0
) -> list[ReportRow]:
    """Stops Redis, then PostgreSQL, then kills the worker, during running calls."""
    callers, faults = [scripted_caller(words, index) for index in range(calls)], draw_faults(calls)
    tasks = await start_calls(platform, callers, 10.0, faults)
    await asyncio.sleep(3.0)
    await platform.valkey.stop()
    await asyncio.sleep(away_s)
    await platform.valkey.start()
    await asyncio.sleep(3.0)
    await platform.postgres.stop()
    await asyncio.sleep(away_s)
    await platform.postgres.start()
    await asyncio.sleep(3.0)
    platform.worker.kill()
    await platform.worker.stop()
    await asyncio.sleep(3.0)
    together = sum(not task.done() for task in tasks)
    await platform.worker.start()
    await asyncio.gather(*tasks)
    rows = check_calls(callers, await wait_for_records(platform, callers))
    went_on = ReportRow("calls that went on through all of it", str(calls), str(together), together == calls)
    return [fault_row(faults), went_on, *rows]


async def lost_node(platform: Platform, words: Sequence[PreparedTurn], *, calls: int = 20) -> list[ReportRow]:
    """Kills one of two media nodes during running calls of both carriers."""
    callers, faults = [scripted_caller(words, index) for index in range(calls)], draw_faults(calls)
    tasks = await start_calls(platform, callers, 10.0, faults)
    await asyncio.sleep(12.0)
    first_ids = first_carrier_ids(platform, callers)
    on_node = {first_ids.get(one, one) for one in await calls_on(platform, "media-0")}
    platform.nodes[0].kill()
    killed, killed_at = time.monotonic(), datetime.now(UTC)
    await asyncio.gather(*tasks)
    records = await wait_for_records(platform, callers)
    hit = [caller for caller in callers if caller.call_id in on_node]
    rows = [fault_row(faults), ReportRow("calls on the node that was killed", "> 0", str(len(hit)), bool(hit))]
    first_ids = first_carrier_ids(platform, callers)
    resumed_at = {first_ids.get(one, one): at for one, at in (await _resumed_at(platform)).items()}
    for carrier in CARRIERS:
        own = [one for one in hit if records.get(one.call_id) and records[one.call_id].carrier == carrier]
        gaps = [(resumed_at[one.call_id] - killed_at).total_seconds() for one in own if one.call_id in resumed_at]
        voices = [wait for one in own if (wait := one.heard_after(killed + 0.2)) is not None]
        rows += [
            ReportRow(
                f"kill -9 to the stream at the other node, {carrier}, worst of {len(own)}",
                "≤ 3 s",
                f"{max(gaps, default=0.0):.2f} s",
                0 < len(gaps) == len(own) and max(gaps) <= 3.0,
            ),
            ReportRow(
                f"kill -9 to the agent's voice, which waits for a caller who speaks, {carrier}",
                "",
                f"{min(voices, default=0.0):.2f} to {max(voices, default=0.0):.2f} s",
                None,
            ),
        ]
    resumed = sum(1 for one in hit if records.get(one.call_id) and records[one.call_id].resumed == 1)
    rows.append(ReportRow("calls with one gap in their record", str(len(hit)), str(resumed), resumed == len(hit)))
    return [*rows, *check_calls(callers, records)]


async def _resumed_at(platform: Platform) -> dict[str, datetime]:
    """When each call was resumed, by the carrier's id."""
    found = await platform.rows(
        "SELECT c.carrier_call_id, max(e.at) AS at FROM call_events e JOIN calls c ON c.id = e.call_id "
        "WHERE e.event_type = 'call.resumed' GROUP BY 1"
    )
    return {row["carrier_call_id"]: row["at"] for row in found}


async def calls_on(platform: Platform, name: str) -> list[str]:
    """The carrier's ids of the calls on a node."""
    found = await platform.rows(
        "SELECT carrier_call_id FROM calls WHERE media_node LIKE $1 AND status = 'in_progress'", f"{name}%"
    )
    return [row["carrier_call_id"] for row in found]
