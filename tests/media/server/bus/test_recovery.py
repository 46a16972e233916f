"""Recovery of the folders of dead processes: a broken folder does not block others, an unavailable bus does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media.audio import mulaw
from media.audio.wav import WavWriter
from media.server.bus.publisher import EventPublisher
from media.server.bus.recovery import SEQ, SpoolRecovery
from media.server.bus.spool import EventFile, NodeFolder
from media.server.bus.uploads import RecordingUploads
from media.server.metrics import Metrics
from shared.bus.client import BusUnavailable, bus_client
from shared.bus.events import EventStream
from shared.events import CallerSaid, EventEnvelope, RecordingReady, encode_event
from shared.storage import Storage
from tests.media.server.bus.conftest import WORKSPACE
from tests.media.server.phone import WAIT_LIMIT_S
from tests.platform.bus_node import envelopes

SAID = EventEnvelope("call-b", 1, "2026-01-01T00:00:00.000Z", CallerSaid(1, "hello", 0, 900))


@asynccontextmanager
async def spool_recovery(url: str, state: Path, storage: Storage) -> AsyncIterator[SpoolRecovery]:
    """The recovery of STATE/spool on the bus at `url`; it runs only when called."""
    redis, metrics = bus_client(url, 5.0), Metrics()
    stream = EventStream(redis)
    with ThreadPoolExecutor(1) as disk:
        publisher = EventPublisher(stream, EventFile(state / "own.jsonl", 1_000), disk, metrics)
        uploads = RecordingUploads(storage, state / "local", publisher, disk, metrics)
        publisher.start()
        yield SpoolRecovery(state / "spool", stream, publisher, uploads, disk, metrics)
        await publisher.close(WAIT_LIMIT_S)
    await redis.aclose()


def dead_folder(state: Path, node_id: str) -> Path:
    """The folder of a process that died at once."""
    folder = state / "spool" / node_id
    (folder / "recordings").mkdir(parents=True)
    (folder / "lock").touch()
    return folder


def add_foreign_file(folder: Path) -> None:
    """A foreign file: the folder can be recovered, but not removed."""
    (folder / "recordings" / "notes.txt").touch()


def make_events_unreadable(folder: Path) -> None:
    """The folder cannot be recovered."""
    (folder / "events.jsonl").mkdir()


def add_call(folder: Path) -> None:
    """Adds an event and a recording of one second."""
    (folder / "events.jsonl").write_bytes(encode_event(SAID) + b"\n")
    (folder / "recordings" / WORKSPACE).mkdir()
    with (folder / "recordings" / WORKSPACE / "call-b-0.wav").open("wb") as file:
        writer = WavWriter(file, 2)
        writer.write_silence(mulaw.RATE)
        writer.sync()


@pytest.mark.parametrize("broken", [add_foreign_file, make_events_unreadable])
async def test_broken_folder_does_not_block_others(
    redis_url: str, tmp_path: Path, storage: Storage, broken: Callable[[Path], None]
) -> None:
    first, second = dead_folder(tmp_path, "node-a"), dead_folder(tmp_path, "node-b")
    broken(first)
    add_call(second)
    async with spool_recovery(redis_url, tmp_path, storage) as recovery:
        with capture_logs() as logs:
            await asyncio.wait_for(recovery.recover(), WAIT_LIMIT_S)
    redis = bus_client(redis_url, 5.0)
    said, reported = await envelopes(redis)
    await redis.aclose()
    key = f"recordings/{WORKSPACE}/call-b-0.wav"
    assert said == SAID and (reported.seq, reported.event) == (SEQ, RecordingReady(key, 1_000))
    assert await storage.size(key) > 0
    assert list((tmp_path / "spool").iterdir()) == [first]
    assert [(line["event"], line["folder"]) for line in logs] == [("spool.recovery_failed", "node-a")]
    taken_over = NodeFolder.take_over(first)  # it was unlocked
    assert taken_over is not None
    with suppress(OSError):  # it still cannot be removed
        taken_over.release()


@asynccontextmanager
async def closing_server(on_request: Callable[[], None]) -> AsyncIterator[str]:
    """The URL of a server that closes each connection at its first request. on_request: called just before."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        on_request()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_unavailable_bus_ends_the_round_even_if_the_folder_cannot_be_removed(
    tmp_path: Path, storage: Storage
) -> None:
    folders = [dead_folder(tmp_path, "node-a"), dead_folder(tmp_path, "node-b")]
    for folder in folders:
        add_foreign_file(folder)
        (folder / "events.jsonl").write_bytes(encode_event(SAID) + b"\n")

    def lose_events() -> None:  # otherwise the folder would not be removed
        for folder in folders:
            (folder / "events.jsonl").unlink(missing_ok=True)

    async with closing_server(lose_events) as url, spool_recovery(url, tmp_path, storage) as recovery:
        with capture_logs() as logs, pytest.raises(BusUnavailable):
            await asyncio.wait_for(recovery.recover(), WAIT_LIMIT_S)
    assert [(line["event"], line["folder"], line["error"]) for line in logs] == [
        ("spool.recovery_failed", "node-a", "Not a directory")
    ]
