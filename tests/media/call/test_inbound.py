"""Taps: readers of a call's audio, added and removed while it runs."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from media.audio import mulaw
from media.audio.framer import FRAME_MS
from media.call.taps import Tap
from tests.calls.scripted_call import SILENCE, VOICE, ScriptedCall
from tests.virtual_time import run_virtual


@dataclass
class RecordingListener:
    """Records what a tap gets."""

    caller: list[tuple[bytes, float]] = field(default_factory=list)
    ulaw: list[bytes] = field(default_factory=list)
    pcm: list[bytes] = field(default_factory=list)
    agent: list[tuple[bytes, float]] = field(default_factory=list)

    def tap(self) -> Tap:
        return Tap(
            caller=lambda ulaw, at_ms: self.caller.append((ulaw, at_ms)),
            caller_ulaw=self.ulaw.append,
            caller_pcm=self.pcm.append,
            agent=lambda ulaw, at_ms: self.agent.append((ulaw, at_ms)),
        )


def test_tap_gets_each_frame_with_its_time_and_as_pcm() -> None:
    listener = RecordingListener()

    async def scenario() -> float:
        scripted = ScriptedCall()
        scripted.call.add_tap(listener.tap())
        scripted.hear(VOICE + SILENCE[:80])
        scripted.hear(SILENCE[80:])
        await scripted.hang_up()
        return scripted.now()

    now = run_virtual(scenario())
    assert listener.caller == [(VOICE, now), (SILENCE, now)]
    assert listener.ulaw == [VOICE, SILENCE]
    assert listener.pcm == [mulaw.decode(VOICE), mulaw.decode(SILENCE)]


def test_tap_gets_the_agent_audio_that_was_heard() -> None:
    listener = RecordingListener()

    async def scenario() -> ScriptedCall:
        scripted = ScriptedCall(greeting="Hello and welcome")
        scripted.call.add_tap(listener.tap())
        await scripted.listen_until_quiet()
        await scripted.hang_up()
        return scripted

    scripted = run_virtual(scenario())
    heard = b"".join(audio for audio, _ in listener.agent)
    assert heard == bytes(scripted.carrier.played).strip(b"\xff")
    for (audio, at_ms), (_, next_at_ms) in zip(listener.agent, listener.agent[1:], strict=False):
        assert next_at_ms - at_ms == pytest.approx(len(audio) / 8, abs=2 * FRAME_MS)


def test_tap_can_be_added_and_removed_during_a_call() -> None:
    listener = RecordingListener()

    async def scenario() -> None:
        scripted = ScriptedCall(greeting="Hello and welcome to this call")
        await scripted.wait_until_sounding()
        await scripted.silence(600)
        tap = listener.tap()
        scripted.call.add_tap(tap)
        await scripted.silence(600)
        scripted.call.remove_tap(tap)
        scripted.call.remove_tap(tap)  # ignored
        await scripted.silence(600)
        await scripted.hang_up()

    run_virtual(scenario())
    assert len(listener.caller) == len(listener.pcm) == 600 // FRAME_MS
    assert 400 <= sum(len(audio) for audio, _ in listener.agent) / 8 <= 800


def test_tap_may_remove_itself_while_it_is_called() -> None:
    frames: list[bytes] = []

    async def scenario() -> None:
        scripted = ScriptedCall()

        def read_once(ulaw: bytes) -> None:
            frames.append(ulaw)
            scripted.call.remove_tap(tap)

        tap = Tap(caller_ulaw=read_once)
        scripted.call.add_tap(tap)
        await scripted.silence(100)
        await scripted.hang_up()

    run_virtual(scenario())
    assert frames == [SILENCE]


@pytest.mark.parametrize("read", ["recogniser", "track"])
def test_recognizer_and_voice_track_are_taps(read: str) -> None:
    async def scenario() -> Callable[[], int]:
        scripted = ScriptedCall()
        await scripted.silence(200)
        await scripted.hang_up()
        return {
            "recogniser": lambda: scripted.recognizer.pushed // len(SILENCE),
            "track": lambda: scripted.track._ms // FRAME_MS,
        }[read]

    assert run_virtual(scenario())() == 10


def test_no_tap_is_called_after_the_end() -> None:
    listener = RecordingListener()

    async def scenario() -> None:
        scripted = ScriptedCall()
        scripted.call.add_tap(listener.tap())
        await scripted.hang_up()
        scripted.hear(SILENCE)

    run_virtual(scenario())
    assert listener.caller == []
