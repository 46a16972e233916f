"""`python -m lab chaos`: plays the faults and writes docs/evidence/chaos.md."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from lab.rehearsals.chaos.faults import Fault, all_faults
from lab.rehearsals.chaos.host import find_needs
from lab.rehearsals.chaos.page import describe_load, make_page, table
from lab.rehearsals.chaos.promises import FaultResult
from lab.rehearsals.chaos.scenario import run_chaos
from lab.rehearsals.chaos.wave import CALLS
from lab.rehearsals.failover.machine_load import MachineLoad, measuring_load

_MOST_CALLS: Final = 500


def rehearse_chaos(root: Path, folder: Path, arguments: Sequence[str]) -> int:
    """Exit code: 0 when every promise was kept, 1 when one was broken, 2 for wrong arguments. folder: as
    `running_platform`'s."""
    parser = argparse.ArgumentParser(prog="python -m lab chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=CALLS, help=f"calls at once in each fault ({CALLS})")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose name holds this text")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="page that is written")
    chosen = parser.parse_args(arguments)
    faults, left_out = choose_faults(chosen.only)
    if not faults or not 4 <= chosen.calls <= _MOST_CALLS:
        print(
            f"chaos: no fault that can be played holds {chosen.only!r}, or not 4 to {_MOST_CALLS} calls",
            file=sys.stderr,
        )
        return 2
    begun = time.monotonic()
    results, load = uvloop.run(_run(root, folder, faults, chosen.calls))
    print(table(results))
    for result in results:
        if result.broken:
            print(f"{result.name}: {', '.join(result.broken)}", *result.examples, sep="\n    ")
    print(f"({time.monotonic() - begun:.0f} s; {describe_load(load)})")
    if chosen.write is not None:
        chosen.write.write_text(make_page(results, left_out, chosen.calls, describe_load(load)))
    return 0 if not any(result.broken for result in results) else 1


def choose_faults(only: str) -> tuple[list[Fault], dict[str, str]]:
    """Those whose name holds the text and that this machine permits; and those that it does not, with what it lacks."""
    wanted, lacking = [fault for fault in all_faults() if only in fault.name], find_needs()
    left_out = {fault.name: lacking[fault.need] for fault in wanted if fault.need in lacking}
    return [fault for fault in wanted if fault.name not in left_out], left_out


async def _run(root: Path, folder: Path, faults: Sequence[Fault], calls: int) -> tuple[list[FaultResult], MachineLoad]:
    print(f"  logs and state: {folder}", flush=True)
    async with measuring_load() as gauge:
        results = await run_chaos(root, folder, faults, calls, lambda line: print(line, flush=True))
    assert gauge.load is not None
    return results, gauge.load
