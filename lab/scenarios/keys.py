"""All keys are rotated, and passes of nodes revoked, under 50 calls of both carriers, in the order of
docs/run/keys.md.

Judged at the phones. A rotation harms no call. The calls of a revoked node go on elsewhere once its network is cut, and
those that it keeps connected are ended by control.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.engine.scenario import Scenario, Stage
from lab.stage.call_records import RecordedCall, first_carrier_ids
from lab.stage.callers import RehearsalCaller
from lab.stage.calls import calls_on, check_calls, wait_for_records
from lab.stage.growing_calls import GrowingCalls
from lab.stage.metrics_page import read_metric
from lab.stage.platform import PlatformShape, ProgramFactory
from lab.stage.service import Program
from lab.verdict import Verdict
from shared.secrets import new_key
from vocalized.free_port import free_port
from vocalized.stack.key_settings import BUS_KEYS, TOKEN_KEYS, VAULT_KEYS
from vocalized.stack.programs import Programs

CALLS: Final = 50
TURNS: Final = 60  # about five minutes
FEW_TURNS: Final = 6  # of calls that begin on the way
# So long after a call's start its node is in the record and its first turn has a checkpoint.
SETTLE_S: Final = 8.0
# Every program knows of a revocation after 5 s.
REVOKED_S: Final = 8.0
KEPT_CALLS: Final = 4
# A call that a revoked node keeps connected is ended within.
MOST_KEPT_S: Final = 60.0
_SETS: Final = (TOKEN_KEYS, VAULT_KEYS, BUS_KEYS)


class CommandFailed(Exception):
    """A command for operators did not succeed. The message is what it printed."""


@dataclass(slots=True, kw_only=True)
class _Rotation(GrowingCalls):
    """One run. root: the checkout. settings: of the programs that were started last. node: the one that was added."""

    root: Path
    settings: Mapping[str, str]
    api: Program
    worker: Program
    node: Program | None = None

    @property
    def factory(self) -> ProgramFactory:
        """Makes programs with the settings of now."""
        return ProgramFactory(Programs(self.root, self.platform.folder / "rotated"), self.settings)

    async def restart(self, change: Callable[[str, str], str]) -> None:
        """A new API and a new worker in place of the ones that run. change: by a set's name, its list from now on."""
        changed = {name: change(name, self.settings[name]) for name in _SETS}
        self.settings = {**self.settings, **changed}
        factory = self.factory
        api, worker = await asyncio.gather(
            self.start(factory.api(free_port())), self.start(factory.worker(free_port()))
        )
        self.balancer.ports = [self.api.port, api.port]  # both answer for a while
        await self.call(2, FEW_TURNS)
        await asyncio.sleep(2.0)
        self.balancer.ports = [api.port]
        await asyncio.gather(self.api.stop(), self.worker.stop())
        self.api, self.worker = api, worker

    async def command(self, *arguments: str) -> str:
        """Runs `python -m control …` as the tables' owner; returns what it prints. Raises CommandFailed."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "control", *arguments, cwd=self.root, env=dict(self.settings),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        if process.returncode:
            raise CommandFailed(f"{' '.join(arguments)}: {output.decode()}")
        return output.decode()

    async def revoke(self, node: Program) -> None:
        """Returns when every program knows of it."""
        await self.command("keys", "revoke", f"ws://127.0.0.1:{node.port}")
        await asyncio.sleep(REVOKED_S)


async def _run(stage: Stage) -> list[Verdict]:
    platform = stage.platform
    assert platform.balancer is not None
    async with AsyncExitStack() as started:
        run = _Rotation(
            platform=platform,
            root=stage.root,
            words=stage.words,
            balancer=platform.balancer,
            started=started,
            settings=platform.settings,
            api=platform.api,
            worker=platform.worker,
        )
        await run.call(CALLS, TURNS)
        await asyncio.sleep(SETTLE_S)
        together = sum(not call.done() for call in run.calls)
        resealed = await _rotate(run)
        forged = await _count_forged(run)
        revoked = await _revoke_and_cut(run)
        await asyncio.gather(*run.calls)
        await revoked.drained
        run.step("the old nodes have ended")
        await run.restart(lambda name, keys: keys.partition(",")[0])
        run.step("the old keys are gone")
        await asyncio.gather(*run.calls)
        records = await wait_for_records(platform, run.callers)
        rows = [
            Verdict("calls when the rotation began", str(CALLS), str(together), together == CALLS),
            Verdict("entries of the bus that were refused by then", "0", f"{forged:g}", forged == 0),
            *_judge(run, records, revoked),
            *await _check_removal(run, resealed),
        ]
        return [*rows, *await _revoke_and_keep(run)]


async def _rotate(run: _Rotation) -> str:
    """Returns what `keys rotate` printed last."""
    new = {name: new_key() for name in _SETS}
    await run.restart(lambda name, keys: f"{keys},{new[name]}")
    run.step("the new keys open")
    await run.restart(lambda name, keys: f"{new[name]},{keys.partition(',')[0]}")
    run.step("the new keys seal and sign")
    printed = await run.command("keys", "rotate")
    run.step("the database is sealed anew")
    return printed.strip().splitlines()[-1]


@dataclass(slots=True)
class _Revoked:
    """Callers of the revoked node. before: when it was revoked. cut: when it was cut off. late: who called in between.
    drained: the end of the other old node."""

    before: list[RehearsalCaller]
    cut: list[RehearsalCaller]
    late: list[RehearsalCaller]
    drained: Awaitable[None]

    @property
    def strays(self) -> int:
        """Calls that the node was given after it was revoked."""
        return sum(any(one is other for other in self.cut) for one in self.late)


async def _revoke_and_cut(run: _Rotation) -> _Revoked:
    """Add a node with a credential by the new key, revoke an old node and cut it off, and drain the other old node."""
    drained, revoked = run.platform.nodes
    run.node = await run.start(run.factory.node("media-2", free_port()))
    await run.call(4, FEW_TURNS)
    await asyncio.sleep(SETTLE_S)
    before = await _callers_on(run, "media-1")
    await run.revoke(revoked)
    run.step("a node is revoked")
    late = await run.call(4, FEW_TURNS)
    await asyncio.sleep(SETTLE_S)
    cut = await _callers_on(run, "media-1")
    revoked.kill()
    run.step("it is cut off")
    return _Revoked(before, cut, late, asyncio.create_task(drained.drain()))


async def _count_forged(run: _Rotation) -> float:
    """By the API and the worker of now."""
    name = "vocalized_control_bus_forged_total"
    return sum([await read_metric(program.port, name) for program in (run.api, run.worker)])


async def _callers_on(run: _Rotation, node: str) -> list[RehearsalCaller]:
    first_ids = first_carrier_ids(run.platform, run.callers)
    ids = {first_ids.get(one, one) for one in await calls_on(run.platform, node)}
    return [caller for caller in run.callers if caller.call_id in ids]


def _judge(run: _Rotation, records: dict[str, RecordedCall], revoked: _Revoked) -> list[Verdict]:
    """Of the revoked node's calls the record lacks what it said afterwards."""
    hit, cut = {id(one) for one in (*revoked.before, *revoked.cut)}, revoked.cut
    spared = [caller for caller in run.callers if id(caller) not in hit]
    own = {one.call_id for one in spared}
    went_on = sum(one.succeeded for one in cut)
    resumed = sum(records[one.call_id].resumed == 1 for one in cut if one.call_id in records)
    return [
        *check_calls(spared, {key: record for key, record in records.items() if key in own}),
        Verdict("calls given to the revoked node", "0", str(revoked.strays), not revoked.strays),
        Verdict("calls of the revoked node when it was cut off", "> 0", str(len(cut)), bool(cut)),
        Verdict("of these, answered at every turn", str(len(cut)), str(went_on), went_on == len(cut)),
        Verdict("of these, resumed once at another node", str(len(cut)), str(resumed), resumed == len(cut)),
    ]


async def _check_removal(run: _Rotation, resealed: str) -> list[Verdict]:
    """With the new keys alone."""
    verified = await run.command("audit", "verify")
    waiting = await run.platform.bus.length()
    return [
        Verdict("`keys rotate`", "all is sealed by the first vault key", resealed, resealed.startswith("all is")),
        Verdict("`audit verify` without the old keys", "exit code 0", verified.strip().splitlines()[-1], True),
        Verdict("events that wait without the old keys", "0", str(waiting), waiting == 0),
    ]


async def _revoke_and_keep(run: _Rotation) -> list[Verdict]:
    """The last node goes on with its calls after its node credential was revoked; a new one takes the next calls."""
    assert run.node is not None
    await run.call(KEPT_CALLS, TURNS)
    kept = run.calls[-KEPT_CALLS:]
    await asyncio.sleep(SETTLE_S)
    await run.start(run.factory.node("media-3", free_port()))
    revoked_at = time.monotonic()
    ends = asyncio.gather(*(_end_of(call) for call in kept))
    await run.revoke(run.node)
    after = await run.call(KEPT_CALLS, FEW_TURNS)
    longest = max(await ends) - revoked_at
    run.step("the calls that a revoked node kept have ended")
    await asyncio.gather(*run.calls)
    well = sum(one.succeeded for one in after)
    return [
        Verdict(
            f"a revoked node that is not cut off: its {KEPT_CALLS} calls are ended by control, the last after",
            f"≤ {MOST_KEPT_S:g} s", f"{longest:.1f} s", longest <= MOST_KEPT_S,
        ),
        Verdict("calls that began afterwards, answered at every turn", str(KEPT_CALLS), str(well),
                  well == KEPT_CALLS),
    ]  # fmt: skip


async def _end_of(call: asyncio.Task[None]) -> float:
    await call
    return time.monotonic()


SCENARIO: Final = Scenario(
    title="Keys rotated and nodes revoked under calls",
    intro="""PostgreSQL, Valkey, the API behind a load balancer, the worker and the media nodes ran as processes of
their own; both carriers were simulated. Under the calls the keys of all three sets were rotated as
[keys.md](../run/keys.md) says, each step with a new API and a new worker. Then one node was revoked and cut
off, the other old one drained for a node with a new pass, and the old keys removed. At last another node was revoked
and not cut off. What was found is what the phones heard, unless another source is named. Calls that a revoked node had
are in rows of their own, because their record lacks what that node said afterwards.""",
    shape=PlatformShape(nodes=2, recorded=True, balanced=True, drain_s=900),
    turns=TURNS,
    run=_run,
)
