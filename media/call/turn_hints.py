"""Queries the smart-turn model, on a thread that all calls share, whether the caller sounds finished."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

# The model uses the last 8 s: 400 frames of 20 ms.
FRAMES = 400


class TurnHints:
    """Buffers one caller's last seconds. `estimate` maps 16-bit 8 kHz PCM to 0..1 = finished, and runs on `pool`."""

    def __init__(self, estimate: Callable[[bytes], float], pool: Executor) -> None:
        self._estimate = estimate
        self._pool = pool
        self._frames: deque[bytes] = deque(maxlen=FRAMES)
        self._running: set[asyncio.Future[float]] = set()
        self.push: Callable[[bytes], None] = self._frames.append
        """Takes a 20 ms frame of caller audio, 16-bit 8 kHz PCM, on the frame path."""

    def request(self, on_estimate: Callable[[float], None]) -> None:
        """Call `on_estimate` with the model's opinion of the audio up to now, some tens of ms later."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._estimate, b"".join(self._frames))
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        future.add_done_callback(lambda done: None if done.cancelled() else on_estimate(done.result()))
