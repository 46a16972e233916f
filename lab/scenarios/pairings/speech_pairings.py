"""Calls without faults of each recognizer with each voice, models in turn: what one vendor says has to fit the others.

Each call has one provider of each role, so that what is heard is theirs. Models take turns among the pairings.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from lab.scenarios.failover.cell_call import CallSetting, CellCall
from lab.scenarios.failover.cell_result import CellResult, judge_call
from lab.scenarios.failover.cells import Cell, ChainPair
from lab.stage.vendor_accounts import list_providers


@dataclass(frozen=True, slots=True)
class Pairing:
    """The only providers of a call, by the names of `vendors.PROVIDERS`."""

    stt: str
    llm: str
    tts: str

    @property
    def text(self) -> str:
        """For a table."""
        return f"{self.stt}, {self.llm}, {self.tts}"


# Of the suite: none of them comes twice, so that they run at once, and none is in its tests of failing providers or of
# models with tools.
SAMPLE: Final = (
    Pairing("chirp", "xai", "kore"),
    Pairing("soniox", "openrouter", "azure-voice"),
    Pairing("scribe", "azure", "soniox-voice"),
    Pairing("universal-3", "openai", "eleven-flash"),
)


def all_pairings() -> Iterator[Pairing]:
    """Each recognizer with each voice, so that the same model comes back after all others have."""
    models = cycle(list_providers("llm"))
    for stt in list_providers("stt"):
        for tts in list_providers("tts"):
            yield Pairing(stt, next(models), tts)


async def run_pairings(
    setting: CallSetting, pairings: Sequence[Pairing], on_done: Callable[[Pairing], None] = lambda one: None
) -> dict[Pairing, CellResult]:
    """A call of one turn for each pairing, all at once: no provider may come twice. `judge_call` is left to do."""

    async def call(one: Pairing) -> CellResult:
        chain = ChainPair((one.stt,), (one.llm,), (one.tts,))
        result = await CellCall(setting, Cell(one.text, ()), turns=1, disturbed=1, chain=chain).run()
        on_done(one)
        return result

    return dict(zip(pairings, await asyncio.gather(*map(call, pairings)), strict=True))


def find_fault(result: CellResult) -> str:
    """What went wrong in a pairing's call; empty for nothing. It takes a fifth of a second."""
    judge_call(result)
    failed = [f"{one.provider}: {one.reason}" for one in (*result.early, *result.failures)]
    words = "" if result.has_all_words else f"words of {result.spoken}, {result.understood}, {result.recorded}"
    fault = result.fault or ("" if result.facts else "the call left nothing to judge")
    return "; ".join(filter(None, (fault, *failed, words)))
