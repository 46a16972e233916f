"""A rolling upgrade under running calls, in the order of docs/run/upgrade.md: each program of an older checkout is
replaced by one of this checkout while both run side by side, and an old and a new node are killed on the way. The users
of Redis are the old ones until the last old node has ended."""

import asyncio
from argparse import ArgumentParser
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lab.engine.scenario import CannotRun, Scenario, Stage
from lab.stage.call_records import RecordedCall
from lab.stage.calls import check_calls, wait_for_records
from lab.stage.checkout_environment import SetupFailed, find_python
from lab.stage.growing_calls import GrowingCalls
from lab.stage.platform import Platform, PlatformShape, ProgramFactory, running_platform, set_node_rules
from lab.stage.service import Program
from lab.verdict import Verdict
from simulator.carrier.prepared_turn import PreparedTurn
from vocalized.free_port import free_port
from vocalized.stack.key_settings import REDIS_URL
from vocalized.stack.process import migrate_database
from vocalized.stack.programs import Programs

# Old and new run side by side for so long before the old one is stopped.
OVERLAP_S: Final = 10.0
# More than a carrier's questions and a resumed stream take.
RESUME_S: Final = 6.0
# So long after a call's start its node is in the record and its first turn has a checkpoint.
SETTLE_S: Final = 8.0


@dataclass(slots=True, kw_only=True)
class _Upgrade(GrowingCalls):
    """One run. programs: makes those of the new checkout."""

    programs: ProgramFactory


async def _run(stage: Stage) -> list[Verdict]:
    old: Path = stage.options.folder.resolve()
    if not (old / "control" / "__main__.py").exists():
        raise CannotRun(f"{old} is no checkout of the platform")
    try:
        python = find_python(old)
    except SetupFailed as error:
        raise CannotRun(str(error)) from error
    shape = PlatformShape(nodes=2, recorded=True, balanced=True, drain_s=300, node_rules=read_node_rules(old))
    async with running_platform(old, stage.folder, shape, python) as platform:
        return await rolling_upgrade(platform, stage.words, stage.root)


def _add_options(parser: ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the older checkout, with its own environment")


async def rolling_upgrade(platform: Platform, words: Sequence[PreparedTurn], root: Path) -> list[Verdict]:
    """platform: two nodes, the API and the worker of the old checkout, behind a load balancer. root: the new one."""
    assert platform.balancer is not None
    programs = ProgramFactory(Programs(root, platform.folder / "new"), platform.settings)
    async with AsyncExitStack() as started:
        run = _Upgrade(platform=platform, words=words, balancer=platform.balancer, programs=programs, started=started)
        await run.call(20)
        await asyncio.sleep(SETTLE_S)
        run.step("all programs are old")
        await migrate_database(root, platform.settings)
        await _replace_worker(run)
        draining = await _replace_nodes(run)
        new_node = await run.start(run.programs.node("media-4", free_port()))
        await _replace_api(run, new_node)
        await draining
        run.step("both old nodes have ended")
        await set_node_rules(platform.settings[REDIS_URL], read_node_rules(root))
        await run.call(4)
        run.step("Redis has its new users")
        await asyncio.gather(*run.calls)
        records = await wait_for_records(platform, run.callers)
        return await _report(run, records)


def read_node_rules(root: Path) -> str:
    """The rules of the nodes' user in Redis, as the checkout in `root` ships them."""
    lines = (root / "deploy" / "valkey-users.acl").read_text().splitlines()
    return next(line.partition(" resetchannels ")[2] for line in lines if line.startswith("user media "))


async def _replace_worker(run: _Upgrade) -> None:
    await run.start(run.programs.worker(free_port()))
    await run.call(4)
    await asyncio.sleep(OVERLAP_S)
    run.step("old and new worker")
    await run.platform.worker.stop()
    run.step("new worker only")


async def _replace_nodes(run: _Upgrade) -> Awaitable[None]:
    """Kills one old node, so that its calls go on at an old and a new one, and drains the other."""
    killed, drained = run.platform.nodes
    await run.start(run.programs.node("media-3", free_port()))
    await run.call(8)
    await asyncio.sleep(SETTLE_S)
    run.step("old and new nodes")
    killed.kill()
    await asyncio.sleep(RESUME_S)
    run.step("an old node was killed")
    draining = asyncio.create_task(drained.drain())
    await run.call(4)
    run.step("the other old node drains")
    return draining


async def _replace_api(run: _Upgrade, new_node: Program) -> None:
    """Kills a new node while both APIs answer the carriers' questions."""
    old = run.platform.api
    new = await run.start(run.programs.api(free_port()))
    run.balancer.ports = [old.port, new.port]
    await run.call(8)
    await asyncio.sleep(SETTLE_S)
    run.step("old and new API")
    new_node.kill()
    await asyncio.sleep(OVERLAP_S)
    run.step("a new node was killed")
    run.balancer.ports = [new.port]
    await asyncio.sleep(1.0)
    await old.stop()
    await run.call(4)
    run.step("new API only")


async def _report(run: _Upgrade, records: dict[str, RecordedCall]) -> list[Verdict]:
    resumed = sum(record.resumed for record in records.values())
    [unhandled] = await run.platform.rows("SELECT count(*) AS n FROM webhook_events WHERE handled_at IS NULL")
    shares = "/".join(str(count) for count in run.balancer.connections.values())
    return [
        Verdict("calls resumed on another node", "> 0", str(resumed), resumed > 0),
        Verdict("webhooks left unhandled", "0", str(unhandled["n"]), unhandled["n"] == 0),
        Verdict("connections given to the old and the new API", "", shares, None),
        *check_calls(run.callers, records),
    ]


SCENARIO: Final = Scenario(title="Rolling upgrade", turns=22, add_options=_add_options, run=_run)
