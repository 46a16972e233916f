"""`python -m lab pairings`."""

import asyncio
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from lab.rehearsals.pairings.model_calls import MODELS, find_call_faults, run_model_call
from lab.rehearsals.pairings.platform import running_pairing_platform
from lab.rehearsals.pairings.speech_pairings import all_pairings, find_fault, run_pairings


def rehearse_pairings(root: Path) -> int:
    """Runs all pairings, one after the other, then all models with tools at once, and prints what went wrong. Exit
    code: 0 when nothing did."""
    folder = Path(mkdtemp(prefix="vocalized-rehearsal-", dir="/tmp"))
    folder.chmod(0o711)
    print(f"  logs and state: {folder}", flush=True)
    found: Final = uvloop.run(_run_all(root, folder))
    faults = {name: fault for name, fault in found.items() if fault}
    for name, fault in faults.items():
        print(f"FAIL {name}: {fault}")
    print(f"{len(found) - len(faults)} of {len(found)} calls heard and said every word, and used every tool")
    return 1 if faults else 0


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
