"""The microphone as a caller, with a fake device."""

import sys
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

from simulator.carrier.mulaw import SILENT_FRAME, decode
from tests.simulator.scripted_agent import tone
from vocalized.caller.microphone import MicrophoneCaller, MicrophoneError, SoundDevice, open_sound_device

FRAME = np.full(160, 5_000, dtype="<i2").tobytes()


class FakeDevice:
    """Stores what is played."""

    def __init__(self) -> None:
        self.played: list[bytes] = []
        self.closed = False

    def play(self, pcm: bytes) -> None:
        self.played.append(pcm)

    def close(self) -> None:
        self.closed = True


def caller_and_microphone() -> tuple[MicrophoneCaller, FakeDevice, Callable[[bytes], None]]:
    device = FakeDevice()
    spoken: list[Callable[[bytes], None]] = []

    def open_device(speak: Callable[[bytes], None]) -> FakeDevice:
        spoken.append(speak)
        return device

    return MicrophoneCaller(open_device), device, spoken[0]


def test_microphone_is_sent_and_agent_audio_is_played() -> None:
    caller, device, speak = caller_and_microphone()
    speak(FRAME)
    assert np.abs(decode(caller.tick(0, tone(20)).frame) - 5_000).max() < 200
    assert device.played == [decode(tone(20)).astype("<i2").tobytes()]
    assert caller.tick(20, SILENT_FRAME).frame == SILENT_FRAME


def test_old_audio_is_dropped() -> None:
    caller, _, speak = caller_and_microphone()
    for _ in range(500):
        speak(FRAME)
    frames = [caller.tick(n * 20, SILENT_FRAME).frame for n in range(60)]
    assert sum(frame != SILENT_FRAME for frame in frames) == 25


def test_hang_up_ends_the_call_with_the_next_frame() -> None:
    caller, device, _ = caller_and_microphone()
    assert not caller.tick(0, SILENT_FRAME).hang_up
    caller.hang_up()
    assert caller.tick(20, SILENT_FRAME).hang_up
    caller.close()
    assert device.closed


class Stream:
    """One of PortAudio's streams."""

    def __init__(self, **options: object) -> None:
        self.options = options
        self.state = "new"

    def start(self) -> None:
        self.state = "started"

    def close(self) -> None:
        self.state = "closed"


def test_sound_device_moves_frames_both_ways() -> None:
    streams: list[Stream] = []

    def stream(**options: object) -> Stream:
        streams.append(Stream(**options))
        return streams[-1]

    spoken: list[bytes] = []
    device = SoundDevice(SimpleNamespace(RawInputStream=stream, RawOutputStream=stream), spoken.append)
    microphone, speaker = streams
    assert microphone.options["samplerate"] == 8_000
    assert [microphone.state, speaker.state] == ["started"] * 2
    microphone.options["callback"](memoryview(FRAME), 160, None, None)  # type: ignore[operator]
    device.play(FRAME)
    out = [bytearray(b"\x01" * 320), bytearray(b"\x01" * 320)]
    for buffer in out:
        speaker.options["callback"](buffer, 160, None, None)  # type: ignore[operator]
    assert spoken == [FRAME]
    assert [bytes(buffer) for buffer in out] == [FRAME, bytes(320)]
    device.close()
    assert [microphone.state, speaker.state] == ["closed"] * 2


def test_missing_package_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(MicrophoneError, match="sounddevice"):
        open_sound_device(lambda pcm: None)


def test_missing_device_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class PortAudioError(Exception):
        pass

    def refuse(**options: object) -> None:
        raise PortAudioError("no default input")

    fake = SimpleNamespace(RawInputStream=refuse, RawOutputStream=refuse, PortAudioError=PortAudioError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    with pytest.raises(MicrophoneError, match="no default input"):
        open_sound_device(lambda pcm: None)
