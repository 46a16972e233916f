"""Media streams in virtual time: pacing, audio, marks, clear, stalls, faults, and every end."""

import asyncio
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from simulator.carrier.caller import Caller
from simulator.carrier.impaired_party import ImpairedParty, Impairment
from simulator.carrier.media_stream import MediaStream, PartyOutput, SocketClosed, StreamEnd
from simulator.carrier.mulaw import decode
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import After, AfterAgent, BargeIn, Ending
from simulator.carrier.stream_messages import twilio_identity
from simulator.carrier.telnyx_messages import TelnyxStreamMessages
from simulator.carrier.twilio_messages import TwilioStreamMessages
from tests.simulator.carrier.test_caller import speech
from tests.simulator.scripted_agent import ScriptedAgent, tone
from tests.simulator.virtual_clock import AgentSocket, VirtualClock


class Call:
    """A scripted caller, a scripted agent and the stream between them."""

    def __init__(self, turns: Sequence[PreparedTurn], agent: ScriptedAgent | None = None, late_s: float = 0.0) -> None:
        self.agent = agent or ScriptedAgent()
        self.socket = AgentSocket(self.agent)
        self.clock = VirtualClock(late_s)
        self.caller = Caller(turns, Ending(quiet_ms=600, timeout_ms=4_000))
        self.stream = MediaStream(
            self.socket, TwilioStreamMessages(twilio_identity()), self.caller, self.clock, limit_s=60
        )

    def messages(self, event: str) -> list[dict[str, Any]]:
        return [message for text in self.socket.sent if (message := json.loads(text))["event"] == event]


async def test_messages_are_in_twilios_order_and_numbered() -> None:
    call = Call([speech(500, AfterAgent(600, 3_000))])
    assert await call.stream.run() == StreamEnd("caller")
    sent = [json.loads(text) for text in call.socket.sent]
    assert [message["event"] for message in sent[:3]] == ["connected", "start", "media"]
    assert sent[-1]["event"] == "stop"
    assert [message["sequenceNumber"] for message in sent[1:]] == [str(n) for n in range(1, len(sent))]
    media = [message["media"] for message in call.messages("media")]
    assert [part["chunk"] for part in media] == [str(n + 1) for n in range(len(media))]
    assert [part["timestamp"] for part in media] == [str(n * 20) for n in range(len(media))]
    assert call.agent.stopped


async def test_late_wake_ups_do_not_shift_later_frames() -> None:
    call = Call([speech(2_000, After(0))], late_s=0.007)
    await call.stream.run()
    steps = [after - before for before, after in pairwise(call.clock.waited_for)]
    assert max(abs(step - 0.02) for step in steps) < 1e-9


async def test_agent_audio_is_recorded_where_it_played() -> None:
    call = Call([speech(500, AfterAgent(600, 3_000))], ScriptedAgent(greeting_ms=400))
    await call.stream.run()
    audio = call.stream.audio
    assert len(audio.caller) == len(audio.agent) == 160 * len(call.messages("media"))
    heard = np.flatnonzero(np.abs(decode(audio.agent)) > 1_000)
    # The greeting is sent after start, so it plays from the first frame.
    assert heard[0] < 160
    assert bytes(audio.agent[:3_200]) == tone(400)
    assert call.agent.played == ["greeting", "answer 1"]
    assert call.stream.marks == 2


async def test_latency_runs_from_the_last_speech_frame_to_the_answers_arrival() -> None:
    call = Call([speech(500, AfterAgent(600, 3_000))], ScriptedAgent(silence_ms=400, delay_ms=100))
    await call.stream.run()
    (report,) = call.caller.reports
    # The answer is sent on the frame 500 ms after the last loud one, and arrives before the next.
    assert report.latency_ms == 500
    assert call.agent.answered_ms == [report.answer_arrived_ms]


async def test_audio_that_a_barge_in_discarded_is_not_recorded() -> None:
    turns = [speech(500, After(0)), speech(600, BargeIn(1_000))]
    call = Call(turns, ScriptedAgent(greeting_ms=0, answers_ms=(5_000, 400)))
    await call.stream.run()
    first, second = call.caller.reports
    assert second.speech_began_ms == (first.answer_heard_ms or 0) + 1_000
    assert second.barge_in_ms == 0
    assert call.stream.clears == call.agent.cleared == 1
    heard = np.abs(decode(call.stream.audio.agent)).reshape(-1, 160).max(axis=1) > 1_000
    assert heard.sum() * 20 == 1_000 + 20 + 400
    # The clear echoed the mark of the interrupted answer.
    assert call.agent.played == ["answer 1", "answer 2"]


async def test_stalled_frames_are_sent_in_one_burst_with_their_timestamps() -> None:
    made = speech(400, After(0))
    call = Call([PreparedTurn("x", After(0), made.frames, made.sounds, {}, range(5, 15))])
    moments: list[tuple[float, str]] = []
    send = call.socket.send

    async def recorded_send(text: str) -> None:
        moments.append((call.clock.now(), text))
        await send(text)

    call.socket.send = recorded_send  # type: ignore[method-assign]
    await call.stream.run()
    times = {int(m["media"]["timestamp"]): at for at, text in moments if (m := json.loads(text))["event"] == "media"}
    assert [round(times[ms] * 1_000) for ms in (80, 100, 200, 280, 300, 320)] == [80, 300, 300, 300, 300, 320]
    assert list(times) == sorted(times)


async def test_lost_frames_are_missing_and_their_times_are_left_out() -> None:
    call = Call([speech(400, After(0))])
    party = ImpairedParty(call.caller, Impairment(loss=0.3), seed=1)
    call.stream = MediaStream(call.socket, TwilioStreamMessages(twilio_identity()), party, call.clock, limit_s=60)
    await call.stream.run()
    media = [message["media"] for message in call.messages("media")]
    assert [part["chunk"] for part in media] == [str(n + 1) for n in range(len(media))]
    times = [int(part["timestamp"]) for part in media]
    frames = len(call.stream.audio.caller) // 160
    assert times == sorted(set(times)) and 0 < party.lost == frames - len(media) < frames / 2
    missing = next(n for n in range(frames) if n * 20 not in times)
    assert bytes(call.stream.audio.caller[missing * 160 : missing * 160 + 160]) == b"\xff" * 160


async def test_discontinuous_phone_sends_speech_and_keys_only() -> None:
    keys = PreparedTurn("keys 4", After(200), (b"\xff" * 160,) * 5, range(0, 1), {0: "4"})
    call = Call([speech(400, After(100)), keys])
    party = ImpairedParty(call.caller, Impairment(discontinuous=True))
    call.stream = MediaStream(call.socket, TwilioStreamMessages(twilio_identity()), party, call.clock, limit_s=60)
    assert await call.stream.run() == StreamEnd("caller")
    media = [message["media"] for message in call.messages("media")]
    assert 0 < len(media) * 20 <= 400 and int(media[0]["timestamp"]) >= 100
    assert call.agent.digits == "4"


async def test_keys_reach_the_agent() -> None:
    keys = PreparedTurn("keys 42#", After(0), (b"\xff" * 160,) * 20, range(0, 11), {0: "4", 5: "2", 10: "#"})
    call = Call([keys])
    await call.stream.run()
    assert call.agent.digits == "42#"


async def test_agent_hangs_up_after_its_last_answer() -> None:
    call = Call([speech(500, After(0))], ScriptedAgent(greeting_ms=0, hangs_up_after=1))
    assert await call.stream.run() == StreamEnd("agent", 1000)
    assert not call.agent.stopped
    assert call.agent.played == ["answer 1"]


async def test_broken_connection_differs_from_a_hang_up() -> None:
    call = Call([speech(500, After(0))], ScriptedAgent(greeting_ms=0, hangs_up_after=1))
    call.socket = AgentSocket(call.agent, close_code=1006)
    call.stream = MediaStream(call.socket, TwilioStreamMessages(twilio_identity()), call.caller, call.clock)
    assert await call.stream.run() == StreamEnd("broken", 1006)


async def test_faults_are_recorded_and_do_not_end_the_stream() -> None:
    call = Call([speech(500, After(0))], ScriptedAgent(greeting_ms=0))
    for message in ("no json", b"binary", '{"event": "dance"}', '{"event": "clear", "streamSid": "MZ0"}'):
        call.socket.inject(message)
    assert (await call.stream.run()).by == "caller"
    codes = ["bad_json", "binary_message", "unknown_event", "wrong_stream"]
    assert [fault.code for fault in call.stream.faults] == codes
    assert call.stream.clears == 0


async def test_telnyx_reports_faults_to_the_agent() -> None:
    socket = AgentSocket(ScriptedAgent(greeting_ms=0))
    socket.agent.receive = lambda text: []  # type: ignore[method-assign]
    socket.inject("no json")
    caller = Caller([speech(100, After(0))], Ending(timeout_ms=200))
    await MediaStream(socket, TelnyxStreamMessages(twilio_identity()), caller, VirtualClock()).run()
    errors = [message for text in socket.sent if (message := json.loads(text))["event"] == "error"]
    assert [error["payload"]["code"] for error in errors] == [100003]


async def test_time_limit_ends_the_call() -> None:
    call = Call([speech(100, After(100_000))])
    end = await call.stream.run()
    assert end.by == "limit"
    assert call.stream.audio.duration_ms == 60_020
    assert call.agent.stopped


async def test_hang_up_from_outside_ends_the_call() -> None:
    call = Call([speech(100, After(100_000))])
    frame = call.caller.tick

    def hung_up_after_a_second(at_ms: int, heard: bytes) -> PartyOutput:
        if at_ms == 1_000:
            call.stream.hang_up()
        return frame(at_ms, heard)

    call.caller.tick = hung_up_after_a_second  # type: ignore[method-assign]
    assert await call.stream.run() == StreamEnd("caller")
    assert call.stream.audio.duration_ms == 1_020
    assert call.agent.stopped


class BlockedSocket(AgentSocket):
    """Blocks after ten messages, as a peer that stopped reading."""

    async def send(self, text: str) -> None:
        if len(self.sent) >= 10:
            await asyncio.Event().wait()
        await super().send(text)


class DisconnectedSocket(AgentSocket):
    """Fails after ten messages, as a peer that disconnected."""

    async def send(self, text: str) -> None:
        if len(self.sent) >= 10:
            raise SocketClosed("reset by peer")
        await super().send(text)


async def test_peer_that_stops_reading_or_disconnects_ends_the_call() -> None:
    for kind, detail in [(BlockedSocket, "accepted no data"), (DisconnectedSocket, "reset by peer")]:
        caller = Caller([speech(5_000, After(0))])
        socket = kind(ScriptedAgent(greeting_ms=0))
        stream = MediaStream(socket, TwilioStreamMessages(twilio_identity()), caller, VirtualClock(), send_limit_s=0.01)
        end = await stream.run()
        assert end.by == "broken"
        assert detail in end.detail
