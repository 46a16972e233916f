"""200 calls at once through the whole platform."""

import asyncio
from collections.abc import Sequence
from typing import Final

import numpy as np

from lab.engine.scenario import Scenario, Stage
from lab.stage.callers import scripted_caller
from lab.stage.calls import check_calls, start_calls, wait_for_records
from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Verdict
from simulator.carrier.prepared_turn import PreparedTurn


async def _run(stage: Stage) -> list[Verdict]:
    return await full_load(stage.platform, stage.words)


async def full_load(
    platform: Platform, words: Sequence[PreparedTurn], *, calls: int = 200, per_s: float = 10.0
) -> list[Verdict]:
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
        Verdict("calls at once", f"{calls}", str(together), together == calls),
        await _answers(platform),
        Verdict(f"answers, p95 of {len(latencies)} as perceived by the caller", "", perceived, None),
        *rows,
    ]


async def _answers(platform: Platform) -> Verdict:
    """Media's own measurement: what the caller perceives includes the delay of an overloaded simulated network."""
    (found,) = await platform.rows(
        "SELECT count(*) AS turns, "
        "percentile_disc(0.95) WITHIN GROUP (ORDER BY (event_data->>'total_ms')::int) AS p95, "
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY (event_data->>'total_ms')::int) AS p50 "
        "FROM call_events WHERE event_type = 'turn.latency'"
    )
    measured = f"{found['p95'] or 0} ms (median {found['p50'] or 0})"
    return Verdict(f"answers, p95 of {found['turns']} as media measures them", "", measured, None)


SCENARIO: Final = Scenario(title="200 calls at once", shape=PlatformShape(), turns=8, run=_run)
