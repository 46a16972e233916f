"""Faults of every neighbor and of the surroundings, one after the other, under calls."""

from argparse import ArgumentParser
from typing import Final

from lab.engine.scenario import CannotRun, Scenario, Stage
from lab.scenarios.chaos.faults import Fault, all_faults
from lab.scenarios.chaos.host import find_needs
from lab.scenarios.chaos.page import describe_load, make_body
from lab.scenarios.chaos.play import run_chaos
from lab.scenarios.chaos.wave import CALLS
from lab.stage.machine_load import measuring_load
from lab.verdict import Report

_MOST_CALLS: Final = 500


async def _run(stage: Stage) -> Report:
    only, calls = stage.options.only, stage.options.calls
    faults, left_out = choose_faults(only)
    if not faults or not 4 <= calls <= _MOST_CALLS:
        raise CannotRun(f"no fault that can be played holds {only!r}, or not 4 to {_MOST_CALLS} calls")
    async with measuring_load() as gauge:
        results = await run_chaos(stage.root, stage.folder, faults, calls, lambda line: print(line, flush=True))
    assert gauge.load is not None
    broken = [result for result in results if result.broken]
    examples = [line for one in broken for line in (f"{one.name}: {', '.join(one.broken)}", *one.examples)]
    return Report(make_body(results, left_out, describe_load(gauge.load)), not broken, examples)


def choose_faults(only: str) -> tuple[list[Fault], dict[str, str]]:
    """Return the faults whose name holds the text and that this machine permits, and what it lacks for the others."""
    wanted, lacking = [fault for fault in all_faults() if only in fault.name], find_needs()
    left_out = {fault.name: lacking[fault.need] for fault in wanted if fault.need in lacking}
    return [fault for fault in wanted if fault.name not in left_out], left_out


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--calls", type=int, default=CALLS, help=f"calls at once in each fault ({CALLS})")
    parser.add_argument("--only", default="", metavar="TEXT", help="faults whose name holds this text")


SCENARIO: Final = Scenario(title="Each fault", add_options=_add_options, run=_run)
