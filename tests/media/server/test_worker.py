"""Limits of a worker: full, draining, stuck sockets."""

import asyncio
from collections.abc import Callable

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from media.call.call import Call
from media.call.components import CascadeComponents
from media.call.conversation import make_cascade
from media.call.responder import MakeResponder
from media.providers.chain.stt import SpeechToTextChain
from media.providers.ports import ProviderError, SpeechToTextSession, SpeechToTextSink
from media.server.call_records import FolderCallRecord
from media.server.frames import CloseCode
from media.server.limits import WorkerLimits
from media.turn.second_opinion import SecondJudge
from media.turn.vad import VadEngine, VoiceTrack
from shared.events import CallEnded, EndReason
from tests.media.server.conftest import WorkerSetup, with_limits
from tests.media.server.phone import WAIT_LIMIT_S, Phone
from tests.media.server.test_connection import events_of


async def status(worker_setup: WorkerSetup, path: str) -> int:
    async with worker_setup.session.get(worker_setup.url + path) as response:
        return response.status


async def test_health_and_metrics_answer(worker_setup: WorkerSetup) -> None:
    assert await status(worker_setup, "/healthz") == 200
    assert await status(worker_setup, "/readyz") == 200
    phone = await worker_setup.dial()
    await worker_setup.wait_for_calls(1)
    async with worker_setup.session.get(worker_setup.url + "/metrics") as response:
        text = await response.text()
    assert "vocalized_media_calls_active 1.0" in text and "vocalized_media_waiting 0.0" in text
    await phone.hang_up()
    await worker_setup.wait_until_idle()
    assert worker_setup.count("vocalized_media_calls_active") == 0


async def test_voice_track_is_released_when_a_call_cannot_be_set_up(
    worker_setup: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(record: FolderCallRecord, call: Call) -> None:
        raise RuntimeError("the record failed")

    monkeypatch.setattr(FolderCallRecord, "attach", fail)
    released: list[VoiceTrack] = []
    monkeypatch.setattr(VadEngine, "release", lambda engine, track: released.append(track))
    phone = await worker_setup.dial()
    await phone.wait_for("closed")
    await worker_setup.wait_until_idle()
    assert len(released) == 1
    (ended,) = [event for event in await events_of(worker_setup) if isinstance(event, CallEnded)]
    assert (ended.status, ended.detail) == ("failed", "internal fault: RuntimeError")


async def test_a_call_that_cannot_be_set_up_opens_no_recognizer(
    worker_setup: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would close it: its session and the timer of its usage would stay for as long as the process."""

    def fail(record: FolderCallRecord, call: Call) -> None:
        raise RuntimeError("the record failed")

    opened: list[str] = []

    async def open_session(chain: SpeechToTextChain, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        opened.append(language)
        raise ProviderError("standin", "not in this test")

    monkeypatch.setattr(FolderCallRecord, "attach", fail)
    monkeypatch.setattr(SpeechToTextChain, "open", open_session)
    phone = await worker_setup.dial()
    await phone.wait_for("closed")
    await worker_setup.wait_until_idle()
    assert opened == []


async def test_call_finishes_although_its_final_record_fails(
    worker_setup: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(record: FolderCallRecord, reason: EndReason, number: str) -> None:
        raise RuntimeError("the record failed")

    monkeypatch.setattr(FolderCallRecord, "stream_ended", fail)
    phone = await worker_setup.dial()
    await worker_setup.wait_for_calls(1)
    await phone.hang_up()
    await worker_setup.wait_until_idle()
    (ended,) = [event for event in await events_of(worker_setup) if isinstance(event, CallEnded)]
    assert (ended.status, ended.end_reason) == ("completed", "caller_hangup")


class SilentJudge:
    """A second judge that never answers."""

    def request(self, text: str, on_probability: Callable[[float], None]) -> None:
        pass


class TestSecondJudge:
    """A worker whose second judge is for one call."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, teacher_calls=1)

    @pytest.fixture
    def second_judge(self) -> SecondJudge:
        return SilentJudge()

    async def test_a_call_beside_as_many_as_it_is_for_begins_without_it(
        self, worker_setup: WorkerSetup, second_judge: SecondJudge, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        judges: list[SecondJudge | None] = []

        def make(components: CascadeComponents) -> MakeResponder:
            judges.append(components.second_judge)
            return make_cascade(components)

        monkeypatch.setattr("media.server.worker.make_cascade", make)
        phones = []
        for number in (1, 2):
            phones.append(await worker_setup.dial(f"MZ{number}"))
            await worker_setup.wait_for_calls(number)
        for phone in phones:
            await phone.hang_up()
        await worker_setup.wait_until_idle()
        await (await worker_setup.dial("MZ3")).hang_up()
        await worker_setup.wait_until_idle()
        assert judges == [second_judge, None, second_judge]


class TestFull:
    """A worker with capacity for one call."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_calls=1)

    async def test_second_call_is_refused(self, worker_setup: WorkerSetup) -> None:
        phone = await worker_setup.dial()
        await worker_setup.wait_for_calls(1)
        assert await status(worker_setup, "/readyz") == 503
        with pytest.raises(WSServerHandshakeError, match="503"):
            await worker_setup.dial("MZother")
        assert worker_setup.count("vocalized_media_refused_total", reason="full") == 1
        await phone.hang_up()
        await worker_setup.wait_until_idle()
        phone = await worker_setup.dial("MZthird")
        await phone.hang_up()

    async def test_sockets_without_a_call_use_no_capacity(self, worker_setup: WorkerSetup) -> None:
        silent = [await worker_setup.session.ws_connect(worker_setup.url + "/media/twilio") for _ in range(5)]
        assert await status(worker_setup, "/readyz") == 200
        assert (
            worker_setup.count("vocalized_media_calls_active") == 0
            and worker_setup.count("vocalized_media_waiting") == 5
        )
        phone = await worker_setup.dial()
        await worker_setup.wait_for_calls(1)
        await phone.hang_up()
        for socket in silent:
            assert not socket.closed
            await socket.close()

    async def test_first_of_two_streams_gets_the_capacity(self, worker_setup: WorkerSetup) -> None:
        """Both sockets were opened while there was capacity."""
        phone, late = [
            Phone(await worker_setup.session.ws_connect(worker_setup.url + "/media/twilio"), name)
            for name in ("MZ1", "MZ2")
        ]
        await phone.start_stream()
        await worker_setup.wait_for_calls(1)
        await late.start_stream()
        await late.wait_for("closed")
        assert late.close_code == CloseCode.TRY_AGAIN and worker_setup.worker.call_count == 1
        assert worker_setup.count("vocalized_media_refused_total", reason="full") == 1
        await phone.hang_up()


class TestPendingSockets:
    """A worker with a limit of two pending sockets."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_pending=2)

    async def test_longest_silent_socket_is_evicted(self, worker_setup: WorkerSetup) -> None:
        first, second = [
            Phone(await worker_setup.session.ws_connect(worker_setup.url + "/media/twilio"), name) for name in "12"
        ]
        for number, name in enumerate(("MZ3", "MZ4"), 1):
            phone = await worker_setup.dial(name)
            await worker_setup.wait_for_calls(number)
            assert worker_setup.count("vocalized_media_refused_total", reason="made_way") == 1
            assert worker_setup.count("vocalized_media_waiting") == 1
        assert (await first.socket.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)
        await second.start_stream()
        await worker_setup.wait_for_calls(3)
        await second.hang_up()
        await phone.hang_up()


async def test_drain_refuses_new_calls_and_waits_for_running_ones(worker_setup: WorkerSetup) -> None:
    phone = await worker_setup.dial()
    async with phone.sending_silence():
        draining = asyncio.create_task(worker_setup.worker.drain())
        await asyncio.sleep(0)
        assert await status(worker_setup, "/readyz") == 503
        assert await status(worker_setup, "/healthz") == 200
        with pytest.raises(WSServerHandshakeError, match="503"):
            await worker_setup.dial("MZother")
        assert not draining.done()
    await phone.hang_up()
    async with asyncio.timeout(WAIT_LIMIT_S):
        await draining
    ended = (await events_of(worker_setup))[-1]
    assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup"


class TestShortDrain:
    """A drain that does not wait for long."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, drain_timeout_s=0.2)

    async def test_remaining_calls_are_ended(self, worker_setup: WorkerSetup) -> None:
        phone = await worker_setup.dial()
        async with phone.sending_silence(), asyncio.timeout(WAIT_LIMIT_S):
            await worker_setup.worker.drain()
        await phone.wait_for("closed")
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded) and ended.end_reason == "media_lost"


class TestStuckSocket:
    """A carrier that stops reading and continues to send."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, send_timeout_s=0.3, max_outbox_bytes=100_000_000)

    async def test_is_aborted_and_the_other_call_continues(self, worker_setup: WorkerSetup) -> None:
        phone = await worker_setup.dial()
        await phone.pause(20)
        (connection,) = worker_setup.worker.connections
        response = phone.socket._response  # no public method stops reading
        assert response.connection is not None and isinstance(response.connection.transport, asyncio.ReadTransport)
        response.connection.transport.pause_reading()
        other = await worker_setup.dial("MZother")
        async with asyncio.timeout(WAIT_LIMIT_S):
            while worker_setup.count("vocalized_media_calls_total", carrier="twilio", end_reason="carrier_error") == 0:
                connection.play(b"\x00" * 100_000)
                await other.pause(40)
        assert not other.socket.closed
        await other.hang_up()
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded) and "took no data" in ended.detail
