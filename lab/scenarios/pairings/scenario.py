"""Calls without faults: each recognizer with each voice, models in turn, and a call of each model with tools."""

import asyncio
from pathlib import Path
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.pairings.model_calls import MODELS, find_call_faults, run_model_call
from lab.scenarios.pairings.platform import running_pairing_platform
from lab.scenarios.pairings.speech_pairings import all_pairings, find_fault, run_pairings
from lab.verdict import Report


async def _run(stage: Stage) -> Report:
    found = await _run_all(stage.root, stage.folder)
    faults = [f"{name}: {fault}" for name, fault in found.items() if fault]
    summary = f"{len(found) - len(faults)} of {len(found)} calls heard and said every word, and used every tool"
    return Report("\n".join([summary, *faults]), not faults)


async def _run_all(root: Path, folder: Path) -> dict[str, str]:
    """What went wrong in each call, empty for nothing."""
    faults: dict[str, str] = {}
    async with running_pairing_platform(root, folder) as platform:
        for pairing in all_pairings():
            results = await run_pairings(platform.calls, [pairing])
            faults[pairing.text] = find_fault(results[pairing])
            print(f"  {pairing.text}", flush=True)
        for call in await asyncio.gather(*(run_model_call(platform, model) for model in MODELS)):
            faults[f"{call.model} with tools"] = "; ".join(find_call_faults(call))
            print(f"  {call.model} with tools", flush=True)
    return faults


SCENARIO: Final = Scenario(title="Pairings of vendors", run=_run)
