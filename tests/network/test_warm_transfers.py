"""Warm transfers over both simulated carriers, by the row, the record, the stored recording and what was heard."""

import asyncio
from collections.abc import Sequence

import pytest

from lab.scenarios.transfers.cases import CASES
from lab.scenarios.transfers.transfer_calls import run_transfers
from lab.scenarios.transfers.verdict import find_faults
from lab.stage.platform import Platform
from lab.stage.stored_call import find_call
from simulator.carrier.prepared_turn import PreparedTurn
from vocalized.caller.local_speech import load_recognizer

pytestmark = pytest.mark.asyncio(loop_scope="package")

FIRST_NUMBER = 2_007_600


async def test_targets_decide_and_callers_hear_what_follows(platform: Platform, turns: Sequence[PreparedTurn]) -> None:
    """Mailboxes, and phones that ring for 30 s, are part of `python -m lab transfers`."""
    cases = [case for case in CASES if not case.is_slow]
    calls = await run_transfers(platform, turns, cases, first_number=FIRST_NUMBER)
    recognize = await asyncio.to_thread(load_recognizer)
    faults = {}
    for call in calls:
        stored = await find_call(platform, call.carrier_call_id)
        found = await asyncio.to_thread(find_faults, call, stored, recognize)
        if found:
            faults[f"{call.case.name}, {call.carrier}"] = found
    assert faults == {}
