"""A caller of a recognizer, and the two accounts at a vendor that a call's recognizers use."""

import asyncio
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from media.providers.ports import RecognizedText, SpeechToTextEvent, SpeechToTextSession
from tests.media.providers.vendors.cartesia_servers import CartesiaCall
from tests.simulator.vendors.cartesia_callers import caller_frames

V = TypeVar("V")

# What the simulated vendors hear, in two turns.
TEXT: Final = "i would like to book a table for seven"
NEXT: Final = "good bye"


@dataclass
class Caller:
    """One caller. events: of the recognizers. burst: frames in a millisecond."""

    burst: int = 8

    session: SpeechToTextSession | None = None
    events: list[SpeechToTextEvent] = field(default_factory=list)
    pushed: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def sink(self, event: SpeechToTextEvent) -> None:
        self.events.append(event)
        self.changed.set()

    async def say(self, text: str, token: int) -> str:
        """Says a text; returns what was recognized."""
        assert self.session is not None
        for index, frame in enumerate(caller_frames(text)):
            self.session.push(frame)
            self.pushed += len(frame)
            if index == 5:
                self.session.started()
            if index % self.burst == 0:
                await asyncio.sleep(0.001)
        self.session.finalize(token)
        async with asyncio.timeout(30):
            while not (found := [event for event in self.events if self._answers(event, token)]):
                self.changed.clear()
                await self.changed.wait()
        self.session.next_turn()
        assert isinstance(found[0], RecognizedText)
        return found[0].text

    @staticmethod
    def _answers(event: SpeechToTextEvent, token: int) -> bool:
        return isinstance(event, RecognizedText) and event.token == token


@dataclass
class RecognizerHarness(Generic[V]):
    """a, b: the vendor's servers, of the first choice and of the next one."""

    a: V
    b: V
    call: CartesiaCall

    async def converse(self, burst: int = 8) -> tuple[Caller, list[str]]:
        """Two turns of a caller, and what was recognized."""
        caller = Caller(burst)
        caller.session = await self.call.build().stt.open("en-US", caller.sink)
        texts = [await caller.say(TEXT, 1), await caller.say(NEXT, 2)]
        await caller.session.close()
        return caller, texts
