"""Taps hear a call as it was: a stereo file made from one equals the recording; and a person who speaks is in both."""

from pathlib import Path

import numpy as np
import pytest

from media.audio import mulaw
from media.audio.wav import read_wav
from media.call.recording import RecordingWriter
from media.call.recording_consent import ConsentState
from media.call.stereo_mix import StereoMix
from media.call.taps import Tap
from shared.events import AgentSaid, AnnouncementHeard, CallerSaid
from shared.plan import ConsentPlan, TurnPlan
from tests.calls.scripted_call import FRAME_MS, WORD_MS, ScriptedCall
from tests.media.call.test_recording import ImmediateExecutor
from tests.virtual_time import run_virtual

ANNOUNCED = "This call is recorded."
GREETING = "Hello, how can I help you today?"
TURN = TurnPlan(silence_ms=400)
# A tone that neither the caller nor the scripted voice makes.
PERSON = mulaw.encode((8_000 * np.sin(np.arange(160) * 2 * np.pi * 1_000 / 8_000)).astype("<i2").tobytes())


@pytest.fixture
def writer(tmp_path: Path) -> RecordingWriter:
    return RecordingWriter(tmp_path / "call.wav", ImmediateExecutor())


class Listener:
    """Follows a call by a tap alone. begins_ms: since when it may keep the audio."""

    def __init__(self) -> None:
        self.states: list[tuple[ConsentState, float]] = []
        self.caller: list[tuple[bytes, float]] = []
        self.agent: list[tuple[bytes, float]] = []
        self.tap = Tap(
            caller=lambda ulaw, at: self.caller.append((ulaw, at)),
            agent=lambda ulaw, at: self.agent.append((ulaw, at)),
            consent=lambda state, at: self.states.append((state, at)),
        )

    @property
    def begins_ms(self) -> float:
        first, *later = self.states
        return 0.0 if first[0].consent == "given" else next(at for state, at in later if state.consent == "given")

    def stereo(self) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
        """Both sides of the whole call, silent until the audio may be kept."""
        begins = self.begins_ms
        mix = StereoMix(begins)
        for ulaw, at in self.caller:
            if at - len(ulaw) / mulaw.BYTES_PER_MS >= begins:
                mix.add_caller(ulaw, at)
        for ulaw, at in self.agent:
            if at >= begins:
                mix.add_agent(ulaw, at)
        pcm = np.frombuffer(mix.take(mix.end_ms), dtype="<i2").reshape(-1, 2)
        silence = np.zeros((round(begins * mulaw.BYTES_PER_MS), 2), dtype="<i2")
        return np.concatenate([silence, pcm]) / 32_768


@pytest.mark.parametrize("consent", [None, ConsentPlan(ANNOUNCED, ("no",), "9")])
def test_stereo_file_made_from_a_tap_equals_the_recording(consent: ConsentPlan | None, writer: RecordingWriter) -> None:
    listener = Listener()

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer, consent=consent)
        scripted.call.add_tap(listener.tap)
        await scripted.say("hello", 600)
        await scripted.listen_until_quiet()
        await scripted.say("I need an appointment", 900)
        await scripted.listen_until_quiet()
        await scripted.say("tomorrow", 500)
        await scripted.silence(700)
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    recorded = read_wav(writer.path.read_bytes()).samples
    heard = listener.stereo()
    length = min(len(recorded), len(heard))
    assert abs(len(recorded) - len(heard)) <= FRAME_MS * 8 and length > 5_000 * 8
    assert np.array_equal(recorded[:length], heard[:length])
    assert np.abs(recorded).max(axis=0).min() > 0.01  # both sides
    assert (listener.begins_ms > 0) == (consent is not None) == bool(scripted.events_of(AnnouncementHeard))


def test_person_is_heard_in_the_agents_place_and_is_in_the_recording(writer: RecordingWriter) -> None:
    listener = Listener()

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting=GREETING, turn=TURN, recorder=writer)
        scripted.call.add_tap(listener.tap)
        await scripted.wait_until_sounding()
        await scripted.silence(2 * WORD_MS)
        scripted.call.begin_speaking()
        for _ in range(40):
            scripted.call.speak(PERSON)
            await scripted.silence(FRAME_MS)
        scripted.call.end_speaking()
        await scripted.listen_until_quiet()
        await scripted.say("tomorrow", 500)
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    assert PERSON * 40 in bytes(scripted.carrier.played)
    assert PERSON * 40 in b"".join(ulaw for ulaw, _ in listener.agent)
    assert [said.text for said in scripted.events_of(AgentSaid)] == [GREETING, "I see."]
    assert [said.text for said in scripted.events_of(CallerSaid)] == ["tomorrow"]
    recorded = read_wav(writer.path.read_bytes()).samples
    tone = np.frombuffer(mulaw.decode(PERSON * 40), dtype="<i2") / 32_768
    agent = recorded[:, 1]
    found = [at for at in range(0, len(agent) - len(tone), 8) if np.array_equal(agent[at : at + len(tone)], tone)]
    assert len(found) == 1
    heard = listener.stereo()
    length = min(len(recorded), len(heard))
    assert np.array_equal(recorded[:length], heard[:length])
