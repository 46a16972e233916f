"""A fake engine whose work waits until the test opens its gate."""

import threading
from collections.abc import Callable

from media.providers.local.speech import (
    Recognition,
    RecognitionAbandoned,
    RecognitionStop,
    SynthesizedSpeech,
    WordTiming,
)


class GatedEngine:
    """Recogniser and voice: each request waits for the gate and is recorded in the order of work."""

    def __init__(self, *, open: bool = True) -> None:
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.done: list[str] = []
        self.others_waited: list[bool] = []
        if open:
            self.gate.set()

    def transcribe(
        self,
        pcm: bytes,
        sample_rate: int,
        stop: RecognitionStop | None = None,
        *,
        others_wait: Callable[[], bool] = lambda: False,
    ) -> Recognition:
        self._work(pcm.decode(), stop)
        self.others_waited.append(others_wait())
        if pcm == b"invalid":
            raise ValueError("invalid audio")
        if pcm == b"broken":
            raise RuntimeError("private detail")
        return Recognition(f"heard {pcm.decode()} at {sample_rate}", 0.9)

    def synthesize(self, text: str) -> SynthesizedSpeech:
        self._work(text)
        return SynthesizedSpeech(text.encode(), (WordTiming(text, 1, 2),))

    def _work(self, what: str, stop: RecognitionStop | None = None) -> None:
        self.started.release()
        for _ in range(60_000):
            if self.gate.wait(0.001):
                break
            if stop is not None and stop.is_set:
                raise RecognitionAbandoned
        assert self.gate.is_set()
        self.done.append(what)
