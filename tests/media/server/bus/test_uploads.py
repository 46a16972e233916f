"""Recordings reach storage, sooner or later, and are told when they are there."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from media.audio.wav import read_wav
from shared.events import CallEnded, RecordingReady
from shared.plan import CallPlan
from shared.storage import Storage
from tests.media.server.bus.conftest import WORKSPACE, call_plan
from tests.media.server.bus.station import Station, running_station, until
from tests.media.server.phone import PATIENCE_S


@pytest.fixture
def plan() -> CallPlan:
    return msgspec.structs.replace(call_plan(), recording=True)


async def record(station: Station, plan: CallPlan, speech: bytes) -> None:
    phone = await station.dial(plan)
    await phone.speak(speech)
    await phone.hang_up()
    await station.until_event(CallEnded)


async def test_is_stored_and_told_before_the_end(
    station: Station, plan: CallPlan, speech: bytes, tmp_path: Path
) -> None:
    await record(station, plan, speech)
    *_, ready, ended = await station.events()
    assert isinstance(ended, CallEnded) and isinstance(ready, RecordingReady)
    assert ready.path == f"recordings/{WORKSPACE}/{plan.call_id}-0.wav"
    wav = read_wav((tmp_path / "objects" / ready.path).read_bytes())
    assert wav.samples.shape[1] == 2 and abs(wav.seconds * 1000 - ready.duration_ms) < 1
    assert wav.samples[:, 0].any()
    assert station.count("vocalized_media_recordings_total", outcome="stored") == 1
    await asyncio.wait_for(until(lambda: nothing_left(tmp_path)), PATIENCE_S)


async def nothing_left(state: Path) -> bool:
    return not list((state / "state" / "spool").glob("*/recordings/*/*"))


@pytest.mark.parametrize("workspace_id", ["", "../../etc", "a/b"])
async def test_a_workspace_that_is_no_plain_name_leads_nowhere(
    station: Station, plan: CallPlan, speech: bytes, workspace_id: str
) -> None:
    await record(station, msgspec.structs.replace(plan, workspace_id=workspace_id), speech)
    ready = await station.until_event(RecordingReady)
    assert ready.path == f"recordings/none/{plan.call_id}-0.wav"


class TestNoStorage:
    """Without a storage URL."""

    @pytest.fixture
    def storage(self) -> None:
        return None

    async def test_it_stays_on_this_machine_and_nobody_is_told(
        self, station: Station, plan: CallPlan, speech: bytes
    ) -> None:
        await record(station, plan, speech)
        assert not [event for event in await station.events() if isinstance(event, RecordingReady)]
        kept = station.state / "recordings" / f"{plan.call_id}-0.wav"
        assert read_wav(kept.read_bytes()).seconds > 1


class Store:
    """An S3 that does not work until told to."""

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
    def store(self) -> Store:
        return Store()

    @pytest.fixture
    async def storage(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Storage]:
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

    async def test_is_tried_again_and_told_after_the_end(
        self, station: Station, plan: CallPlan, speech: bytes, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("media.server.bus.uploads.PATIENCE_S", 0.05)
        monkeypatch.setattr("media.server.bus.uploads.FIRST_PAUSE_S", 0.05)
        await record(station, plan, speech)
        assert not [event for event in await station.events() if isinstance(event, RecordingReady)]
        await until(lambda: tried(store, 2))
        store.works = True
        ready = await station.until_event(RecordingReady)
        last = (await station.envelopes())[-1]
        assert last.event == ready
        assert [envelope.seq for envelope in await station.envelopes()] == list(range(1, last.seq + 1))
        (body,) = store.objects.values()
        assert abs(read_wav(body).seconds * 1000 - ready.duration_ms) < 1
        assert station.count("vocalized_media_recordings_total", outcome="failed") >= 2

    async def test_what_is_not_stored_in_time_stays_for_the_next_start(
        self,
        redis_url: str,
        tmp_path: Path,
        storage: Storage,
        plan: CallPlan,
        speech: bytes,
        store: Store,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("media.server.bus.uploads.PATIENCE_S", 0.05)
        monkeypatch.setattr("media.server.bus.node.FLUSH_S", 0.05)
        async with running_station(redis_url, tmp_path, storage=storage) as station:
            await record(station, plan, speech)
        (left,) = (tmp_path / "spool").glob("*/recordings/*/*.wav")
        assert left.name == f"{plan.call_id}-0.wav"
        store.works = True
        async with running_station(redis_url, tmp_path, storage=storage, node_id="node-2") as station:
            ready = await station.until_event(RecordingReady)
            assert (ready.path, ready.leg) == (f"recordings/{WORKSPACE}/{plan.call_id}-0.wav", 0)
            assert [envelope.seq for envelope in await station.envelopes()][-1] == 99_000
            await until(lambda: gone(left))
        assert len(store.objects) == 1 and list((tmp_path / "spool").iterdir()) == []


async def gone(path: Path) -> bool:
    return not await asyncio.to_thread(path.exists)


async def tried(store: Store, times: int) -> bool:
    return store.refused >= times
