"""Meters the audio that a recognizer's session received, and reports it while the call runs."""

import asyncio
from typing import Final

from media.audio.mulaw import BYTES_PER_MS
from media.providers.chain.replay_buffer import ReplayBuffer
from media.providers.usage import UsageMeter

# Seconds between two reports. The audio sent since the last report is lost if the process is killed.
REPORT_S: Final = 10.0


class AudioMeter:
    """Meters one session from its opening to `stop`.

    All audio in the buffer is replayed to the session, and all audio that is pushed into the buffer later is also sent
    to it. Therefore, the buffer's position is the quantity, and counting costs nothing per frame. Only whole
    milliseconds are reported; the rest is dropped at the end.
    """

    def __init__(self, meter: UsageMeter, buffer: ReplayBuffer) -> None:
        self._meter = meter
        self._buffer = buffer
        self._reported = buffer.beginning
        self._timer = self._start_timer()

    def stop(self, *, is_billed: bool = True) -> None:
        """Stop the meter and report the rest, because the session receives no more audio.

        Args:
            is_billed: False if the vendor refused the session after it received audio.
        """
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
