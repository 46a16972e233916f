"""The disk of both nodes' state, and of the logs of all programs, is full for a minute under 50 calls; Redis is away
for a part of it. The calls go on, everything recovers, and each loss is in the record of its call."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from lab.engine.scenario import Scenario, Stage
from lab.stage.callers import RehearsalCaller, scripted_caller
from lab.stage.calls import check_calls, start_calls, wait_for_records
from lab.stage.metrics_page import read_metric
from lab.stage.platform import Platform, PlatformShape, running_platform
from lab.stage.small_disk import SmallDisk, small_disk
from lab.verdict import Verdict
from media.audio.wav import read_wav
from shared.storage import ObjectNotFound, Storage
from simulator.carrier.prepared_turn import PreparedTurn

SHAPE: Final = PlatformShape(nodes=2, recorded=True, log_level="info")
CALLS: Final = 50
# These calls begin and end while the disk is full.
SHORT_CALLS: Final = 6
SHORT_TURNS: Final = 2
TURNS: Final = 19  # about 95 s
FULL_S: Final = 60.0
# From the moment the disk is full: when the short calls begin, and when Redis goes away and comes back.
SHORT_AT_S: Final = 2.0
REDIS_AWAY_S: Final = (30.0, 45.0)
REFILL_S: Final = 0.2
# How long a service that is well again may take to say so.
RECOVERY_S: Final = 5.0
# A second may be lost before the disk is full, and the last one is written at a call's end.
TOLERANCE_S: Final = 3.0

_LOSSES: Final = """
SELECT c.carrier_call_id AS call, sum((e.event_data->>'lost_ms')::int) AS lost_ms
FROM call_events e JOIN calls c ON c.id = e.call_id WHERE e.event_type = 'recording.incomplete' GROUP BY 1
"""
_READY: Final = """
SELECT c.carrier_call_id AS call, e.event_data->>'path' AS path, (e.event_data->>'duration_ms')::int AS duration_ms,
       (SELECT (x.event_data->>'duration_ms')::int FROM call_events x
        WHERE x.call_id = e.call_id AND x.event_type = 'call.ended') AS call_ms
FROM call_events e JOIN calls c ON c.id = e.call_id WHERE e.event_type = 'recording.ready'
"""


@dataclass(slots=True)
class _Run:
    """One run of the scene. unready: seconds, from the moment the disk was full, at which a program did not call itself
    ready, and which. freed_at: when there was room again."""

    platform: Platform
    disk: SmallDisk
    began: float = 0.0
    freed_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    unready: list[tuple[float, str]] = field(default_factory=list)

    @property
    def programs(self) -> dict[str, int]:
        platform = self.platform
        pids = {"api": platform.api.pid, "worker": platform.worker.pid}
        return pids | {f"media-{number}": node.pid for number, node in enumerate(platform.nodes)}

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    async def wait_until(self, elapsed_s: float) -> None:
        await asyncio.sleep(max(0.0, elapsed_s - self.elapsed_s))


async def _run(stage: Stage) -> list[Verdict]:
    state = stage.folder / "state"
    state.mkdir()
    with small_disk(state) as disk:
        async with running_platform(stage.root, stage.folder, SHAPE, state=state) as platform:
            return await _fill_under_calls(_Run(platform, disk), stage.words)


async def _fill_under_calls(run: _Run, words: Sequence[PreparedTurn]) -> list[Verdict]:
    platform, disk = run.platform, run.disk
    long = [scripted_caller(words, index) for index in range(CALLS)]
    short = [scripted_caller(words[:SHORT_TURNS], CALLS + index) for index in range(SHORT_CALLS)]
    tasks = await start_calls(platform, long, 10.0)
    await asyncio.sleep(6.0)
    run.began = time.monotonic()
    filling, watching = asyncio.create_task(_fill(run)), asyncio.create_task(_watch(run))
    await run.wait_until(SHORT_AT_S)
    short_tasks = await start_calls(platform, short, 10.0)
    await run.wait_until(REDIS_AWAY_S[0])
    ended = sum(task.done() for task in short_tasks)
    await platform.valkey.stop()
    await run.wait_until(REDIS_AWAY_S[1])
    await platform.valkey.start()
    await filling
    together = sum(not task.done() for task in tasks)
    await asyncio.gather(*tasks, *short_tasks)
    watching.cancel()
    callers = [*long, *short]
    records = await wait_for_records(platform, callers)
    return [
        Verdict("the disk", "", disk.kind, None),
        Verdict("calls that went on through the minute", str(CALLS), str(together), together == CALLS),
        Verdict("calls that began and ended in it", str(SHORT_CALLS), str(ended), ended == SHORT_CALLS),
        *check_calls(callers, records),
        *await _check_losses(run, long, short),
        *await _check_recordings(platform, long),
        _check_readiness(run),
        *await _check_logs(run),
    ]


async def _fill(run: _Run) -> None:
    """Keeps the disk full for FULL_S."""
    programs = list(run.programs.values())
    while run.elapsed_s < FULL_S:
        await asyncio.to_thread(run.disk.fill, programs)
        await asyncio.sleep(REFILL_S)
    run.disk.free(programs)
    run.freed_at = datetime.now(UTC)


async def _watch(run: _Run) -> None:
    """Asks each program every half second whether it is ready."""
    platform = run.platform
    urls = {f"media-{number}": f"http://127.0.0.1:{node.port}/readyz" for number, node in enumerate(platform.nodes)}
    urls |= {"api": f"{platform.api_url}/readyz", "worker": f"http://127.0.0.1:{platform.worker.port}/healthz"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
        while True:
            for name, url in urls.items():
                try:
                    async with session.get(url) as response:
                        is_ready = response.status == 200
                except (aiohttp.ClientError, TimeoutError):
                    is_ready = False
                if not is_ready:
                    run.unready.append((run.elapsed_s, name))
            await asyncio.sleep(0.5)


def _check_readiness(run: _Run) -> Verdict:
    """Without Redis a node is not ready."""
    away, back = REDIS_AWAY_S
    faults = [(at, name) for at, name in run.unready if not away <= at <= back + RECOVERY_S]
    found = f"{len(faults)}{f': {faults[0][1]} after {faults[0][0]:.1f} s' if faults else ''}"
    return Verdict("programs not ready, but without Redis", "0", found, not faults)


async def _check_losses(run: _Run, long: Sequence[RehearsalCaller], short: Sequence[RehearsalCaller]) -> list[Verdict]:
    platform = run.platform
    found = {row["call"]: row["lost_ms"] / 1_000 for row in await platform.rows(_LOSSES)}
    named = sum(one.call_id in found for one in (*long, *short))
    in_records, nodes = sum(found.values()), [node.port for node in platform.nodes]
    in_metric = sum([await read_metric(port, "vocalized_media_recording_seconds_lost_total") for port in nodes])
    events = sum([await read_metric(port, "vocalized_media_events_lost_total") for port in nodes])
    each = [found.get(one.call_id, 0.0) for one in long]
    near = all(abs(one - FULL_S) <= TOLERANCE_S for one in each)
    return [
        Verdict("calls whose record names what was lost", str(CALLS + SHORT_CALLS), str(named),
                  named == CALLS + SHORT_CALLS),
        Verdict("lost of each long call's recording", f"{FULL_S:g} ± {TOLERANCE_S:g} s",
                  f"{min(each):.1f} to {max(each):.1f} s", near),
        Verdict("lost by the records, and by the metric", "the same", f"{in_records:.1f} s, {in_metric:.1f} s",
                  abs(in_records - in_metric) < 1.0),
        Verdict("events lost by the metric", "0", f"{events:g}", events == 0),
    ]  # fmt: skip


async def _check_recordings(platform: Platform, long: Sequence[RehearsalCaller]) -> list[Verdict]:
    """All are stored, as long as their calls, and hold sound before and after the minute."""
    storage = Storage(platform.settings["VOCALIZED_STORAGE_URL"])
    ready = {row["call"]: row for row in await platform.rows(_READY)}
    good, off = 0, 0.0
    for caller in long:
        row = ready.get(caller.call_id)
        if row is None:
            continue
        try:
            wav = read_wav(await storage.get(row["path"]))
        except ObjectNotFound:
            continue
        off = max(off, abs(wav.seconds - row["call_ms"] / 1_000))
        tenth = len(wav.samples) // 10
        good += bool(wav.samples[:tenth].any() and wav.samples[-tenth:].any())
    return [
        Verdict("recordings of the long calls, with sound at both ends", str(len(long)), str(good), good == len(long)),
        Verdict("their length, by the calls', worst", "≤ 1 s", f"{off:.2f} s", off <= 1.0),
    ]


async def _check_logs(run: _Run) -> list[Verdict]:
    """Lines that were lost are counted, and each program that lost any goes on writing whole ones. One that writes few
    may lose none, because the end of its file's last block was still free."""
    rows, platform, lost = list[Verdict](), run.platform, 0.0
    prefixes = {"api": "control", "worker": "worker"}
    ports = {"api": platform.api.port, "worker": platform.worker.port}
    ports |= {f"media-{number}": node.port for number, node in enumerate(platform.nodes)}
    for name, port in ports.items():
        dropped = await read_metric(port, f"vocalized_{prefixes.get(name, 'media')}_log_lines_dropped_total")
        lost += dropped
        whole, torn = _count_lines(platform.log(name), run.freed_at)
        found = f"{whole}, {torn} ({dropped:g} lost)"
        is_good = not torn and (whole > 0 or not dropped)
        rows.append(Verdict(f"log lines of {name} since: whole, torn", "> 0, 0", found, is_good))
    return [*rows, Verdict("log lines lost and counted", "> 0", f"{lost:g}", lost > 0)]


def _count_lines(path: Path, since: datetime) -> tuple[int, int]:
    """Whole lines that were written since, and those after the first of them that are none."""
    whole = torn = 0
    for line in path.read_bytes().splitlines():
        try:
            whole += bool(whole) or datetime.fromisoformat(json.loads(line)["timestamp"]) >= since
        except (ValueError, KeyError):
            torn += bool(whole)
    return whole, torn


SCENARIO: Final = Scenario(title="A full disk", turns=TURNS, run=_run)
