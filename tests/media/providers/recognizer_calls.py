"""Calls over scripted recognizers that understand letters, each a word; in virtual time."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from media.providers.chain.chain_health import ChainHealth
from media.providers.chain.stt import SpeechToTextChain
from media.providers.health import HealthBoard, HealthKey
from media.providers.ports import (
    RecognizedText,
    SpeechToTextEvent,
    SpeechToTextSession,
    SpeechToTextSink,
)
from media.providers.usage import UsageMeter
from media.providers.wait_history import UsualWait
from shared.events import ProviderFailed, UsageRecorded
from tests.media.providers.virtual import run

FRAME_S, FRAME = 0.1, 800
SILENCE, NOISE = b"~" * FRAME, b"!" * FRAME


class Listening:
    """A session that understands letters, each a word, and answers late."""

    def __init__(self, recognizer: "Recognizer", sink: SpeechToTextSink) -> None:
        self.recognizer = recognizer
        self.sink = sink
        self.words = ""
        self.bytes = 0
        self.closed = False
        self._asked = 0
        self._token: int | None = None

    def push(self, ulaw: bytes) -> None:
        self.bytes += len(ulaw)
        if not self.recognizer.is_deaf:
            self.words += "".join(letter for letter in ulaw.decode() if letter.isalpha())

    def started(self) -> None: ...

    def finalize(self, token: int) -> None:
        self._asked, self._token = len(self.words), token
        if self.recognizer.answer_s is not None:
            text = self.words
            asyncio.get_running_loop().call_later(self.recognizer.answer_s, self._receive, text, token)

    def next_turn(self) -> None:
        self.words, self._asked, self._token = self.words[self._asked :], 0, None

    async def close(self) -> None:
        self.closed = True

    def _receive(self, text: str, token: int, hop: int = 0) -> None:
        if hop < self.recognizer.hops:
            asyncio.get_running_loop().call_later(0.001, self._receive, text, token, hop + 1)
        else:
            self._answer(text, token)

    def _answer(self, text: str, token: int) -> None:
        if not self.closed and token == self._token:
            self.sink(RecognizedText(text, final=True, token=token))


@dataclass
class Recognizer:
    """answer_s: to a final text; None: never. open_s: to a session. error: of each session. hops: so often an answer
    passes the loop before it is read."""

    name: str
    answer_s: float | None = 0.1
    open_s: float = 0.1
    is_deaf: bool = False
    error: Exception | None = None
    hops: int = 0
    sessions: list[Listening] = field(default_factory=list)

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        await asyncio.sleep(self.open_s)
        if self.error is not None:
            raise self.error
        self.sessions.append(Listening(self, sink))
        return self.sessions[-1]

    @property
    def running(self) -> int:
        return sum(not session.closed for session in self.sessions)


class Caller:
    """Speaks, and takes the texts as a call does: those of one turn replace each other."""

    def __init__(self, *recognizers: Recognizer, seed: UsualWait | None = None) -> None:
        self.recognizers = recognizers
        self._seed = seed
        self.failed: list[ProviderFailed] = []
        self.used: list[UsageRecorded] = []
        self.events: list[SpeechToTextEvent] = []
        self.heard: list[str] = []
        self.answered: set[int] = set()
        self.token = 0
        self.text = ""
        self.session: SpeechToTextSession
        self.board: HealthBoard

    async def open(self) -> None:
        """Begins the call."""
        self.board = HealthBoard(lambda: asyncio.get_running_loop().time(), chance=lambda: 0.0)
        await self.begin_call()

    async def begin_call(self) -> None:
        """Begins another call, on the same board of health."""
        keys = [HealthKey("stt", recognizer.name) for recognizer in self.recognizers]
        meters = [UsageMeter("stt", recognizer.name, self.used.append) for recognizer in self.recognizers]
        seeds = [self._seed] * len(keys)
        health = ChainHealth(self.board, keys, seeds=seeds)
        chain = SpeechToTextChain(self.recognizers, self.failed.append, meters=meters, health=health)
        self.answered.clear()
        self.session = await chain.open("en", self.take)

    async def speak(self, words: str, ms: int = 2_000, wait_s: float = 1.5) -> None:
        """Speaks for so long (noise where there are no words), pauses, and waits for the text."""
        await self._push(SILENCE, 1)
        self.session.started()
        self.session.push(words.encode())
        await self._push(NOISE, ms // 100)
        await self._push(SILENCE, 2)
        self.token += 1
        self.session.finalize(self.token)
        for _ in range(round(wait_s / FRAME_S)):
            if self.token in self.answered:
                break
            await self._push(SILENCE, 1)
        self.next_turn()

    def next_turn(self) -> None:
        self.heard += [self.text] if self.text else []
        self.text = ""
        self.session.next_turn()

    async def hang_up(self) -> None:
        """Takes what comes late, and ends the call."""
        await self._push(SILENCE, 80)
        self.next_turn()
        await self.session.close()
        assert not any(recognizer.running for recognizer in self.recognizers)
        for recognizer in self.recognizers:
            used = sum(event.quantity for event in self.used if event.provider == recognizer.name)
            assert used == pytest.approx(
                sum(session.bytes for session in recognizer.sessions) / 8, abs=len(recognizer.sessions) + 1
            )

    async def _push(self, frame: bytes, count: int) -> None:
        for _ in range(count):
            self.session.push(frame)
            await asyncio.sleep(FRAME_S)

    def take(self, event: SpeechToTextEvent) -> None:
        self.events.append(event)
        if isinstance(event, RecognizedText):
            self.text = event.text
            if event.final and event.token is not None:
                assert event.token not in self.answered
                self.answered.add(event.token)


def call(script: Coroutine[Any, Any, None], caller: Caller) -> Caller:
    """Runs a whole call."""

    async def main() -> None:
        await caller.open()
        await script
        await caller.hang_up()

    run(main())
    return caller
