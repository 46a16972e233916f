"""Runs the matrix: accounts side by side, and the cells of an account one after the other, so that it stays healthy."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from lab.scenarios.failover.cell_call import CallSetting, CellCall
from lab.scenarios.failover.cell_result import CellResult, judge_call
from lab.scenarios.failover.cells import CHAINS, Cell
from lab.stage.conversation import read_conversation
from lab.stage.machine_load import MachineLoad, measuring_load
from lab.stage.media_nodes import running_nodes
from lab.stage.vendor_accounts import running_accounts
from simulator.vendors.certificate import make_certificate

# Cells that run one after the other with the same accounts; so many accounts run at once as this makes of the matrix.
CELLS_AN_ACCOUNT: Final = 14
# Together more than the 20 waits after which an account's own are used in place of its vendor's.
LEARN_CALLS: Final = 5
LEARN_TURNS: Final = 5
# Groups that learn at once: all together would be more calls than one client has connections (100).
LEARNING: Final = 10

OnCell = Callable[[Cell], None]


@dataclass(frozen=True, slots=True)
class MatrixRun:
    """results: in the order of the cells. load: of the machine meanwhile."""

    results: list[CellResult]
    load: MachineLoad | None


async def run_matrix(root: Path, folder: Path, cells: Sequence[Cell], on_done: OnCell) -> MatrixRun:
    """Runs the cells. root: the checkout. folder: for logs. on_done: called for each."""
    certificate = make_certificate(folder)
    conversation = await asyncio.to_thread(read_conversation, root)
    found: dict[Cell, CellResult] = {}
    make_accounts = partial(running_accounts, certificate, conversation.make_ear)
    async with AsyncExitStack() as running:
        nodes = await running.enter_async_context(running_nodes(root, folder, certificate))
        groups = [
            (CallSetting(await running.enter_async_context(make_accounts()), nodes, conversation), group)
            for group in group_cells(cells)
        ]
        await _learn(groups)
        async with measuring_load() as gauge, asyncio.TaskGroup() as tasks:
            for setting, group in groups:
                tasks.create_task(_run_group(setting, group, found, on_done))
    for result in found.values():
        judge_call(result)
    return MatrixRun([found[cell] for cell in cells], gauge.load)


def group_cells(cells: Sequence[Cell]) -> list[list[Cell]]:
    """The cells of each chain in groups of about CELLS_AN_ACCOUNT, such that a group holds faults of all roles."""
    groups: list[list[Cell]] = []
    for chain in CHAINS:
        own = [cell for cell in cells if cell.chain == chain]
        count = -(-len(own) // CELLS_AN_ACCOUNT)
        groups += [own[number::count] for number in range(count)]
    return groups


async def _learn(groups: Sequence[tuple[CallSetting, Sequence[Cell]]]) -> None:
    """Before the first cell of all: calls that begin at once would disturb it."""
    free = asyncio.Semaphore(LEARNING)

    async def learn(setting: CallSetting, cells: Sequence[Cell]) -> None:
        async with free:
            await setting.learn(cells[0].chain, LEARN_CALLS, LEARN_TURNS)

    async with asyncio.TaskGroup() as tasks:
        for setting, cells in groups:
            tasks.create_task(learn(setting, cells))


async def _run_group(
    setting: CallSetting, cells: Sequence[Cell], found: dict[Cell, CellResult], on_done: OnCell
) -> None:
    for cell in cells:
        found[cell] = await CellCall(setting, cell).run()
        on_done(cell)
