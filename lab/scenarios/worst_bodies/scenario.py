"""The worst body that each route accepts, sent without a pause, beside 20 new calls a second: what callers wait for."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import msgspec
import numpy as np

from control.app import limit_names
from lab.engine.scenario import Scenario, Stage
from lab.scenarios.worst_bodies.body_sender import SenderJob, SenderReport
from lab.scenarios.worst_bodies.webhook_probe import ProbeAnswer, WebhookProbe
from lab.stage.platform import Platform, PlatformShape
from lab.verdict import Verdict
from vocalized.stack.process import ServerFailed

ROOT: Final = Path(__file__).parents[3]
PER_S: Final = 20.0
# 400 webhooks each. Before that, so many seconds to open connections and fill caches.
MEASURED_S: Final = 20.0
WARM_UP_S: Final = 4.0
MOST_TIMES_IDLE: Final = 2.0
SENDER_END_S: Final = 40.0


async def _run(stage: Stage) -> list[Verdict]:
    """Measures idle, loaded, and idle again, in one run."""
    platform = stage.platform
    twilio = platform.network_config.twilio
    assert twilio is not None
    number = platform.workspace.agents["twilio"].number
    async with aiohttp.ClientSession() as session:
        probe = WebhookProbe(session, platform.api_url, twilio.account_sid, twilio.auth_token, number)
        await probe.end(await probe.measure(PER_S, WARM_UP_S))
        idle = await _measure(probe)
        async with _sending(platform) as sender:
            loaded = await _measure(probe)
            report = await _end(sender)
        again = await _measure(probe)
    return _report(idle, loaded, again, report)


async def _measure(probe: WebhookProbe) -> list[ProbeAnswer]:
    answers = await probe.measure(PER_S, MEASURED_S)
    await probe.end(answers)
    return answers


@asynccontextmanager
async def _sending(platform: Platform) -> AsyncIterator[Process]:
    """A process that sends bodies while the block lasts."""
    command = [sys.executable, "-m", "lab.scenarios.worst_bodies.body_sender"]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
    try:
        assert process.stdin is not None
        workspace = platform.workspace
        known = {"workspaceId": workspace.id, "agentId": workspace.agents["telnyx"].id, "version": "1"}
        job = SenderJob(platform.api_url, workspace.owner.token, platform.staff.token, known)
        process.stdin.write(msgspec.json.encode(job) + b"\n")
        await asyncio.sleep(WARM_UP_S)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _end(process: Process) -> SenderReport:
    """Raises ServerFailed when the process has failed."""
    assert process.stdin is not None
    process.stdin.close()
    output, _ = await asyncio.wait_for(process.communicate(), SENDER_END_S)
    if process.returncode:
        raise ServerFailed(f"the sender of bodies ended with code {process.returncode}")
    return msgspec.json.decode(output, type=SenderReport)


def _report(
    idle: list[ProbeAnswer], loaded: list[ProbeAnswer], again: list[ProbeAnswer], report: SenderReport
) -> list[Verdict]:
    under, limit = _p95_ms(loaded), MOST_TIMES_IDLE * _p95_ms([*idle, *again])
    wrong = sum(not one.is_right for one in (*idle, *loaded, *again))
    accepted = not report.statuses.keys() & {"413", "429", "500", "503", "none"}
    statuses = ", ".join(f"{count} of {status}" for status, count in sorted(report.statuses.items()))
    rows = [
        Verdict(f"webhooks idle, p95 of {len(idle)} at {PER_S:g} a second", "", _figures(idle), None),
        Verdict(f"the same after the load, {len(again)}", "", _figures(again), None),
        Verdict(f"webhooks beside worst bodies, p95 of {len(loaded)}", f"≤ {limit:.0f} ms", _figures(loaded),
                  under <= limit),
        Verdict("calls that were not led to an agent", "0", str(wrong), wrong == 0),
        Verdict("rounds of all bodies", "≥ 1", str(report.rounds), report.rounds >= 1),
        Verdict("answers to them", "no 413, 429, 500, 503", statuses, accepted),
    ]  # fmt: skip
    return [*rows, *(Verdict(f"slow: {one.what}", "", f"{one.ms:.0f} ms", None) for one in report.slowest)]


def _p95_ms(answers: Sequence[ProbeAnswer]) -> float:
    return float(np.percentile([answer.seconds * 1_000 for answer in answers], 95))


def _figures(answers: Sequence[ProbeAnswer]) -> str:
    times = [answer.seconds * 1_000 for answer in answers]
    return f"{_p95_ms(answers):.1f} ms (median {np.median(times):.1f}, longest {max(times):.1f})"


SCENARIO: Final = Scenario(
    title="Worst bodies beside calls",
    # The limits are lifted, because a request that they refuse costs nothing.
    shape=PlatformShape(
        nodes=2,
        settings={"VOCALIZED_RATE_LIMITS": ",".join(f"{name}=1000000/1" for name in sorted(limit_names()))},
    ),
    run=_run,
)
