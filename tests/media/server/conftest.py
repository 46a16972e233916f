"""A media worker on a real port, with stand-in providers and small limits."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from aiohttp import ClientSession

from media.audio import mulaw
from media.providers.factory import Factory
from media.server.app import App
from media.server.front import House, opened
from media.server.keeper import FolderKeeper
from media.server.limits import Limits
from media.server.metrics import Metrics
from media.server.plans import OnePlan, PlanSource
from media.server.sinks import Folder
from media.server.worker import Resources, Worker
from media.turn.model import SILERO
from media.turn.vad import VadEngine
from shared.plan import CallPlan, decode_plan
from tests.media.server.phone import PATIENCE_S, STREAM, UNSIGNED, Phone

SAMPLE = Path(__file__).parents[3] / "config" / "samples" / "jfk.flac"
PLAN = b"""{
  "agent": {"name": "Front desk", "greeting": "", "prompt": "Be kind.", "language": "en"},
  "stt": [{"provider": "standin", "options": {"final_ms": 10, "text": "and so my fellow americans"}}],
  "llm": [{"provider": "standin", "options": {"first_token_ms": 10, "token_ms": 1, "text": "Thank you for calling."}}],
  "tts": [{"provider": "standin", "options": {"first_byte_ms": 10, "audio_ms": 600, "chunk_ms": 200}}],
  "turn": {"silence_ms": 400, "barge_in": true}, "recording": false}"""


@dataclass
class Desk:
    """A running worker, and how to phone it."""

    worker: Worker
    metrics: Metrics
    folder: Folder
    session: ClientSession
    url: str

    async def dial(self, stream: str = STREAM) -> Phone:
        """A caller on the line."""
        return await Phone.dial(self.session, self.url + "/media/twilio", stream)

    async def until_idle(self) -> None:
        """Waits until the worker has done with every call."""
        async with asyncio.timeout(PATIENCE_S):
            while self.worker.connections:  # noqa: ASYNC110  # the worker tells nobody, and need not
                await asyncio.sleep(0.002)

    async def until_calls(self, number: int) -> None:
        """Waits until so many sockets have their call."""
        async with asyncio.timeout(PATIENCE_S):
            while self.worker.calls != number:  # noqa: ASYNC110  # the worker tells nobody, and need not
                await asyncio.sleep(0.002)

    def count(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def limits() -> Limits:
    """Limits that no test runs into by being slow; those that prove one of them make it short."""
    return Limits(start_timeout_s=30.0, receive_timeout_s=30.0, send_timeout_s=10.0, drain_timeout_s=30.0)


@pytest.fixture
def plan() -> CallPlan:
    """Stand-in providers with short delays."""
    return decode_plan(PLAN)


@pytest.fixture
def plans(plan: CallPlan) -> PlanSource:
    """Where plans come from."""
    return OnePlan(plan)


@pytest.fixture
async def desk(limits: Limits, plans: PlanSource, tmp_path: Path) -> AsyncIterator[Desk]:
    """The worker, serving."""
    folder, metrics = Folder(tmp_path), Metrics()
    folder.prepare()
    with ThreadPoolExecutor(1) as disk, ThreadPoolExecutor(1) as pool:
        async with ClientSession() as session:
            engine = VadEngine(SILERO)
            providers = Factory(session)
            keeper = FolderKeeper(folder, disk)
            worker = Worker(Resources(limits, plans, providers, engine, keeper, disk, pool, metrics))
            house = House(
                worker, limits, metrics, App(worker, limits, metrics, folder).build(stand_alone=True), UNSIGNED
            )
            async with opened(house, "127.0.0.1", 0) as port:
                worker.start()
                yield Desk(worker, metrics, folder, session, f"http://127.0.0.1:{port}")
                worker.shut("admin", "test over")
                async with asyncio.timeout(PATIENCE_S):
                    await worker.drain()


@pytest.fixture(scope="session")
def speech() -> bytes:
    """1.8 s of a human voice, mu-law 8 kHz: "And so, my fellow Americans"."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32", always_2d=True)
    clip = samples[int(0.3 * rate) : int(2.1 * rate)].mean(axis=1)
    narrow = soxr.resample(clip, rate, 8_000) * 32_767
    return mulaw.encode(narrow.astype("<i2").tobytes())


def fewer(limits: Limits, **changes: float) -> Limits:
    """Limits with some of them changed."""
    return replace(limits, **changes)  # type: ignore[arg-type]  # names and types are checked by the dataclass
