"""The audio that one session of a recognizer was sent, reported while the call runs."""

import asyncio
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.replay_buffer import ReplayBuffer
from media.providers.usage import UsageMeter

# Time between two reports. What was sent since the last one is lost when the process is killed.
REPORT_S: Final = 10.0


class AudioMeter:
    """Meters one session, from when it is opened to `stop`.

    Everything in the buffer is replayed to the session, and everything pushed into the buffer later is sent to it too.
    So the buffer's position tells the quantity, and a frame costs nothing more. Whole ms are reported; less than one
    is dropped at the end.
    """

    def __init__(self, meter: UsageMeter, buffer: ReplayBuffer) -> None:
        self._meter = meter
        self._buffer = buffer
        self._reported = buffer.beginning
        self._timer = self._start_timer()

    def stop(self, *, is_billed: bool = True) -> None:
        """The session gets no more audio: reports the rest. is_billed: false for a session that the vendor refused,
        although it took audio."""
        self._timer.cancel()
        if is_billed:
            self._report()

    def _start_timer(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(REPORT_S, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = self._start_timer()
        self._report()

    def _report(self) -> None:
        ms = (self._buffer.end - self._reported) // BYTES_PER_MS
        self._reported += ms * BYTES_PER_MS
        self._meter.record(ms, "ms")
