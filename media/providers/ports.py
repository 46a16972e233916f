"""The three ports that providers implement: SpeechToText, LanguageModel and TextToSpeech.

All audio at the ports is G.711 mu-law, 8 kHz, mono (1 byte = 0.125 ms), as the phone network carries it.

The values that pass through the ports are defined in `shared/providers/`, which vendors' codecs use without media.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from shared.providers.chat import (
    CALL_BEGAN_PROMPT,
    CONTINUE_PROMPT,
    NOT_ENDED_RESULT,
    TOOL_ENDED_PROMPT,
    ChatRequest,
    LanguageModelEvent,
    Message,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolSpec,
)
from shared.providers.errors import (
    MAX_ANSWER_BYTES,
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    ReplyUnusable,
)
from shared.providers.speech import NO_TURN_SIGNAL, RecognizedText, SpeechChunk, TimedWord, TurnSignal

__all__ = [
    "CALL_BEGAN_PROMPT",
    "CONTINUE_PROMPT",
    "MAX_ANSWER_BYTES",
    "NOT_ENDED_RESULT",
    "NO_TURN_SIGNAL",
    "TOOL_ENDED_PROMPT",
    "ChatRequest",
    "KeyRefused",
    "LanguageFollower",
    "LanguageModel",
    "LanguageModelEvent",
    "LastResort",
    "Message",
    "ProviderBusy",
    "ProviderError",
    "ProviderKind",
    "ProviderSlow",
    "RecognizedText",
    "ReplyUnusable",
    "SpeechChunk",
    "SpeechToText",
    "SpeechToTextEvent",
    "SpeechToTextFailed",
    "SpeechToTextSession",
    "SpeechToTextSink",
    "TextDelta",
    "TextToSpeech",
    "TimedWord",
    "TokenUsage",
    "ToolCall",
    "ToolSpec",
    "TurnSignal",
]

ProviderKind = Literal["stt", "llm", "tts"]


# --- SpeechToText -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechToTextFailed:
    """The session failed; no more events follow."""

    error: ProviderError


SpeechToTextEvent = RecognizedText | TurnSignal | SpeechToTextFailed
SpeechToTextSink = Callable[[SpeechToTextEvent], None]


class SpeechToTextSession(Protocol):
    """One caller's session. `push`, `started`, `finalize` and `next_turn` run on the frame path: they never block or
    raise.

    Events go to the sink given at `open`, always on the call's event loop.
    """

    def push(self, ulaw: bytes) -> None:
        """Process the next piece of caller audio (usually 160 bytes = 20 ms), including silence."""

    def started(self) -> None:
        """Notify the recognizer that the caller began to speak a moment ago. A one-shot recognizer may drop audio older
        than about 500 ms.

        Called again if the caller continues after a pause within the same turn. In that case nothing is dropped.
        """

    def finalize(self, token: int) -> None:
        """Request the final text of all audio pushed so far in this turn.

        One `RecognizedText(final=True, token=token)` answers (its text may be empty), unless a later `finalize` or
        `next_turn` makes the request stale or the session fails. The request is speculative: the caller may continue to
        speak.
        """

    def next_turn(self) -> None:
        """Mark the current turn's text as used. Later text belongs to the next turn."""

    async def close(self) -> None:
        """End the session. Repeated calls change nothing. No event follows after it returns."""


@runtime_checkable
class LanguageFollower(Protocol):
    """A session that can continue in another language."""

    def set_language(self, language: str) -> None:
        """Continue in another language (BCP 47), which the caller speaks from now on. Returns at once, without losing
        words."""


class SpeechToText(Protocol):
    """A speech recognizer."""

    name: str

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Open a session. Raises ProviderError if the provider cannot be reached."""


# --- LanguageModel ------------------------------------------------------------------------------------------------


@runtime_checkable
class LastResort(Protocol):
    """A provider that answers at once, but worse than a model. It takes over after the others failed, and does not race
    them."""

    is_last_resort: bool


class LanguageModel(Protocol):
    """A language model, or anything that answers like one."""

    name: str

    def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Stream the reply. Closing the iterator cancels the request. Raises ProviderError.

        TokenUsage may arrive more than once; the values add up. If the stream is closed early and no TokenUsage has
        arrived, the chain estimates the usage.
        """


# --- TextToSpeech -------------------------------------------------------------------------------------------------


class TextToSpeech(Protocol):
    """A voice.

    Attributes:
        streams_text: The voice accepts words as the model produces them. If it is false, each item of `text` must be a
            whole clause or sentence.
        times_words: The voice reports the time of every word.
    """

    name: str
    streams_text: bool
    times_words: bool

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speak the text as it arrives, and end after the last audio. Raises ProviderError.

        An empty item requests the audio of all text so far; more text may follow much later. Closing the iterator
        cancels the speech. Audio may arrive faster than real time. Text that was read counts as sent to the voice and
        is billed, so a voice must read an item only when it can send the item.
        """
