"""`python -m vocalized.rehearse transfers`: all cases, also those that take longer than the tests may."""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from control.calls.model import FINAL
from simulator.carrier.prepared_turn import PreparedTurn
from vocalized.caller.local_speech import load_recogniser
from vocalized.rehearse.platform import Platform, PlatformShape
from vocalized.rehearse.report import ReportRow
from vocalized.rehearse.transfers.cases import CASES
from vocalized.rehearse.transfers.scenario import TransferCall, run_transfers
from vocalized.rehearse.transfers.verdict import TransferEvidence, find_faults
from vocalized.stack.api_client import ApiClient, Json

SHAPE: Final = PlatformShape(nodes=2, recorded=True, call_rate=5.0)
FIRST_NUMBER: Final = 2_009_000
# After the call: its last event, and its recording in storage.
STORED_S: Final = 60.0


async def transfers(platform: Platform, turns: Sequence[PreparedTurn]) -> list[ReportRow]:
    """A row for each case and carrier."""
    calls = await run_transfers(platform, turns, CASES, first_number=FIRST_NUMBER)
    recognise = await asyncio.to_thread(load_recogniser)
    rows = []
    for call in calls:
        evidence = await read_evidence(platform, call)
        faults = await asyncio.to_thread(find_faults, call, evidence, recognise)
        expected = "both meet" if call.case.failure is None else f"{call.case.failure}; goes on with the agent"
        demanded = "the target's call ends, too" if call.case.leaves else expected
        rows.append(
            ReportRow(f"{call.case.name}, {call.carrier}", demanded, "; ".join(faults) or "as demanded", not faults)
        )
    return rows


async def read_evidence(platform: Platform, call: TransferCall) -> TransferEvidence:
    """The record of a call that is over, and its recording. Raises TimeoutError, ApiError."""
    owner, path = platform.workspace.owner, f"{platform.workspace.path}/calls"
    query = f"{path}?carrier_call_id={quote(call.carrier_call_id, safe='')}"
    async with asyncio.timeout(STORED_S):
        while True:
            answer = await _read_call(owner, path, query)
            if answer:
                break
            await asyncio.sleep(0.2)
    return TransferEvidence(answer["call"], await owner.download(f"{path}/{answer['call']['id']}/recording"))


async def _read_call(owner: ApiClient, path: str, query: str) -> Json:
    """The answer of the API; empty before the call is over and its recording stored."""
    found = (await owner.request("GET", query))["calls"]
    answer = await owner.request("GET", f"{path}/{found[0]['id']}") if found else {}
    return answer if found and answer["call"]["status"] in FINAL and answer["recording_url"] else {}
