"""Redis stops, then PostgreSQL, then the worker is killed, while calls go on."""

import asyncio
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.stage.callers import scripted_caller
from lab.stage.calls import check_calls, draw_faults, fault_row, start_calls, wait_for_records
from lab.stage.platform import PlatformShape
from lab.verdict import Verdict

CALLS: Final = 20
AWAY_S: Final = 20.0


async def _run(stage: Stage) -> list[Verdict]:
    platform = stage.platform
    callers, faults = [scripted_caller(stage.words, index) for index in range(CALLS)], draw_faults(CALLS)
    tasks = await start_calls(platform, callers, 10.0, faults)
    await asyncio.sleep(3.0)
    await platform.valkey.stop()
    await asyncio.sleep(AWAY_S)
    await platform.valkey.start()
    await asyncio.sleep(3.0)
    await platform.postgres.stop()
    await asyncio.sleep(AWAY_S)
    await platform.postgres.start()
    await asyncio.sleep(3.0)
    platform.worker.kill()
    await platform.worker.stop()
    await asyncio.sleep(3.0)
    together = sum(not task.done() for task in tasks)
    await platform.worker.start()
    await asyncio.gather(*tasks)
    rows = check_calls(callers, await wait_for_records(platform, callers))
    went_on = Verdict("calls that went on through all of it", str(CALLS), str(together), together == CALLS)
    return [fault_row(faults), went_on, *rows]


SCENARIO: Final = Scenario(
    title="Redis, PostgreSQL and the worker away",
    shape=PlatformShape(recorded=True),
    turns=15,
    stops_redis=True,
    run=_run,
)
