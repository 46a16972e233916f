"""Calls without faults of each recogniser with each voice, models in turn: what one vendor says has to fit the others.

Each call has one provider of each role, so that what is heard is theirs. Models take turns among the pairings.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

import uvloop

from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Role
from vocalized.rehearse.failover.cell_call import CallSetting, CellCall
from vocalized.rehearse.failover.cell_result import CellResult, judge_call
from vocalized.rehearse.failover.cells import Cell, ChainPair
from vocalized.rehearse.failover.conversation import read_conversation
from vocalized.rehearse.failover.nodes import running_nodes
from vocalized.rehearse.failover.vendors import PROVIDERS, running_accounts


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


def list_names(role: Role) -> list[str]:
    """The providers of a role."""
    return [one.name for one in PROVIDERS.values() if one.role == role]


def all_pairings() -> Iterator[Pairing]:
    """Each recogniser with each voice, so that the same model comes back after all others have."""
    models = cycle(list_names("llm"))
    for stt in list_names("stt"):
        for tts in list_names("tts"):
            yield Pairing(stt, next(models), tts)


def sampled_waves() -> list[list[Pairing]]:
    """Calls with each recogniser, each voice and each model at least once. In a wave no provider comes twice, so that
    its calls can run at once on the same accounts."""
    names = {role: list_names(role) for role in ("stt", "llm", "tts")}
    size, most = min(map(len, names.values())), max(map(len, names.values()))
    chosen = [islice(cycle(names[role]), most) for role in ("stt", "llm", "tts")]
    pairings = [Pairing(*one) for one in zip(*chosen, strict=True)]
    return [pairings[at : at + size] for at in range(0, most, size)]


async def run_waves(
    root: Path, folder: Path, waves: Sequence[Sequence[Pairing]], on_done: Callable[[Pairing], None]
) -> dict[Pairing, CellResult]:
    """One call of a turn for each pairing, a wave after the other. folder: as `running_platform`'s."""
    certificate, conversation = make_certificate(folder), read_conversation(root)
    found: dict[Pairing, CellResult] = {}

    async def call(setting: CallSetting, one: Pairing) -> None:
        chain = ChainPair((one.stt,), (one.llm,), (one.tts,))
        found[one] = await CellCall(setting, Cell(one.text, ()), turns=1, disturbed=1, chain=chain).run()
        on_done(one)

    async with AsyncExitStack() as running:
        nodes = await running.enter_async_context(running_nodes(root, folder, certificate))
        accounts = await running.enter_async_context(running_accounts(certificate, conversation.make_ear))
        setting = CallSetting(accounts, nodes, conversation)
        for wave in waves:
            await asyncio.gather(*(call(setting, one) for one in wave))
    for result in found.values():
        judge_call(result)
    return found


def find_fault(result: CellResult) -> str:
    """What went wrong in a pairing's call; empty for nothing."""
    failed = [f"{one.provider}: {one.reason}" for one in (*result.early, *result.failures)]
    words = "" if result.has_all_words else f"words of {result.spoken}, {result.understood}, {result.recorded}"
    return "; ".join(filter(None, (result.fault, *failed, words)))


def rehearse_pairings(root: Path) -> int:
    """Runs all pairings, one after the other, and prints those that went wrong. Exit code: 0 when none did."""
    folder = Path(mkdtemp(prefix="vocalized-rehearsal-", dir="/tmp"))
    folder.chmod(0o711)
    print(f"  logs and state: {folder}", flush=True)
    waves = [[one] for one in all_pairings()]
    found = uvloop.run(run_waves(root, folder, waves, lambda one: print(f"  {one.text}", flush=True)))
    faults: Final = {one.text: fault for one, result in found.items() if (fault := find_fault(result))}
    for text, fault in faults.items():
        print(f"FAIL {text}: {fault}")
    print(f"{len(found) - len(faults)} of {len(found)} pairings heard and said every word")
    return 1 if faults else 0
