"""Providers that fail in the middle of an answer: calls over TLS to simulated vendors, on a media node of its own."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from lab.scenarios.failover.cell_call import CallSetting, CellCall
from lab.scenarios.failover.cell_result import CellResult, judge_call
from lab.scenarios.failover.cells import Cell, RoleFault, all_cells
from lab.stage.conversation import read_conversation
from lab.stage.media_nodes import running_nodes
from lab.stage.vendor_accounts import running_accounts
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault

ROOT = Path(__file__).parents[3]
# A loaded machine; `python -m lab failover` measures the silence.
MOST_SILENCE_MS = 8_000
# The voice breaks off early in a word: of one that was heard half, the next voice says the whole. Aura gives no times
# of words, so the next voice may begin one word too early if it breaks off in a call's first answer.
CELLS = (
    Cell("nova", (RoleFault("stt", Fault("cut", after_units=1)),)),
    Cell("nova", (RoleFault("llm", Fault("cut", after_units=4)),)),
    Cell("nova", (RoleFault("tts", Fault("cut", after_units=3)),)),
    Cell("ink", (RoleFault("tts", Fault("stall")),)),
    Cell(
        "ink",
        (RoleFault("stt", Fault("garbage")), RoleFault("llm", Fault("refuse")), RoleFault("tts", Fault("error"))),
    ),
)


async def run_cells(folder: Path) -> list[CellResult]:
    """Each with accounts of its own, so that all run at once; the first turn is disturbed."""
    certificate, conversation = make_certificate(folder), read_conversation(ROOT)
    async with AsyncExitStack() as running:
        nodes = await running.enter_async_context(running_nodes(ROOT, folder, certificate))
        calls = []
        for cell in CELLS:
            accounts = await running.enter_async_context(running_accounts(certificate, conversation.make_ear))
            calls.append(CellCall(CallSetting(accounts, nodes, conversation), cell, turns=1, disturbed=1))
        results = await asyncio.gather(*(call.run() for call in calls))
    for result in results:
        judge_call(result)
    return results


async def test_no_word_is_lost_or_doubled_and_each_attempt_is_metered(services_state: Path) -> None:
    folder = services_state / "failover"
    folder.mkdir()
    for result in await run_cells(folder):
        assert not result.fault
        assert result.failures, result.cell
        assert result.has_all_words, (result.cell, result.spoken, result.understood, result.recorded, result.failures)
        longest = result.answer.longest_ms
        assert longest is not None
        assert longest < MOST_SILENCE_MS
        for line in result.bills:
            assert line.estimated or abs(line.difference) <= 200, (result.cell, line)


def test_the_matrix_has_each_cell_once() -> None:
    cells = all_cells()
    assert len(set(cells)) == len(cells)
