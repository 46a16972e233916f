"""Warm transfers: all cases, also those that take longer than tests may."""

import asyncio
from collections.abc import Sequence
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.transfers.cases import CASES
from lab.scenarios.transfers.transfer_calls import run_transfers
from lab.scenarios.transfers.verdict import find_faults
from lab.stage.platform import Platform, PlatformShape
from lab.stage.stored_call import find_call
from lab.verdict import Verdict
from simulator.carrier.prepared_turn import PreparedTurn
from vocalized.caller.local_speech import load_recognizer

FIRST_NUMBER: Final = 2_009_000


async def transfers(platform: Platform, turns: Sequence[PreparedTurn]) -> list[Verdict]:
    """A row for each case and carrier."""
    calls = await run_transfers(platform, turns, CASES, first_number=FIRST_NUMBER)
    recognize = await asyncio.to_thread(load_recognizer)
    rows = []
    for call in calls:
        stored = await find_call(platform, call.carrier_call_id)
        faults = await asyncio.to_thread(find_faults, call, stored, recognize)
        expected = "both meet" if call.case.failure is None else f"{call.case.failure}; goes on with the agent"
        demanded = "the target's call ends, too" if call.case.leaves else expected
        rows.append(
            Verdict(f"{call.case.name}, {call.carrier}", demanded, "; ".join(faults) or "as demanded", not faults)
        )
    return rows


async def _run(stage: Stage) -> list[Verdict]:
    return await transfers(stage.platform, stage.words)


SCENARIO: Final = Scenario(
    title="Warm transfers", shape=PlatformShape(nodes=2, recorded=True, call_rate=5.0), turns=1, run=_run
)
