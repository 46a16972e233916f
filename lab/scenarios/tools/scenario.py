"""Agents that use tools, warm transfers, and messages to machines."""

import asyncio
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.tools.tool_calls import (
    REPLY_S,
    CallWithTools,
    ToolRehearsal,
    run_tool_calls,
    run_uncertain_calls,
    tool_rehearsal,
)
from lab.scenarios.tools.verdict import find_faults, longest_silence_s
from lab.scenarios.tools.voicemail import voicemail_rows
from lab.scenarios.transfers.scenario import transfers
from lab.stage.machine_load import measuring_load
from lab.stage.platform import PlatformShape
from lab.stage.stored_call import find_call
from lab.verdict import Verdict
from vocalized.caller.local_speech import Recognize, load_recognizer

FIRST_NUMBER: Final = 2_010_000


async def _run(stage: Stage) -> list[Verdict]:
    """A row for each case and carrier; then those of warm transfers, of messages, and of the machine's load."""
    platform = stage.platform
    recognize = await asyncio.to_thread(load_recognizer)
    async with measuring_load() as gauge, tool_rehearsal(platform) as rehearsal:
        calls = await run_tool_calls(rehearsal, FIRST_NUMBER)
        calls += await run_uncertain_calls(rehearsal, FIRST_NUMBER + 500)
    rows = [await judge_call(rehearsal, call, recognize) for call in calls]
    rung = Verdict("calls to the hostile texts' number", "0", str(len(rehearsal.rung)), not rehearsal.rung)
    others = [*await transfers(platform, stage.words), *await voicemail_rows(platform, recognize)]
    load = Verdict("the machine meanwhile", "", gauge.load.text if gauge.load is not None else "", None)
    return [*rows, rung, *others, load]


async def judge_call(rehearsal: ToolRehearsal, call: CallWithTools, recognize: Recognize) -> Verdict:
    """The row of a call that is over. Raises TimeoutError, ApiError."""
    stored = await find_call(rehearsal.platform, call.carrier_call_id)
    faults = await asyncio.to_thread(find_faults, call, stored, recognize)
    silence_s = await asyncio.to_thread(longest_silence_s, stored.recording)
    found = "; ".join(faults) or "as demanded"
    longest = "" if silence_s is None else f"; longest silence {silence_s:.1f} s"
    return Verdict(f"{call.case.name}, {call.carrier}", call.case.demanded, f"{found}{longest}", not faults)


SCENARIO: Final = Scenario(
    title="Rehearsed calls",
    intro=f"""Written by `python -m lab tools --write docs/evidence/tools.md`. The platform ran as
processes, calls came over both simulated carriers, and callers spoke with the local voice; agents heard and spoke by
the local engine. A model with a script calls the tools and says what their results say; the receptionist answers from
documents. Each call is judged on its stored recording, which the local recognizer reads, on its record, and on what the
vendor has afterwards. A silence is measured in both channels, from the caller's first sound to the agent's last; the
agents' `limits.reply_s` is {REPLY_S:g}.""",
    # The servers that the workspace connects are on this machine.
    shape=PlatformShape(nodes=2, recorded=True, call_rate=5.0, settings={"VOCALIZED_EGRESS_ALLOW": "127.0.0.0/8"}),
    turns=1,
    run=_run,
)
