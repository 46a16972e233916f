"""Deepgram's Aura: messages of `/v1/speak`, and when to flush; pure.

The vendor speaks nothing before Flush, and takes 20 of them a minute on a connection.
Source: developers.deepgram.com/docs/tts-websocket, /docs/tts-ws-flush, /docs/tts-ws-clear.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec import Struct

from shared.providers.errors import DECODE_ERRORS, ProviderBusy, make_unreadable

PATH: Final = "/v1/speak"
FLUSH: Final = '{"type":"Flush"}'
CLEAR: Final = '{"type":"Clear"}'
CLOSE: Final = '{"type":"Close"}'
# Most characters of a Speak message.
MAX_CHARACTERS: Final = 2_000
MAX_FLUSHES: Final = 20
FLUSH_WINDOW_S: Final = 60.0
# With no more flushes left than this, text is gathered while the vendor still speaks.
FLUSH_RESERVE: Final = 5


class AuraMessage(Struct):
    """A text message of the vendor. type: Flushed, Cleared, Warning, Metadata or Error."""

    type: str
    code: str = ""


_decoder: Final = msgspec.json.Decoder(AuraMessage)


def read_aura(provider: str, message: bytes) -> AuraMessage:
    """Reads a message. Raises ProviderError for one that cannot be read."""
    try:
        return _decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None


class FlushBudget:
    """How often a connection may still flush. clock: in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._used: deque[float] = deque()

    @property
    def left(self) -> int:
        """Flushes that the vendor takes now."""
        while self._used and self._used[0] <= self._clock() - FLUSH_WINDOW_S:
            self._used.popleft()
        return MAX_FLUSHES - len(self._used)

    def use(self) -> None:
        """Records a flush."""
        self._used.append(self._clock())


class AuraSpeech:
    """One speech on a connection: the messages for its text, which comes in clauses, and when all was spoken."""

    def __init__(self, provider: str, budget: FlushBudget) -> None:
        self._provider = provider
        self._budget = budget
        self._space = ""  # is sent before the next word
        self._has_unflushed = False
        self._flushing = 0
        self._has_ended = False

    @property
    def is_complete(self) -> bool:
        """Whether the text ended, and all of it was spoken."""
        return self._has_ended and not self._has_unflushed and not self._flushing

    @property
    def has_room(self) -> bool:
        """Whether another clause can be added: the last flush is for what was sent before."""
        return self._budget.left > 1

    def add(self, text: str) -> list[str]:
        """The messages for the next clause; an empty one asks to speak what was sent. Raises ProviderBusy."""
        text = self._space + text
        self._space = "" if text.strip() else text
        spoken = list(_pieces(text)) if text.strip() else []
        self._has_unflushed = self._has_unflushed or bool(spoken)
        messages = [msgspec.json.encode({"type": "Speak", "text": piece}).decode() for piece in spoken]
        if not self._flushing or self._budget.left > FLUSH_RESERVE:
            messages += self._flush()
        return messages

    def end(self) -> list[str]:
        """The messages for the end of the text. Raises ProviderBusy."""
        self._has_ended = True
        return self._flush()

    def acknowledge_flush(self) -> list[str]:
        """The messages that follow a Flushed. Raises ProviderBusy."""
        self._flushing = max(0, self._flushing - 1)
        return self._flush() if not self._flushing else []

    def _flush(self) -> list[str]:
        if not self._has_unflushed:
            return []
        if not self._budget.left:
            raise ProviderBusy(self._provider, "no more flushes in this minute")
        self._budget.use()
        self._has_unflushed = False
        self._flushing += 1
        return [FLUSH]


def _pieces(text: str) -> Iterator[str]:
    """The text in pieces that one message can hold, cut behind spaces."""
    while len(text) > MAX_CHARACTERS:
        cut = text.rfind(" ", 0, MAX_CHARACTERS) + 1 or MAX_CHARACTERS
        yield text[:cut]
        text = text[cut:]
    yield text
