"""Asks the smart-turn model, on a pool shared by all calls, whether the caller sounds finished."""

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor

# The model listens to the last 8 s: 400 frames of 20 ms.
FRAMES = 400


class Hints:
    """One caller's last seconds, and the question about them. `judge` maps 16-bit 8 kHz PCM to 0..1 = finished."""

    def __init__(self, judge: Callable[[bytes], float], pool: Executor) -> None:
        self._judge = judge
        self._pool = pool
        self._frames: deque[bytes] = deque(maxlen=FRAMES)
        self._running: set[asyncio.Future[float]] = set()

    def push(self, pcm: bytes) -> None:
        """Caller audio, 16-bit 8 kHz PCM, on the frame path."""
        self._frames.append(pcm)

    def ask(self, answer: Callable[[float], None]) -> None:
        """Calls `answer` with the model's opinion of the audio up to now, some tens of ms later."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, self._judge, b"".join(self._frames))
        self._running.add(future)
        future.add_done_callback(self._running.discard)
        future.add_done_callback(lambda done: None if done.cancelled() else answer(done.result()))
