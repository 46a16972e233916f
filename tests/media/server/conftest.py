"""A media worker on a real port, with stand-in providers."""

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
from media.command import VENDORS
from media.providers.chain.deadlines import Deadlines
from media.providers.factory import ProviderFactory
from media.server.app import HttpEndpoints
from media.server.call_records import FolderCallRecordStore
from media.server.limits import WorkerLimits
from media.server.listener import ListenerBackend, listen
from media.server.metrics import Metrics
from media.server.plans import PlanSource, SinglePlan
from media.server.sinks import StateFolder
from media.server.worker import Worker, WorkerResources
from media.turn.onnx_models import SILERO
from media.turn.second_opinion import SecondJudge
from media.turn.vad import VadEngine
from shared.plan import CallPlan, decode_plan
from tests.media.server.phone import STREAM, UNSIGNED, WAIT_LIMIT_S, Phone

SAMPLE = Path(__file__).parents[3] / "config" / "samples" / "jfk.flac"
PLAN = b"""{
  "agent": {"name": "Front desk", "greeting": "", "prompt": "Be kind.", "language": "en"},
  "stt": [{"provider": "standin", "options": {"final_ms": 10, "text": "and so my fellow americans"}}],
  "llm": [{"provider": "standin", "options": {"first_token_ms": 10, "token_ms": 1, "text": "Thank you for calling."}}],
  "tts": [{"provider": "standin", "options": {"first_byte_ms": 10, "audio_ms": 600, "chunk_ms": 200}}],
  "turn": {"silence_ms": 400, "adaptive": false, "barge_in": true}, "recording": false}"""


@dataclass
class WorkerSetup:
    """A running worker, and how to call it."""

    worker: Worker
    metrics: Metrics
    folder: StateFolder
    session: ClientSession
    url: str
    providers: ProviderFactory

    async def dial(self, stream: str = STREAM) -> Phone:
        """Starts a call."""
        return await Phone.dial(self.session, self.url + "/media/twilio", stream)

    async def wait_until_idle(self) -> None:
        """Waits until the worker has no connection."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while self.worker.connections:  # noqa: ASYNC110  # there is no event to wait for
                await asyncio.sleep(0.002)

    async def wait_for_calls(self, number: int) -> None:
        """Waits until so many sockets have a call."""
        async with asyncio.timeout(WAIT_LIMIT_S):
            while self.worker.call_count != number:  # noqa: ASYNC110  # there is no event to wait for
                await asyncio.sleep(0.002)

    def count(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def limits() -> WorkerLimits:
    """Limits that no slow test reaches; tests of a limit override it."""
    return WorkerLimits(start_timeout_s=30.0, receive_timeout_s=30.0, send_timeout_s=10.0, drain_timeout_s=30.0)


@pytest.fixture
def plan() -> CallPlan:
    """Stand-in providers with short delays."""
    return decode_plan(PLAN)


@pytest.fixture
def plans(plan: CallPlan) -> PlanSource:
    """The source of plans."""
    return SinglePlan(plan)


@pytest.fixture
def deadlines() -> Deadlines:
    """Of providers."""
    return Deadlines()


@pytest.fixture
def second_judge() -> SecondJudge | None:
    """Of the callers' words: none, unless a test has one."""
    return None


@pytest.fixture
async def worker_setup(
    limits: WorkerLimits,
    plans: PlanSource,
    deadlines: Deadlines,
    second_judge: SecondJudge | None,
    tmp_path: Path,
) -> AsyncIterator[WorkerSetup]:
    """A serving worker."""
    folder, metrics = StateFolder(tmp_path), Metrics()
    folder.prepare()
    with ThreadPoolExecutor(1) as disk, ThreadPoolExecutor(1) as pool:
        async with ClientSession() as session:
            engine = VadEngine(SILERO)
            providers = ProviderFactory(VENDORS, session, deadlines=deadlines)
            records = FolderCallRecordStore(folder, disk)
            worker = Worker(
                WorkerResources(
                    limits=limits,
                    plans=plans,
                    providers=providers,
                    vad=engine,
                    records=records,
                    disk=disk,
                    pool=pool,
                    metrics=metrics,
                    second_judge=second_judge,
                )
            )
            backend = ListenerBackend(
                worker,
                limits,
                metrics,
                HttpEndpoints(worker, limits, metrics, folder).build(stand_alone=True),
                UNSIGNED,
            )
            async with listen(backend, "127.0.0.1", 0) as port:
                worker.start()
                yield WorkerSetup(worker, metrics, folder, session, f"http://127.0.0.1:{port}", providers)
                worker.end_calls("admin", "test ended")
                async with asyncio.timeout(WAIT_LIMIT_S):
                    await worker.drain()
                await providers.close()


@pytest.fixture(scope="session")
def speech() -> bytes:
    """1.8 s of a human voice, mu-law 8 kHz: "And so, my fellow Americans"."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32", always_2d=True)
    clip = samples[int(0.3 * rate) : int(2.1 * rate)].mean(axis=1)
    narrow = soxr.resample(clip, rate, 8_000) * 32_767
    return mulaw.encode(narrow.astype("<i2").tobytes())


def with_limits(limits: WorkerLimits, **changes: float) -> WorkerLimits:
    """The limits with some of them replaced."""
    return replace(limits, **changes)  # type: ignore[arg-type]  # names and types are checked by the dataclass
