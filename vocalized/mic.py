"""The microphone and the loudspeaker of this machine as a caller."""

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from simulator.carrier.mulaw import FRAME, RATE, SILENT_FRAME, decode, encode
from simulator.carrier.stream import Step

# Sound that waits longer than this is dropped: a conversation can't use old audio.
_LONGEST_QUEUE = 25


class MicError(RuntimeError):
    """There is no microphone to use; the message says what to do."""


class Device(Protocol):
    """Sound in and out, 16-bit mono at 8 kHz, 320 bytes at a time."""

    def play(self, pcm: bytes) -> None:
        """Plays 20 ms; never blocks."""

    def close(self) -> None:
        """Lets go of the device."""


class MicCaller:
    """Whoever sits at this machine. Hangs up when `hang_up` was called."""

    def __init__(self, open_device: Callable[[Callable[[bytes], None]], Device]) -> None:
        self._spoken: deque[bytes] = deque(maxlen=_LONGEST_QUEUE)
        self._hanging_up = False
        self._device = open_device(self._spoken.append)

    def hang_up(self) -> None:
        """Ends the call with the next frame."""
        self._hanging_up = True

    def close(self) -> None:
        """Lets go of the device."""
        self._device.close()

    def tick(self, at_ms: int, heard: bytes) -> Step:
        """20 ms from the microphone, 20 ms to the loudspeaker."""
        self._device.play(decode(heard).astype("<i2").tobytes())
        frame = encode(np.frombuffer(self._spoken.popleft(), dtype="<i2")) if self._spoken else SILENT_FRAME
        return Step(frame, hang_up=self._hanging_up)

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Nothing is measured here."""

    def cleared(self, at_ms: float) -> None:
        """Nothing is measured here."""


class SoundDevice:
    """The default input and output by PortAudio."""

    def __init__(self, sounddevice: Any, spoken: Callable[[bytes], None]) -> None:
        self._playing: deque[bytes] = deque(maxlen=_LONGEST_QUEUE)
        form = {"samplerate": RATE, "channels": 1, "dtype": "int16", "blocksize": FRAME}
        self._input = sounddevice.RawInputStream(callback=lambda data, *_: spoken(bytes(data)), **form)
        self._output = sounddevice.RawOutputStream(callback=self._fill, **form)
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


def open_sound_device(spoken: Callable[[bytes], None]) -> Device:
    """Opens the machine's default devices. Raises MicError."""
    try:
        import sounddevice  # type: ignore[import-untyped]  # needs PortAudio, which most servers lack
    except ImportError as error:
        raise MicError("the package `sounddevice` is not installed: pip install sounddevice") from error
    except OSError as error:
        raise MicError("the PortAudio library is missing (Debian and Ubuntu: apt install libportaudio2)") from error
    try:
        return SoundDevice(sounddevice, spoken)
    except sounddevice.PortAudioError as error:
        raise MicError(f"no usable microphone and loudspeaker: {error}") from error
