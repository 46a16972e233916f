"""The scenes of a rehearsal: each puts up what it needs, lets people phone, does its harm and looks at what is left."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from simulator.carrier.prepare import Performance
from vocalized.rehearse.callers import Brief, Guest, guest
from vocalized.rehearse.record import Written, open_still, written
from vocalized.rehearse.stage import NUMBERS, Stage
from vocalized.surroundings import CarrierName

CARRIERS = tuple(NUMBERS)
# What a killed worker had taken is taken over after half a minute, and looked for every quarter of one.
SETTLED_S = 90.0


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the report. good: None where there is nothing to demand."""

    what: str
    demanded: str
    found: str
    good: bool | None


def carrier_of(index: int) -> CarrierName:
    """By twos: of two nodes that take calls in turn, each gets both carriers'."""
    return CARRIERS[index // 2 % len(CARRIERS)]


async def phoned(stage: Stage, guests: Sequence[Guest], per_s: float) -> list[asyncio.Task[None]]:
    """Everybody begins to phone, half of them over each carrier; returns when the last one has begun."""
    begun = time.monotonic()
    tasks = []
    for index, one in enumerate(guests):
        await asyncio.sleep(max(0.0, begun + index / per_s - time.monotonic()))
        number = stage.desk.agents[carrier_of(index)].number
        tasks.append(asyncio.create_task(one.phone(stage.network.world, number)))
    return tasks


async def settled(stage: Stage, guests: Sequence[Guest]) -> dict[str, Written]:
    """The records, once every call's end is in them and no event waits any more; after SETTLED_S, as they are then."""
    until = time.monotonic() + SETTLED_S
    before = -1
    while True:
        waiting = await stage.bus.length()
        records = await written(stage.desk, guests)
        count = sum(one.events for one in records.values())
        done = not waiting and not open_still(records, guests) and count == before
        if done or time.monotonic() > until:
            return records
        before = count
        await asyncio.sleep(1.0)


def judged(guests: Sequence[Guest], records: dict[str, Written]) -> list[Row]:
    """What every scene demands: all calls well, all of them recorded, completed, and no event lost or doubled."""
    bad = [one for one in guests if not one.well]
    faults = [f"{one.carrier} {one.call_id}: {fault}" for one in records.values() for fault in one.faults]
    not_completed = [one for one in records.values() if one.status != "completed"]
    missing = len(guests) - len(records)
    return [
        Row("calls that went wrong", "0", f"{len(bad)} of {len(guests)}", not bad),
        Row("calls missing in the record", "0", str(missing), missing == 0),
        Row("calls not recorded as completed", "0", str(len(not_completed)), not not_completed),
        Row(
            "events lost or doubled",
            "0",
            f"{len(faults)} of {sum(one.events for one in records.values())}{': ' + faults[0] if faults else ''}",
            not faults,
        ),
    ]


async def greeting(stage: Stage, _: Sequence[Performance], *, per_s: float = 20.0, seconds: float = 15.0) -> list[Row]:
    """How long a caller waits for the first sound of the agent when 20 call within each second."""
    guests = [Guest(Brief(), f"+1646{3_000_000 + index}") for index in range(round(per_s * seconds))]
    await asyncio.gather(*await phoned(stage, guests, per_s))
    records = await settled(stage, guests)
    waits = [one.greeted_ms for one in guests if one.greeted_ms is not None]
    rows = [
        Row("calls that went wrong", "0", f"{len(guests) - len(waits)} of {len(guests)}", len(waits) == len(guests))
    ]
    for carrier in CARRIERS:
        own = [w for i, one in enumerate(guests) if carrier_of(i) == carrier and (w := one.greeted_ms)]
        p50, p95 = (float(np.percentile(own, share)) for share in (50, 95)) if own else (0.0, 0.0)
        rows.append(
            Row(
                f"first webhook to first greeting audio, {carrier}, p95 of {len(own)} calls at {per_s:g} a second",
                "≤ 300 ms", f"{p95:.0f} ms (median {p50:.0f})", bool(own) and p95 <= 300,
            )
        )  # fmt: skip
    return [*rows, *judged(guests, records)[1:]]


async def full_house(stage: Stage, words: Sequence[Performance], *, calls: int = 200, per_s: float = 10.0) -> list[Row]:
    """So many calls at once through everything."""
    guests = [guest(words, index) for index in range(calls)]
    tasks = await phoned(stage, guests, per_s)
    together = sum(not task.done() for task in tasks)
    await asyncio.gather(*tasks)
    rows = judged(guests, await settled(stage, guests))
    latencies = [ms for one in guests for report in one.caller.reports if (ms := report.latency_ms) is not None]
    p95 = float(np.percentile(latencies, 95)) if latencies else 0.0
    return [
        Row("calls at once", f"{calls}", str(together), together == calls),
        await _answers(stage),
        Row(f"answers, p95 of {len(latencies)} as perceived by the caller", "", f"{p95:.0f} ms", None),
        *rows,
    ]


async def _answers(stage: Stage) -> Row:
    """Media's own figure: callers of a network that is too slow for its machine perceive that network's delay, too."""
    (found,) = await stage.desk.rows(
        "SELECT count(*) AS turns, percentile_disc(0.95) WITHIN GROUP (ORDER BY (event_data->>'total_ms')::int) AS p95 "
        "FROM call_events WHERE event_type = 'turn.latency'"
    )
    return Row(f"answers, p95 of {found['turns']} as media measures them", "", f"{found['p95'] or 0} ms", None)


async def outages(stage: Stage, words: Sequence[Performance], *, calls: int = 20, away_s: float = 20.0) -> list[Row]:
    """Redis away, then PostgreSQL, then the worker killed, under running calls."""
    guests = [guest(words, index) for index in range(calls)]
    tasks = await phoned(stage, guests, 10.0)
    await asyncio.sleep(3.0)
    await stage.valkey.stop()
    await asyncio.sleep(away_s)
    await stage.valkey.start()
    await asyncio.sleep(3.0)
    await stage.postgres.stop()
    await asyncio.sleep(away_s)
    await stage.postgres.start()
    await asyncio.sleep(3.0)
    stage.worker.kill()
    await stage.worker.stop()
    await asyncio.sleep(3.0)
    together = sum(not task.done() for task in tasks)
    await stage.worker.start()
    await asyncio.gather(*tasks)
    rows = judged(guests, await settled(stage, guests))
    return [Row("calls that went on through all of it", str(calls), str(together), together == calls), *rows]


async def lost_node(stage: Stage, words: Sequence[Performance], *, calls: int = 20) -> list[Row]:
    """One of two media nodes killed under running calls, on both carriers."""
    guests = [guest(words, index) for index in range(calls)]
    tasks = await phoned(stage, guests, 10.0)
    await asyncio.sleep(12.0)
    on_it = set(await _on(stage, "media-0"))
    stage.nodes[0].kill()
    killed, killed_at = time.monotonic(), datetime.now(UTC)
    await asyncio.gather(*tasks)
    records = await settled(stage, guests)
    hit = [one for one in guests if one.call_id in on_it]
    rows = [Row("calls on the node that was killed", "> 0", str(len(hit)), bool(hit))]
    resumed_at = await _resumed_at(stage)
    for carrier in CARRIERS:
        own = [one for one in hit if records.get(one.call_id) and records[one.call_id].carrier == carrier]
        gaps = [(resumed_at[one.call_id] - killed_at).total_seconds() for one in own if one.call_id in resumed_at]
        voices = [wait for one in own if (wait := one.heard_after(killed + 0.2)) is not None]
        rows += [
            Row(
                f"kill -9 to the stream at the other node, {carrier}, worst of {len(own)}",
                "≤ 3 s",
                f"{max(gaps, default=0.0):.2f} s",
                0 < len(gaps) == len(own) and max(gaps) <= 3.0,
            ),
            Row(
                f"kill -9 to the agent's voice, which waits for a caller who speaks, {carrier}",
                "",
                f"{min(voices, default=0.0):.2f} to {max(voices, default=0.0):.2f} s",
                None,
            ),
        ]
    resumed = sum(1 for one in hit if records.get(one.call_id) and records[one.call_id].resumed == 1)
    rows.append(Row("calls with one gap in their record", str(len(hit)), str(resumed), resumed == len(hit)))
    return [*rows, *judged(guests, records)]


async def _resumed_at(stage: Stage) -> dict[str, datetime]:
    """When each call went on, by the carrier's id."""
    found = await stage.desk.rows(
        "SELECT c.carrier_call_id, max(e.at) AS at FROM call_events e JOIN calls c ON c.id = e.call_id "
        "WHERE e.event_type = 'call.resumed' GROUP BY 1"
    )
    return {row["carrier_call_id"]: row["at"] for row in found}


async def _on(stage: Stage, name: str) -> list[str]:
    """Carrier's ids of the calls that a node carries."""
    found = await stage.desk.rows(
        "SELECT carrier_call_id FROM calls WHERE media_node LIKE $1 AND status = 'in_progress'", f"{name}%"
    )
    return [row["carrier_call_id"] for row in found]
