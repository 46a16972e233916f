"""How long callers wait for the agent's first audio when 20 calls begin each second."""

import asyncio
from typing import Final

import numpy as np

from lab.engine.scenario import Scenario, Stage
from lab.stage.callers import GreetingCaller, RehearsalCaller
from lab.stage.calls import CARRIERS, carrier_of, check_calls, start_calls, wait_for_records
from lab.stage.platform import PlatformShape
from lab.verdict import Verdict

PER_S: Final = 20.0
CALLS: Final = 300


async def _run(stage: Stage) -> list[Verdict]:
    callers = [RehearsalCaller(GreetingCaller(), f"+1646{3_000_000 + index}") for index in range(CALLS)]
    await asyncio.gather(*await start_calls(stage.platform, callers, PER_S))
    records = await wait_for_records(stage.platform, callers)
    waits = [caller.greeted_ms for caller in callers if caller.greeted_ms is not None]
    rows = [
        Verdict(
            "calls that went wrong", "0", f"{len(callers) - len(waits)} of {len(callers)}", len(waits) == len(callers)
        )
    ]
    for carrier in CARRIERS:
        own = [w for i, one in enumerate(callers) if carrier_of(i) == carrier and (w := one.greeted_ms)]
        p50, p95 = (float(np.percentile(own, share)) for share in (50, 95)) if own else (0.0, 0.0)
        rows.append(
            Verdict(
                f"first webhook to first greeting audio, {carrier}, p95 of {len(own)} calls at {PER_S:g} a second",
                "≤ 300 ms", f"{p95:.0f} ms (median {p50:.0f})", bool(own) and p95 <= 300,
            )
        )  # fmt: skip
    return [*rows, *check_calls(callers, records)[1:]]


SCENARIO: Final = Scenario(title="Webhook to greeting", shape=PlatformShape(), run=_run)
