"""What a caller's frame costs our media server without the kernel: calls in one process, without sockets.

`python -m tools.frame_path --calls 400 --sound noise` prints CPU microseconds a frame: of the whole path from a
socket's bytes to the call, of the voice detector's batch, and of the first two stages alone. Each round gives every
call one frame, in turn, as calls come on a busy core.
"""

import asyncio
import base64
import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal, cast

import numpy as np
import typer
import uvloop
from aiohttp import ClientSession
from websockets.utils import apply_mask

from lab.benchmarks import frames
from lab.benchmarks.clip import FRAME, SILENCE, encode, load_phrase
from lab.benchmarks.delays import PLAN
from lab.benchmarks.server import ROOT
from lab.benchmarks.twilio import CONNECTED, Stream
from media.command import VENDORS
from media.providers.chain.deadlines import Deadlines
from media.providers.factory import ProviderFactory
from media.server.call_records import FolderCallRecordStore
from media.server.connection import StreamConnection
from media.server.frames import FrameReader
from media.server.limits import WorkerLimits
from media.server.metrics import Metrics
from media.server.plans import SinglePlan, SocketRoute
from media.server.sinks import StateFolder
from media.server.websocket import WebSocket
from media.server.worker import Worker, WorkerResources
from media.telephony.twilio import TwilioCodec
from media.turn.onnx_models import SILERO
from media.turn.vad import VadEngine
from shared.plan import decode_plan

Sound = Literal["silence", "noise", "speech"]
NOISE_LEVEL = 10 ** (-55 / 20)
SET_UP_S = 1.0


class _Discard:
    """A transport that takes everything."""

    def write(self, data: bytes) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def abort(self) -> None:
        pass


def measure(
    calls: int = 400, sound: Annotated[str, typer.Option(help="silence, noise or speech.")] = "noise", rounds: int = 200
) -> None:
    """Print the CPU time of a frame, in microseconds."""
    uvloop.run(_measure(calls, cast(Sound, sound), rounds))


async def _measure(calls: int, sound: Sound, rounds: int) -> None:
    with TemporaryDirectory() as state, ThreadPoolExecutor(1) as disk, ThreadPoolExecutor(1) as pool:
        folder, engine = StateFolder(Path(state)), VadEngine(SILERO)
        folder.prepare()
        async with ClientSession() as session:
            limits = WorkerLimits(max_calls=calls)
            worker = Worker(
                WorkerResources(
                    limits=limits,
                    plans=SinglePlan(decode_plan(PLAN.read_bytes())),
                    providers=ProviderFactory(VENDORS, session, deadlines=Deadlines()),
                    vad=engine,
                    records=FolderCallRecordStore(folder, disk),
                    disk=disk,
                    pool=pool,
                    metrics=Metrics(),
                )
            )
            streams = [Stream(number) for number in range(calls)]
            sockets = [_begin(worker, limits, stream) for stream in streams]
            await asyncio.sleep(SET_UP_S)
            assert worker.call_count == calls
            _print_costs(sockets, streams, engine, _make_payloads(sound), rounds)
            for socket in sockets:
                socket.connection_lost(None)
            await worker.drain()


def _begin(worker: Worker, limits: WorkerLimits, stream: Stream) -> WebSocket:
    socket = WebSocket(cast(asyncio.Transport, _Discard()), limits.max_message_bytes)
    connection = socket.receiver = StreamConnection(socket, TwilioCodec(), limits)
    worker.serve(connection, SocketRoute("twilio"))
    socket.data_received(frames.text(CONNECTED))
    socket.data_received(frames.text(stream.start()))
    return socket


def _make_payloads(sound: Sound) -> Sequence[bytes]:
    if sound == "silence":
        return [SILENCE]
    if sound == "speech":
        return load_phrase(ROOT / "config" / "samples" / "jfk.flac").frames
    noise = np.random.default_rng(1).standard_normal((500, FRAME)) * NOISE_LEVEL
    return [base64.b64encode(encode(samples.astype(np.float32)).tobytes()) for samples in noise]


def _print_costs(
    sockets: list[WebSocket], streams: list[Stream], engine: VadEngine, payloads: Sequence[bytes], rounds: int
) -> None:
    gc.freeze()
    gc.disable()
    readers = [FrameReader(65_536) for _ in streams]
    paths, batches, feeds = [], [], []
    for number in range(rounds):
        messages = [
            _mask(frames.text(stream.media(payloads[(number + at * 7) % len(payloads)])))
            for at, stream in enumerate(streams)
        ]
        paths.append(_time(partial(_hand_over, [socket.data_received for socket in sockets], messages)))
        batches.append(_time(engine.run))
        feeds.append(_time(partial(_hand_over, [reader.feed for reader in readers], messages)))
    for name, seconds in (("path", paths), ("voice detector's batch", batches), ("of the path, WebSocket", feeds)):
        print(f"{name}: {statistics.median(seconds) / len(streams) * 1e6:.2f} us a frame")


def _hand_over(receivers: Sequence[Callable[[bytes], object]], messages: Sequence[bytes]) -> None:
    for receive, message in zip(receivers, messages, strict=True):
        receive(message)


def _mask(frame: bytes) -> bytes:
    key = random.randbytes(4)
    return frame[:4] + key + apply_mask(frame[8:], key)


def _time(work: Callable[[], object]) -> float:
    begun = time.thread_time()
    work()
    return time.thread_time() - begun


if __name__ == "__main__":
    typer.run(measure)
