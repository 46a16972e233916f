"""Whether the platform is well: programs that run and are ready, events that are stored, calls that are recorded."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

import aiohttp

from lab.scenarios.chaos.linked_platform import LinkedPlatform
from lab.scenarios.chaos.wave import WaveCall
from lab.stage.call_records import recorded_calls, unfinished_calls
from shared.bus.client import BusUnavailable

_POLL_S: Final = 0.25
_PROBE_S: Final = 1.0
# Events in Redis: more than calls in progress leave there between two reads.
_MOST_WAITING: Final = 150
LONGEST_S: Final = 60.0


async def wait_until_well(chaos: LinkedPlatform, ended: Sequence[WaveCall], since: float) -> float | None:
    """Seconds since then, of `time.monotonic`, until all is well; None if it is not after LONGEST_S. ended: calls that
    are over and had an agent, whose end must be in the database."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_PROBE_S)) as session:
        while time.monotonic() < since + LONGEST_S:
            asked_at = time.monotonic()
            if not await find_trouble(chaos, session, ended):
                return asked_at - since
            await asyncio.sleep(_POLL_S)
    return None


async def find_trouble(chaos: LinkedPlatform, session: aiohttp.ClientSession, ended: Sequence[WaveCall]) -> str:
    """What is not well; empty if all is."""
    platform = chaos.platform
    ports = [("api", platform.api.port), *((f"media-{n}", node.port) for n, node in enumerate(platform.nodes))]
    urls = {name: f"http://127.0.0.1:{port}/readyz" for name, port in ports}
    urls["worker"] = f"http://127.0.0.1:{platform.worker.port}/healthz"
    for name, url in urls.items():
        if not await _is_ready(session, url):
            return f"{name} is not ready"
    try:
        if await platform.bus.length() > _MOST_WAITING:
            return "events wait"
    except BusUnavailable:
        return "Redis is away"
    callers = [call.caller for call in ended]
    open_calls = unfinished_calls(await recorded_calls(platform, callers), callers)
    return f"{len(open_calls)} calls are not recorded as ended" if open_calls else ""


async def _is_ready(session: aiohttp.ClientSession, url: str) -> bool:
    """An API that is degraded is not."""
    try:
        async with session.get(url) as response:
            return response.status == 200 and "degraded" not in await response.text()
    except (aiohttp.ClientError, TimeoutError):
        return False
