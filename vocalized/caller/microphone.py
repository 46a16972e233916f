"""This machine's microphone and loudspeaker as a caller."""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from simulator.carrier.media_stream import PartyOutput
from simulator.carrier.mulaw import FRAME, RATE, SILENT_FRAME, decode, encode

# Frames of 20 ms. Older ones are dropped: a conversation cannot use old audio.
_QUEUE_FRAMES = 25


class MicrophoneError(RuntimeError):
    """No microphone can be used; the message says what to do."""


class AudioDevice(Protocol):
    """Audio input and output, 16-bit mono at 8 kHz, 320 bytes at a time."""

    def play(self, pcm: bytes) -> None:
        """Plays 20 ms; never blocks."""

    def close(self) -> None:
        """Releases the device."""


class MicrophoneCaller:
    """The person at this machine. Hangs up after `hang_up` was called. is_talking: the call has begun."""

    def __init__(self, open_device: Callable[[Callable[[bytes], None]], AudioDevice]) -> None:
        self._spoken: deque[bytes] = deque(maxlen=_QUEUE_FRAMES)
        self._hanging_up = False
        self.is_talking = False
        self._device = open_device(self._spoken.append)

    def hang_up(self) -> None:
        """Ends the call with the next frame."""
        self._hanging_up = True

    def close(self) -> None:
        """Releases the device."""
        self._device.close()

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """20 ms from the microphone, 20 ms to the loudspeaker."""
        self.is_talking = True
        self._device.play(decode(heard).astype("<i2").tobytes())
        frame = encode(np.frombuffer(self._spoken.popleft(), dtype="<i2")) if self._spoken else SILENT_FRAME
        return PartyOutput(frame, hang_up=self._hanging_up)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Nothing is measured here."""

    def cleared(self, at_ms: float) -> None:
        """Nothing is measured here."""


class SoundDevice:
    """The default input and output device, through PortAudio."""

    def __init__(self, sounddevice: Any, spoken: Callable[[bytes], None]) -> None:
        self._playing: deque[bytes] = deque(maxlen=_QUEUE_FRAMES)
        options = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": FRAME}
        self._input = sounddevice.RawInputStream(callback=lambda data, *_: spoken(bytes(data)), **options)
        self._output = sounddevice.RawOutputStream(callback=self._fill, **options)
        self._input.start()
        self._output.start()

    def play(self, pcm: bytes) -> None:
        """Queues 20 ms."""
        self._playing.append(pcm)

    def close(self) -> None:
        """Stops both streams."""
        self._input.close()
        self._output.close()

    def _fill(self, out: Any, *_: object) -> None:
        out[:] = self._playing.popleft() if self._playing else bytes(len(out))


def open_sound_device(spoken: Callable[[bytes], None]) -> AudioDevice:
    """Opens the machine's default devices. Raises MicrophoneError."""
    try:
        import sounddevice  # type: ignore[import-untyped]  # needs PortAudio, which most servers lack
    except ImportError as error:
        raise MicrophoneError("the package `sounddevice` is not installed: pip install sounddevice") from error
    except OSError as error:
        raise MicrophoneError(
            "the PortAudio library is missing (Debian and Ubuntu: apt install libportaudio2)"
        ) from error
    try:
        return SoundDevice(sounddevice, spoken)
    except sounddevice.PortAudioError as error:
        raise MicrophoneError(f"no usable microphone and loudspeaker: {error}") from error
