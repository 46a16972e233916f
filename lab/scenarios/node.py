"""One of two media nodes is killed while calls of both carriers go on."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.stage.call_records import first_carrier_ids
from lab.stage.callers import scripted_caller
from lab.stage.calls import (
    CARRIERS,
    calls_on,
    check_calls,
    draw_faults,
    fault_row,
    start_calls,
    wait_for_records,
)
from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Verdict

CALLS: Final = 20


async def _run(stage: Stage) -> list[Verdict]:
    platform = stage.platform
    callers, faults = [scripted_caller(stage.words, index) for index in range(CALLS)], draw_faults(CALLS)
    tasks = await start_calls(platform, callers, 10.0, faults)
    await asyncio.sleep(12.0)
    first_ids = first_carrier_ids(platform, callers)
    on_node = {first_ids.get(one, one) for one in await calls_on(platform, "media-0")}
    platform.nodes[0].kill()
    killed, killed_at = time.monotonic(), datetime.now(UTC)
    await asyncio.gather(*tasks)
    records = await wait_for_records(platform, callers)
    hit = [caller for caller in callers if caller.call_id in on_node]
    rows = [fault_row(faults), Verdict("calls on the node that was killed", "> 0", str(len(hit)), bool(hit))]
    first_ids = first_carrier_ids(platform, callers)
    resumed_at = {first_ids.get(one, one): at for one, at in (await _resumed_at(platform)).items()}
    for carrier in CARRIERS:
        own = [one for one in hit if records.get(one.call_id) and records[one.call_id].carrier == carrier]
        gaps = [(resumed_at[one.call_id] - killed_at).total_seconds() for one in own if one.call_id in resumed_at]
        voices = [wait for one in own if (wait := one.heard_after(killed + 0.2)) is not None]
        rows += [
            Verdict(
                f"kill -9 to the stream at the other node, {carrier}, worst of {len(own)}",
                "≤ 3 s",
                f"{max(gaps, default=0.0):.2f} s",
                0 < len(gaps) == len(own) and max(gaps) <= 3.0,
            ),
            Verdict(
                f"kill -9 to the agent's voice, which waits for a caller who speaks, {carrier}",
                "",
                f"{min(voices, default=0.0):.2f} to {max(voices, default=0.0):.2f} s",
                None,
            ),
        ]
    resumed = sum(1 for one in hit if records.get(one.call_id) and records[one.call_id].resumed == 1)
    rows.append(Verdict("calls with one gap in their record", str(len(hit)), str(resumed), resumed == len(hit)))
    return [*rows, *check_calls(callers, records)]


async def _resumed_at(platform: Platform) -> dict[str, datetime]:
    """When each call was resumed, by the carrier's id."""
    found = await platform.rows(
        "SELECT c.carrier_call_id, max(e.at) AS at FROM call_events e JOIN calls c ON c.id = e.call_id "
        "WHERE e.event_type = 'call.resumed' GROUP BY 1"
    )
    return {row["carrier_call_id"]: row["at"] for row in found}


SCENARIO: Final = Scenario(title="A media node killed", shape=PlatformShape(nodes=2, recorded=True), turns=8, run=_run)
