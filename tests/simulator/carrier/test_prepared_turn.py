"""Conversion of turns to frames."""

import pytest

from simulator.carrier.audio_clip import make_clip
from simulator.carrier.audio_level import dbfs
from simulator.carrier.line_noise import Noise, NoiseKind
from simulator.carrier.mulaw import RATE, SILENT_FRAME, decode, to_float
from simulator.carrier.prepared_turn import PreparedTurn, ScriptError, prepare_turns, turn_label
from simulator.carrier.script import Act, AfterAgent, HangUp, Play, Press, Rest, Say, Script, Stall, Turn
from tests.simulator.carrier.test_audio_level import JFK
from tests.simulator.scripted_agent import tone

SOUND = to_float(decode(b"\xff" * 800 + tone(205) + b"\xff" * 800))
CLIP = make_clip(SOUND, RATE)


async def voice(text: str) -> bytes:
    return decode(tone(40 * len(text))).astype("<i2").tobytes()


async def one(turn: Turn) -> PreparedTurn:
    (prepared,) = await prepare_turns(Script((turn,)), voice)
    return prepared


async def test_clip_is_cut_into_whole_frames_with_its_speech_range() -> None:
    prepared = await one(Turn(Play(CLIP)))
    assert b"".join(prepared.frames).startswith(CLIP.ulaw)
    assert {len(frame) for frame in prepared.frames} == {160}
    assert prepared.sounds == range(5, 16)  # 100 ms to 310 ms
    assert prepared.when == AfterAgent()


async def test_recording_is_read_and_text_is_synthesized() -> None:
    assert len((await one(Turn(Play(JFK)))).frames) == 550
    assert (await one(Turn(Say("hello")))).sounds == range(0, 10)


async def test_keys_are_pressed_one_after_the_other() -> None:
    prepared = await one(Turn(Press("1#", gap_ms=100)))
    assert prepared.digits == {0: "1", 5: "#"}
    assert prepared.frames == (SILENT_FRAME,) * 10
    assert prepared.sounds == range(0, 6)


async def test_silent_turn_has_no_sound_range() -> None:
    prepared = await one(Turn(Rest(500)))
    assert (prepared.frames, prepared.sounds) == ((SILENT_FRAME,) * 25, range(0))
    assert (await one(Turn(HangUp()))).hangs_up


async def test_noise_is_mixed_under_the_clip() -> None:
    prepared = await one(Turn(Play(CLIP), noise=Noise(NoiseKind.WHITE, 20.0)))
    assert prepared.frames[0] != SILENT_FRAME
    level = dbfs(to_float(decode(b"".join(prepared.frames[:5]))))
    assert level == pytest.approx(dbfs(SOUND[800:2_400]) - 20, abs=2)


async def test_stall_can_be_longer_than_the_speech() -> None:
    prepared = await one(Turn(Say("hi"), stall=Stall(at_ms=40, hold_ms=200)))
    assert prepared.held == range(2, 12)
    assert len(prepared.frames) == 12
    assert prepared.sounds == range(0, 4)


@pytest.mark.parametrize("digits", ["", "12x"])
async def test_invalid_keys_are_refused(digits: str) -> None:
    with pytest.raises(ScriptError, match="keys are"):
        await one(Turn(Press(digits)))


async def test_a_text_without_a_voice_is_refused() -> None:
    with pytest.raises(ScriptError, match="no voice"):
        await prepare_turns(Script((Turn(Say("hello")),)))


def test_labels_of_turns() -> None:
    acts: list[Act] = [Play(CLIP), Play(JFK), Say("hello"), Press("12"), Rest(40), HangUp()]
    assert [turn_label(act) for act in acts] == [
        "a clip",
        "jfk.flac",
        "hello",
        "keys 12",
        "silence of 40 ms",
        "hang-up",
    ]
