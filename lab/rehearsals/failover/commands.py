"""`python -m lab failover [--write PAGE]` and `… outage [--write PAGE]`."""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from lab.rehearsals.failover.cell_result import CellResult
from lab.rehearsals.failover.cells import Cell, all_cells
from lab.rehearsals.failover.matrix import run_matrix
from lab.rehearsals.failover.outage import OutagePhases, run_outage
from lab.rehearsals.failover.outage_figures import measure_turns, outage_rows, read_changes, torn_turns
from lab.rehearsals.failover.outage_plot import draw_outage
from lab.rehearsals.failover.page import MATRIX_TITLE, OUTAGE_TITLE, matrix_section, write_section
from lab.rehearsals.report import table

PLOT: Final = "outage.svg"
_OUTAGE_TEXT: Final = """50 calls of over three minutes on two media nodes that share their board of health, and a
short call every two seconds. After half a minute all first choices fail for a minute: connections that are open and new
ones are reset, hang, send what cannot be read, take nothing any more, or report an error, each kind in its turn. Then
they are well again. A provider that fails each probe is left alone for twice as long each time, so its return takes at
most about as long as it was down. A word is said again only where a voice falls silent within its first word
([why](../decisions/0025-a-replacement-voice-starts-at-the-first-incomplete-word.md))."""


def rehearse_failover(root: Path, page: Path | None) -> int:
    """Runs the matrix and prints it. Exit code: 0 when every cell of a valid run kept the rules. page: written, if
    given."""
    begun, cells = time.monotonic(), all_cells()
    done = 0

    def count(cell: Cell) -> None:
        nonlocal done
        done += 1
        print(f"\r  {done} of {len(cells)} calls", end="", flush=True)

    run = uvloop.run(run_matrix(root, _folder(), cells, count))
    section = matrix_section(run, time.monotonic() - begun)
    print(f"\n{section}")
    if page is not None:
        write_section(page, MATRIX_TITLE, section)
    is_valid = run.load is None or run.load.is_valid
    return 0 if is_valid and all(_keeps_rules(result) for result in run.results) else 1


def _keeps_rules(result: CellResult) -> bool:
    return not result.fault and result.is_in_time and result.has_all_words


def rehearse_outage(root: Path, page: Path | None) -> int:
    """Runs the outage and prints its figures. Exit code: 0 when all demands were met. page: written beside its plot."""
    run = uvloop.run(run_outage(root, _folder(), OutagePhases()))
    turns = {call.call_id: list(measure_turns(run, call)) for call in run.calls}
    changes = read_changes(run)
    rows = outage_rows(run, turns, changes)
    print(table(rows))
    for line in torn_turns(run, turns):
        print(f"  {line}")
    if page is not None:
        draw_outage(run, [turn for own in turns.values() for turn in own], changes, page.parent / PLOT)
        picture = f"![Silence of each turn, and when the first choices were out of service]({PLOT})"
        write_section(page, OUTAGE_TITLE, f"{_OUTAGE_TEXT}\n\n{table(rows)}\n\n{picture}")
    return 0 if all(row.good is not False for row in rows) else 1


def read_page(arguments: Sequence[str]) -> Path | None:
    """The page that `--write PAGE` names. Raises ValueError for other arguments."""
    if not arguments:
        return None
    if len(arguments) != 2 or arguments[0] != "--write":
        raise ValueError(f"expected --write PAGE, not {' '.join(arguments)}")
    return Path(arguments[1])


def _folder() -> Path:
    """A new folder with a short path that the services' user may enter."""
    folder = Path(mkdtemp(prefix="vocalized-rehearsal-", dir="/tmp"))
    folder.chmod(0o711)
    print(f"  logs and state: {folder}", flush=True)
    return folder
