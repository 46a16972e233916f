"""Engines that do what the test says, at the moment the test says."""

import threading

from media.providers.local.speech import Speech, Transcript, Word


class GatedEngine:
    """Both engines at once: each request waits for the gate, and is remembered in the order of work."""

    def __init__(self, *, open: bool = True) -> None:
        self.gate = threading.Event()
        self.begun = threading.Semaphore(0)
        self.done: list[str] = []
        if open:
            self.gate.set()

    def transcribe(self, pcm: bytes, sample_rate: int) -> Transcript:
        self._work(pcm.decode())
        if pcm == b"senseless":
            raise ValueError("no sense in this")
        if pcm == b"broken":
            raise RuntimeError("a secret")
        return Transcript(f"heard {pcm.decode()} at {sample_rate}", 0.9)

    def synthesise(self, text: str) -> Speech:
        self._work(text)
        return Speech(text.encode(), (Word(text, 1, 2),))

    def _work(self, what: str) -> None:
        self.begun.release()
        assert self.gate.wait(60)
        self.done.append(what)
