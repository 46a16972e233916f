"""What dead processes left is settled folder by folder: a broken one holds no other up, a bus that is away does."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media.audio import mulaw
from media.audio.wav import WavWriter
from media.server.bus.courier import Courier
from media.server.bus.leftovers import SEQ, Leftovers
from media.server.bus.spool import EventFile, NodeFolder
from media.server.bus.uploads import Uploads
from media.server.metrics import Metrics
from shared.bus.client import BusAway, bus_client
from shared.bus.events import EventStream
from shared.events import CallerSaid, Envelope, RecordingReady, encode_event
from shared.storage import Storage
from tests.media.server.bus.conftest import WORKSPACE
from tests.media.server.bus.station import envelopes
from tests.media.server.phone import PATIENCE_S

SAID = Envelope("call-b", 1, "2026-01-01T00:00:00.000Z", CallerSaid(1, "hello", 0, 900))


@asynccontextmanager
async def leftovers(url: str, state: Path, storage: Storage) -> AsyncIterator[Leftovers]:
    """Those of STATE/spool, on the bus at that address; they look when they are asked to."""
    redis, metrics = bus_client(url, 5.0), Metrics()
    stream = EventStream(redis)
    with ThreadPoolExecutor(1) as disk:
        courier = Courier(stream, EventFile(state / "own.jsonl", 1_000), disk, metrics)
        uploads = Uploads(storage, state / "shelf", courier, disk, metrics)
        courier.start()
        yield Leftovers(state / "spool", stream, courier, uploads, disk, metrics)
        await courier.close(PATIENCE_S)
    await redis.aclose()


def dead(state: Path, node_id: str) -> Path:
    """A folder as a process leaves it that dies at once."""
    folder = state / "spool" / node_id
    (folder / "recordings").mkdir(parents=True)
    (folder / "lock").touch()
    return folder


def with_a_stranger(folder: Path) -> None:
    """Somebody put a file there: the folder is settled, and cannot go."""
    (folder / "recordings" / "notes.txt").touch()


def with_unreadable_events(folder: Path) -> None:
    """It cannot be settled."""
    (folder / "events.jsonl").mkdir()


def with_a_call(folder: Path) -> None:
    """An event and a second of a recording."""
    (folder / "events.jsonl").write_bytes(encode_event(SAID) + b"\n")
    (folder / "recordings" / WORKSPACE).mkdir()
    with (folder / "recordings" / WORKSPACE / "call-b-0.wav").open("wb") as file:
        writer = WavWriter(file, 2)
        writer.silence(mulaw.RATE)
        writer.sync()


@pytest.mark.parametrize("broken", [with_a_stranger, with_unreadable_events])
async def test_a_broken_folder_holds_no_other_one_up(
    redis_url: str, tmp_path: Path, storage: Storage, broken: Callable[[Path], None]
) -> None:
    first, second = dead(tmp_path, "node-a"), dead(tmp_path, "node-b")
    broken(first)
    with_a_call(second)
    async with leftovers(redis_url, tmp_path, storage) as desk:
        with capture_logs() as logs:
            await asyncio.wait_for(desk.sweep(), PATIENCE_S)
    redis = bus_client(redis_url, 5.0)
    said, told = await envelopes(redis)
    await redis.aclose()
    key = f"recordings/{WORKSPACE}/call-b-0.wav"
    assert said == SAID and (told.seq, told.event) == (SEQ, RecordingReady(key, 1_000))
    assert await storage.size(key) > 0
    assert list((tmp_path / "spool").iterdir()) == [first]
    assert [(line["event"], line["folder"]) for line in logs] == [("leftovers.broken", "node-a")]
    heir = NodeFolder.take(first)  # it is looked at again: nobody has it
    assert heir is not None
    with suppress(OSError):  # it still cannot go
        heir.release()


@asynccontextmanager
async def leaving_bus(leaves: Callable[[], None]) -> AsyncIterator[str]:
    """The address of a Redis that goes whenever it is asked something. leaves: happens in that moment."""

    async def asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        leaves()
        writer.close()

    async with await asyncio.start_server(asked, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_bus_that_is_away_ends_the_round_also_when_the_folder_cannot_go(
    tmp_path: Path, storage: Storage
) -> None:
    folders = [dead(tmp_path, "node-a"), dead(tmp_path, "node-b")]
    for folder in folders:
        with_a_stranger(folder)
        (folder / "events.jsonl").write_bytes(encode_event(SAID) + b"\n")

    def lose_events() -> None:  # else the folder would not even try to go
        for folder in folders:
            (folder / "events.jsonl").unlink(missing_ok=True)

    async with leaving_bus(lose_events) as url, leftovers(url, tmp_path, storage) as desk:
        with capture_logs() as logs, pytest.raises(BusAway):
            await asyncio.wait_for(desk.sweep(), PATIENCE_S)
    assert [(line["event"], line["folder"], line["error"]) for line in logs] == [
        ("leftovers.broken", "node-a", "Not a directory")
    ]
