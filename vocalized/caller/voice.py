"""The caller's synthetic voice: loaded when first needed; each text is synthesized once."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class VoiceError(RuntimeError):
    """The local voice cannot be used; the message says why."""


class Synthesizer(Protocol):
    """Text in, 16-bit little-endian mono samples at 8 kHz out; may block."""

    def __call__(self, text: str) -> bytes:
        """Synthesises a text."""


class CallerVoice:
    """Synthesises in a thread and caches the result. Calling it raises VoiceError."""

    def __init__(self, load: Callable[[], Synthesizer]) -> None:
        self._load = load
        self._synthesizer: Synthesizer | None = None
        self._spoken: dict[str, bytes] = {}
        self._turn = asyncio.Lock()

    async def __call__(self, text: str) -> bytes:
        """The text as 16-bit little-endian mono samples at 8 kHz."""
        async with self._turn:
            if text not in self._spoken:
                self._spoken[text] = await asyncio.to_thread(self._speak, text)
        return self._spoken[text]

    def _speak(self, text: str) -> bytes:
        if self._synthesizer is None:
            self._synthesizer = self._load()
        return self._synthesizer(text)
