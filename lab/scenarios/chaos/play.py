"""Plays the faults one after the other on one platform and judges each when all calls are over."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.scenarios.chaos.faults import Fault
from lab.scenarios.chaos.linked_platform import SHAPE, LinkedPlatform, running_linked_platform
from lab.scenarios.chaos.promises import FaultResult
from lab.scenarios.chaos.verdict import judge_wave
from lab.scenarios.chaos.watch import wait_until_well
from lab.scenarios.chaos.wave import Wave, play_wave, wave_words
from lab.stage.call_records import recorded_calls
from lab.stage.calls import wait_for_records
from lab.stage.conversation import read_conversation
from lab.stage.platform import PlatformShape
from simulator.carrier.prepared_turn import PreparedTurn

# The next calls begin so long after a fault, at least.
_PAUSE_S: Final = 2.0
_FIRST_NUMBER: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class PlayedFault:
    """A fault with its calls. tasks: of the calls. well_s: until programs and stores were well; None if they were not
    in time. notes: what is broken whatever the calls do."""

    fault: Fault
    wave: Wave
    tasks: Sequence[asyncio.Task[None]]
    well_s: float | None
    notes: Sequence[str]


async def run_chaos(
    root: Path,
    folder: Path,
    faults: Sequence[Fault],
    calls: int,
    report: Callable[[str], None],
    shape: PlatformShape = SHAPE,
) -> list[FaultResult]:
    """Plays the faults under so many calls each. folder: as `running_platform`'s. report: gets lines of progress."""
    conversation = await asyncio.to_thread(read_conversation, root)
    words = await wave_words(conversation)
    async with running_linked_platform(root, folder, conversation, shape) as chaos:
        played: list[PlayedFault] = []
        for number, fault in enumerate(faults):
            before = played[-1].tasks if played else ()
            played.append(await play_fault(chaos, words, fault, number, calls, before))
            report(f"  {number + 1} of {len(faults)}: {_describe(played[-1])}")
        await asyncio.gather(*(task for one in played for task in one.tasks))
        return await judge_faults(chaos, played)


async def play_fault(
    chaos: LinkedPlatform,
    words: Sequence[PreparedTurn],
    fault: Fault,
    number: int,
    calls: int,
    before: Sequence[asyncio.Task[None]] = (),
) -> PlayedFault:
    """Returns when all is well again; the last calls go on. number: gives the phones their numbers. before: as in
    `play_wave`."""
    first = _FIRST_NUMBER + 1_000 * number
    wave, tasks = await play_wave(
        chaos.platform,
        words,
        range(first, first + calls),
        fault.seconds,
        strike=lambda: fault.strike(chaos),
        heal=lambda: fault.heal(chaos),
        before=before,
    )
    notes = await _restart_ended(chaos)
    ended = [call for call in wave.ending if call.party.done]
    well_s = await wait_until_well(chaos, ended, wave.healed_at)
    await asyncio.sleep(max(0.0, wave.healed_at + _PAUSE_S - time.monotonic()))
    return PlayedFault(fault, wave, tasks, well_s, notes)


async def judge_faults(chaos: LinkedPlatform, played: Sequence[PlayedFault]) -> list[FaultResult]:
    """When all calls are over: waits until all that had an agent are recorded."""
    calls = [call for one in played for call in one.wave.calls]
    await wait_for_records(chaos.platform, [call.caller for call in calls if call.had_agent])
    records = await recorded_calls(chaos.platform, [call.caller for call in calls if call.caller.call_id])
    return [await judge_wave(chaos, one.fault, one.wave, records, well_s=one.well_s, notes=one.notes) for one in played]


async def _restart_ended(chaos: LinkedPlatform) -> list[str]:
    """Starts programs that have ended again, as a supervisor does; returns a note for each."""
    notes = []
    for name, program in chaos.programs.items():
        if not program.is_running:
            await program.stop()
            await program.start()
            notes.append(f"{name} ended")
    return notes


def _describe(one: PlayedFault) -> str:
    """Of what is known before the other calls are over."""
    over = sum(call.caller.outcome is not None for call in one.wave.calls)
    well = "not well again" if one.well_s is None else f"well after {one.well_s:.1f} s"
    notes = [*one.notes, *([f"not on: {one.wave.doubt}"] if one.wave.doubt else [])]
    return f"{one.fault.name}: {over} of {len(one.wave.calls)} calls over, {well} {' '.join(notes)}".rstrip()
