"""Each role and each fault: a call for each cell of the matrix."""

import time
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.scenarios.failover.cell_result import CellResult
from lab.scenarios.failover.cells import Cell, all_cells
from lab.scenarios.failover.matrix import run_matrix
from lab.scenarios.failover.page import matrix_section
from lab.verdict import Report


async def _run(stage: Stage) -> Report:
    begun, cells = time.monotonic(), all_cells()
    done = 0

    def count(cell: Cell) -> None:
        nonlocal done
        done += 1
        print(f"\r  {done} of {len(cells)} calls", end="", flush=True)

    run = await run_matrix(stage.root, stage.folder, cells, count)
    print()
    is_valid = run.load is None or run.load.is_valid
    good = is_valid and all(_keeps_rules(result) for result in run.results)
    return Report(matrix_section(run, time.monotonic() - begun), good)


def _keeps_rules(result: CellResult) -> bool:
    return not result.fault and result.is_in_time and result.has_all_words


SCENARIO: Final = Scenario(title="Each role, each fault", run=_run)
