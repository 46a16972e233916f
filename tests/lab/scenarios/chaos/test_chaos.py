"""One fault on the whole platform, under a few calls; `python -m lab chaos` plays all under 50."""

import shutil
from dataclasses import replace
from pathlib import Path

from lab.scenarios.chaos.faults import all_faults
from lab.scenarios.chaos.linked_platform import SHAPE, LinkedPlatform
from lab.scenarios.chaos.play import run_chaos
from lab.scenarios.chaos.promises import Promise
from lab.scenarios.chaos.wave import Doubt
from tests.platform.service_folder import make_service_folder

ROOT = Path(__file__).parents[4]
# One of them ends in the fault, and one more begins in it.
CALLS = 5
SMALL = replace(SHAPE, nodes=1)
# A loaded machine; how long callers wait is measured elsewhere.
PATIENT = Promise(silence_s=60.0, recovery_s=60.0, greeting_s=60.0)


async def test_calls_go_on_are_recorded_and_whole_while_the_first_voice_is_cut() -> None:
    folder, progress, doubts = make_service_folder(), list[str](), list[str]()
    fault = next(fault for fault in all_faults() if fault.name == "the first voice: cut")

    async def strike(chaos: LinkedPlatform) -> Doubt:
        doubt = await fault.strike(chaos)

        def ask() -> str:
            doubts.append(doubt())
            return "as the test says"

        return ask

    try:
        [result] = await run_chaos(
            ROOT, folder, [replace(fault, strike=strike, seconds=3.0, promise=PATIENT)], CALLS, progress.append, SMALL
        )
    finally:
        shutil.rmtree(folder)
    assert result.broken == ["not on: as the test says"], result.examples
    assert doubts == [""], "asked once, at its end"
    assert (result.running, result.went_on, result.ending, result.ended) == (4, 4, 1, 1)
    assert (result.begun, result.answered) == (1, 1)
    assert result.events > 50, "the records were read"
    assert result.silence_s > 0.4, "the phones were heard: the recognizer alone waits for so long"
    assert [line.partition(":")[0] for line in progress] == ["  1 of 1"]
