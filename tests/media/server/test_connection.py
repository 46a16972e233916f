"""One socket and its call, over a real WebSocket."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import pytest

from media.call.call import Call
from media.server.limits import WorkerLimits
from media.telephony.carrier_messages import MAX_NOT_JSON_RUN
from shared.events import AgentSaid, CallEnded, CallerSaid, CallStarted, Event, UsageRecorded, decode_event
from shared.plan import CallPlan, decode_plan
from tests.media.server.conftest import PLAN, WorkerSetup, with_limits
from tests.media.server.phone import STREAM, WAIT_LIMIT_S, start_message

CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
MEDIA = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "AAAA"}


async def events_of(worker_setup: WorkerSetup, stream: str = STREAM) -> list[Event]:
    """The call's events as the stand-alone server returns them, until the last one."""
    return [event async for event in follow_events(worker_setup, stream)]


async def follow_events(worker_setup: WorkerSetup, stream: str = STREAM) -> AsyncGenerator[Event, None]:
    """The call's events as they happen."""
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            async with worker_setup.session.get(f"{worker_setup.url}/calls/{stream}/events") as response:
                if response.status == 200:
                    async for line in response.content:
                        yield decode_event(line).event
                    return
                # The disk thread has not written the index yet.
                assert response.status == 404


async def test_caller_gets_an_answer(worker_setup: WorkerSetup, speech: bytes) -> None:
    phone = await worker_setup.dial()
    await phone.speak(speech)
    await phone.pause(800)
    await phone.wait_for_audio(600)
    await phone.hang_up()
    started, *between, ended = await events_of(worker_setup)
    assert isinstance(started, CallStarted) and started.stream_id == STREAM and started.carrier == "twilio"
    assert isinstance(ended, CallEnded) and (ended.status, ended.end_reason) == ("completed", "caller_hangup")
    assert [event.text for event in between if isinstance(event, CallerSaid)] == ["and so my fellow americans"]
    used = [event for event in between if isinstance(event, UsageRecorded)]
    assert {event.unit for event in used} == {"ms", "prompt_tokens", "completion_tokens", "characters"}
    for event in used:
        labels = {"kind": event.resource_type, "provider": "standin", "unit": event.unit}
        assert worker_setup.count("vocalized_media_usage_total", **labels) == event.quantity
    assert ended.usage.tts_characters == len("Thank you for calling.")


class TestShortReceive:
    """A worker whose sockets may be silent for a second."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, receive_timeout_s=1.0, send_timeout_s=1.0)

    async def test_time_in_which_the_process_stood_still_does_not_count(self, worker_setup: WorkerSetup) -> None:
        """After it, timers may run before sockets are read."""
        phone = await worker_setup.dial()
        await worker_setup.wait_for_calls(1)
        (connection,) = worker_setup.worker.connections
        now = asyncio.get_running_loop().time()
        connection.check_limits(now)
        connection.check_limits(now + 60.0)
        await phone.pause(100)
        assert worker_setup.worker.call_count == 1
        for second in (61.0, 62.0, 63.0):
            connection.check_limits(now + second)
        await worker_setup.wait_until_idle()
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded) and "nothing received for 1 s" in ended.detail

    async def test_nor_does_the_far_side_owe_anything_for_that_time(self, worker_setup: WorkerSetup) -> None:
        """It could take nothing, because nothing was sent."""
        phone = await worker_setup.dial()
        await worker_setup.wait_for_calls(1)
        (connection,) = worker_setup.worker.connections
        await phone.stop_reading()
        for _ in range(400):
            connection._socket.send("x" * 50_000)
        now = asyncio.get_running_loop().time()
        connection.check_limits(now)
        connection.check_limits(now + 60.0)
        await phone.pause(100)
        assert worker_setup.worker.call_count == 1
        connection.check_limits(now + 62.0)
        await worker_setup.wait_until_idle()


class TestMarks:
    """An answer of ten seconds whose marks come back at once."""

    @pytest.fixture
    def plan(self) -> CallPlan:
        short, long = b'"audio_ms": 600, "chunk_ms": 200', b'"audio_ms": 10000, "chunk_ms": 10000'
        assert short in PLAN
        return decode_plan(PLAN.replace(short, long))

    async def test_answer_counts_as_heard_when_its_marks_come_back(
        self, worker_setup: WorkerSetup, speech: bytes
    ) -> None:
        phone = await worker_setup.dial()
        phone.returns_marks = True
        await phone.speak(speech)
        async with phone.sending_silence(), aclosing(follow_events(worker_setup)) as events:
            said = await anext(event async for event in events if isinstance(event, AgentSaid))
        assert said.text == "Thank you for calling." and not said.interrupted
        assert said.end_ms - said.start_ms < 10_000, "without marks the audio counts as heard in real time"
        await phone.hang_up()


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["no json"] * (MAX_NOT_JSON_RUN + 1), "not_json"),
        ([json.dumps({"event": "media", "streamSid": "other", "media": MEDIA})], "wrong_stream"),
    ],
    ids=["not_json", "wrong_stream"],
)
async def test_bad_message_ends_only_its_own_call(worker_setup: WorkerSetup, messages: list[str], code: str) -> None:
    other = await worker_setup.dial("MZother")
    async with other.sending_silence():
        phone = await worker_setup.dial()
        for message in messages:
            await phone.send(message)
        await phone.wait_for("closed")
        assert phone.close_code == 1002
        assert worker_setup.count("vocalized_media_wire_errors_total", code=code) == 1
        ended = (await events_of(worker_setup))[-1]
    assert isinstance(ended, CallEnded) and ended.end_reason == "carrier_error" and code in ended.detail
    await other.pause(100)
    assert not other.socket.closed
    await other.hang_up()


async def test_call_survives_malformed_messages(worker_setup: WorkerSetup, speech: bytes) -> None:
    """The caller sends a second connected and start, audio without timestamp or payload, text that is not JSON, and a
    binary message before a turn."""
    phone = await worker_setup.dial()
    bad_media = ({key: MEDIA[key] for key in MEDIA if key != "timestamp"}, {**MEDIA, "payload": None})
    messages = [
        CONNECTED,
        start_message(),
        *({"event": "media", "streamSid": STREAM, "media": one} for one in bad_media),
    ]
    for message in messages:
        await phone.send(message)
    await phone.send("no json")
    await phone.socket.send_bytes(b"\x00\x01")
    await phone.speak(speech)
    await phone.pause(800)
    await phone.wait_for_audio(600)
    await phone.hang_up()
    *_, ended = events = await events_of(worker_setup)
    assert [event.text for event in events if isinstance(event, CallerSaid)] == ["and so my fellow americans"]
    assert isinstance(ended, CallEnded) and (ended.status, ended.end_reason) == ("completed", "caller_hangup")
    await worker_setup.wait_until_idle()
    assert worker_setup.count("vocalized_media_unknown_messages_total", kind="malformed") == 6


async def test_unknown_messages_are_counted_and_passed_over(worker_setup: WorkerSetup) -> None:
    phone = await worker_setup.dial()
    for message in (
        {"event": "party", "streamSid": STREAM},
        {"event": "party", "streamSid": STREAM},
        {"event": "dtmf", "streamSid": STREAM, "dtmf": {"track": "inbound_track", "digit": "flash"}},
    ):
        await phone.send(message)
    await phone.pause(100)
    assert not phone.socket.closed
    await phone.hang_up()
    await worker_setup.wait_until_idle()
    assert worker_setup.count("vocalized_media_unknown_messages_total", kind="event") == 2
    assert worker_setup.count("vocalized_media_unknown_messages_total", kind="digit") == 1
    assert worker_setup.count("vocalized_media_wire_errors_total", code="unknown_event") == 0


async def test_oversized_message_closes_the_socket(worker_setup: WorkerSetup) -> None:
    phone = await worker_setup.dial()
    # The server closes before it has read all of it: the client may notice while it still writes.
    with suppress(ConnectionError):
        await phone.send("x" * 10_000_000)
    await phone.wait_for("closed")
    ended = (await events_of(worker_setup))[-1]
    assert isinstance(ended, CallEnded) and "too_large" in ended.detail


def count_open_requests() -> int:
    """HTTP requests that are being answered."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("RequestHandler.start")


async def test_events_request_ends_when_its_client_leaves(
    worker_setup: WorkerSetup, caplog: pytest.LogCaptureFixture
) -> None:
    phone = await worker_setup.dial()
    async with phone.sending_silence(), aclosing(follow_events(worker_setup)) as events:
        assert isinstance(await anext(events), CallStarted)
        assert count_open_requests() == 1
        await events.aclose()
        async with asyncio.timeout(WAIT_LIMIT_S):
            while count_open_requests():  # noqa: ASYNC110  # there is no event to wait for
                await asyncio.sleep(0.01)
    await phone.hang_up()
    assert caplog.records == []


class TestSilentSocket:
    """A socket that sends nothing, or stops sending."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, start_timeout_s=0.5, receive_timeout_s=2.5)

    async def test_is_dropped_before_the_start(self, worker_setup: WorkerSetup) -> None:
        socket = await worker_setup.session.ws_connect(worker_setup.url + "/media/twilio")
        await socket.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        async with asyncio.timeout(WAIT_LIMIT_S):
            await socket.receive()
        assert socket.closed

    async def test_is_dropped_during_the_call_if_it_answers_no_ping(self, worker_setup: WorkerSetup) -> None:
        phone = await worker_setup.dial()
        phone.answers_pings = False
        await phone.wait_for("closed")
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded)
        assert ended.end_reason == "carrier_error" and "nothing received" in ended.detail

    async def test_answers_to_pings_keep_a_call_whose_audio_pauses(
        self, worker_setup: WorkerSetup, speech: bytes
    ) -> None:
        """Pings come two seconds apart, so three of them take longer than the limit."""
        phone = await worker_setup.dial()
        await phone.wait_for("ping", times=3)
        await phone.speak(speech)
        await phone.pause(800)
        await phone.wait_for_audio(600)
        await phone.hang_up()
        *_, ended = events = await events_of(worker_setup)
        assert [event.text for event in events if isinstance(event, CallerSaid)] == ["and so my fellow americans"]
        assert isinstance(ended, CallEnded) and (ended.status, ended.end_reason) == ("completed", "caller_hangup")


async def test_crashed_call_is_ended_and_the_other_one_continues(
    worker_setup: WorkerSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await worker_setup.dial()
    await phone.pause(40)
    (connection,) = worker_setup.worker.connections
    crashing, tick = connection.call, Call.tick
    monkeypatch.setattr(Call, "tick", lambda call: 1 / 0 if call is crashing else tick(call))
    other = await worker_setup.dial("MZother")
    async with phone.sending_silence(), other.sending_silence():
        await phone.wait_for("closed")
    ended = (await events_of(worker_setup))[-1]
    assert isinstance(ended, CallEnded)
    assert ended.end_reason == "carrier_error" and "ZeroDivisionError" in ended.detail
    assert not other.socket.closed
    await other.hang_up()


class TestFlood:
    """A socket that sends too much."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_messages_per_s=200)

    async def test_is_dropped(self, worker_setup: WorkerSetup) -> None:
        phone = await worker_setup.dial()
        mark = {"event": "mark", "sequenceNumber": "5", "streamSid": STREAM, "mark": {"name": "none"}}
        with suppress(ConnectionError):
            async with asyncio.timeout(WAIT_LIMIT_S):
                while not phone.socket.closed:
                    await phone.send(mark)
                    await asyncio.sleep(0)
        await phone.wait_for("closed")
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded) and "too many" in ended.detail
