"""Recordings are uploaded to storage, with retries, and reported once they are stored."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from media.audio.wav import HEADER_BYTES, read_wav
from media.server.bus.publisher import EventPublisher
from media.server.bus.spool import EventFile
from media.server.bus.uploads import RecordingUploads
from media.server.metrics import Metrics
from shared.bus.client import bus_client
from shared.bus.events import EventStream
from shared.events import CallEnded, RecordingIncomplete, RecordingReady
from shared.plan import CallPlan
from shared.storage import Storage
from tests.media.server.bus.conftest import WORKSPACE, call_plan
from tests.media.server.phone import WAIT_LIMIT_S
from tests.platform.bus_node import BusNode, running_bus_node, wait_until


@pytest.fixture
def plan() -> CallPlan:
    return msgspec.structs.replace(call_plan(), recording=True)


async def record(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    phone = await bus_node.dial(plan)
    await phone.speak(speech)
    await phone.hang_up()
    await bus_node.wait_for_event(CallEnded)


async def test_is_stored_and_reported_before_the_end(
    bus_node: BusNode, plan: CallPlan, speech: bytes, tmp_path: Path
) -> None:
    await record(bus_node, plan, speech)
    *_, ready, ended = await bus_node.events()
    assert isinstance(ended, CallEnded) and isinstance(ready, RecordingReady)
    assert ready.path == f"recordings/{WORKSPACE}/{plan.call_id}-0.wav"
    wav = read_wav((tmp_path / "objects" / ready.path).read_bytes())
    assert wav.samples.shape[1] == 2 and abs(wav.seconds * 1000 - ready.duration_ms) < 1
    assert wav.samples[:, 0].any()
    assert bus_node.metric("vocalized_media_recordings_total", outcome="stored") == 1
    await asyncio.wait_for(wait_until(lambda: is_spool_empty(tmp_path)), WAIT_LIMIT_S)


async def is_spool_empty(state: Path) -> bool:
    return not list((state / "state" / "spool").glob("*/recordings/*/*"))


@pytest.mark.parametrize("workspace_id", ["", "../../etc", "a/b"])
async def test_unsafe_workspace_id_does_not_become_a_path(
    bus_node: BusNode, plan: CallPlan, speech: bytes, workspace_id: str
) -> None:
    await record(bus_node, msgspec.structs.replace(plan, workspace_id=workspace_id), speech)
    ready = await bus_node.wait_for_event(RecordingReady)
    assert ready.path == f"recordings/none/{plan.call_id}-0.wav"


async def test_folder_that_vanishes_in_a_call_is_named_in_its_record(
    bus_node: BusNode, plan: CallPlan, speech: bytes
) -> None:
    """The call goes on; what was recorded is lost, the rest is stored."""
    phone = await bus_node.dial(plan)
    async with phone.sending_silence():
        await wait_until(lambda: is_being_recorded(bus_node.state))
        shutil.rmtree(bus_node.state / "spool")
    await phone.hang_up()
    ended = await bus_node.wait_for_event(CallEnded)
    kinds = [type(event) for event in await bus_node.events()]
    assert ended.status == "completed" and {RecordingIncomplete, RecordingReady} <= set(kinds)
    incomplete = await bus_node.wait_for_event(RecordingIncomplete)
    lost_s = bus_node.metric("vocalized_media_recording_seconds_lost_total")
    assert lost_s == pytest.approx(incomplete.lost_ms / 1_000, abs=0.01) and lost_s > 0


async def is_being_recorded(state: Path) -> bool:
    return any(path.stat().st_size > HEADER_BYTES for path in (state / "spool").glob("*/recordings/*/*.wav"))


async def test_stored_recording_whose_file_cannot_be_removed_is_not_lost(tmp_path: Path) -> None:
    path, lost = tmp_path / "spool" / WORKSPACE / "call-0.wav", list[str]()
    path.parent.mkdir(parents=True)
    path.write_bytes(b"sound")
    redis = bus_client(f"unix://{tmp_path}/no-valkey.sock", 1.0)
    with ThreadPoolExecutor(1) as disk, capture_logs() as logs:
        publisher = EventPublisher(EventStream(redis), EventFile(tmp_path / "events.jsonl", 1_000), disk, Metrics())
        uploads = RecordingUploads(Storage(f"file://{tmp_path}/objects"), tmp_path, publisher, disk, Metrics())
        stored: list[str] = []

        def on_stored(key: str) -> None:
            stored.append(key)
            shutil.rmtree(tmp_path / "spool")

        await uploads.store(path, on_stored, lambda: lost.append("lost"))
        await uploads.close(WAIT_LIMIT_S)
    await redis.aclose()
    assert stored == [f"recordings/{WORKSPACE}/call-0.wav"] and lost == []
    assert (tmp_path / "objects" / stored[0]).read_bytes() == b"sound"
    assert [entry["event"] for entry in logs] == ["recording.not_removed"]


class TestNoStorage:
    """Without a storage URL."""

    @pytest.fixture
    def storage(self) -> None:
        return None

    async def test_recording_stays_local_and_unreported(self, bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
        await record(bus_node, plan, speech)
        assert not [event for event in await bus_node.events() if isinstance(event, RecordingReady)]
        local_file = bus_node.state / "recordings" / f"{plan.call_id}-0.wav"
        assert read_wav(local_file.read_bytes()).seconds > 1


class FakeS3:
    """An S3 server that refuses requests until `works` is set."""

    def __init__(self) -> None:
        self.works = False
        self.refused = 0
        self.objects: dict[str, bytes] = {}

    async def put(self, request: web.Request) -> web.Response:
        body = await request.read()
        if not self.works:
            self.refused += 1
            return web.Response(status=403)
        self.objects[request.path] = body
        return web.Response(headers={"ETag": '"1"'})


class TestFailingStorage:
    """A storage that refuses for a while."""

    @pytest.fixture
    def store(self) -> FakeS3:
        return FakeS3()

    @pytest.fixture
    async def storage(self, store: FakeS3, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
        app = web.Application(client_max_size=10_000_000)
        app.router.add_put("/{path:.*}", store.put)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        yield Storage(f"s3://bucket?endpoint=http://127.0.0.1:{port}", timeout_s=2.0)
        await runner.cleanup()

    async def test_is_retried_and_reported_after_the_end(
        self, bus_node: BusNode, plan: CallPlan, speech: bytes, store: FakeS3, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("media.server.bus.uploads.WAIT_S", 0.05)
        monkeypatch.setattr("media.server.bus.uploads.FIRST_PAUSE_S", 0.05)
        await record(bus_node, plan, speech)
        assert not [event for event in await bus_node.events() if isinstance(event, RecordingReady)]
        await wait_until(lambda: has_refused(store, 2))
        store.works = True
        ready = await bus_node.wait_for_event(RecordingReady)
        last = (await bus_node.envelopes())[-1]
        assert last.event == ready
        assert [envelope.seq for envelope in await bus_node.envelopes()] == list(range(1, last.seq + 1))
        (body,) = store.objects.values()
        assert abs(read_wav(body).seconds * 1000 - ready.duration_ms) < 1
        assert bus_node.metric("vocalized_media_recordings_total", outcome="failed") >= 2

    async def test_next_process_stores_what_was_not_stored_in_time(
        self,
        redis_url: str,
        tmp_path: Path,
        storage: Storage,
        plan: CallPlan,
        speech: bytes,
        store: FakeS3,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("media.server.bus.uploads.WAIT_S", 0.05)
        monkeypatch.setattr("media.server.bus.node.FLUSH_S", 0.05)
        async with running_bus_node(redis_url, tmp_path, storage=storage) as bus_node:
            await record(bus_node, plan, speech)
        (unstored,) = (tmp_path / "spool").glob("*/recordings/*/*.wav")
        assert unstored.name == f"{plan.call_id}-0.wav"
        store.works = True
        async with running_bus_node(redis_url, tmp_path, storage=storage, node_id="node-2") as bus_node:
            ready = await bus_node.wait_for_event(RecordingReady)
            assert (ready.path, ready.leg) == (f"recordings/{WORKSPACE}/{plan.call_id}-0.wav", 0)
            assert [envelope.seq for envelope in await bus_node.envelopes()][-1] == 99_000
            await wait_until(lambda: is_removed(unstored))
        assert len(store.objects) == 1 and list((tmp_path / "spool").iterdir()) == []


async def is_removed(path: Path) -> bool:
    return not await asyncio.to_thread(path.exists)


async def has_refused(store: FakeS3, times: int) -> bool:
    return store.refused >= times
