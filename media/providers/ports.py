"""The three ports behind which every provider stands: Hear (speech to text), Think (language model), Speak (voice).

All audio at the ports is G.711 mu-law, 8 kHz, mono (1 byte = 0.125 ms), as the phone network carries it.

Errors:
    ProviderError       any failure of a provider; `retryable` tells whether the same request may be tried again
    ├── ProviderBusy    a quota or queue is full: try another provider at once
    └── ProviderSlow    a deadline passed
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol


class ProviderError(Exception):
    """A provider failed; the message is safe to log (no key, no caller's words)."""

    def __init__(self, provider: str, reason: str, *, retryable: bool = True) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason
        self.retryable = retryable


class ProviderBusy(ProviderError):
    """The provider has no room for this request now (HTTP 429, a full queue)."""


class ProviderSlow(ProviderError):
    """The provider missed a deadline."""


# --- Hear ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Transcript:
    """What the recogniser makes of the caller's current turn.

    text: the whole turn so far (cumulative, replaces what came before), never a delta.
    final: the recogniser will not change this text unless more audio is pushed.
    token: the `finalise` request that this answers, or None when the recogniser spoke up by itself.
    """

    text: str
    final: bool
    token: int | None = None


@dataclass(frozen=True, slots=True)
class HearFailed:
    """The session is dead; nothing more will come from it."""

    error: ProviderError


HearEvent = Transcript | HearFailed
HearSink = Callable[[HearEvent], None]


class HearSession(Protocol):
    """One caller's ear. `push`, `started`, `finalise` and `next_turn` run on the frame path: they never block or raise.

    Events go to the sink given at `open`, always on the event loop of the call.
    """

    def push(self, ulaw: bytes) -> None:
        """Takes the next piece of caller audio (usually 160 bytes = 20 ms); silence is pushed too."""

    def started(self) -> None:
        """The caller began to speak a moment ago: audio older than about 500 ms can be dropped by a one-shot
        recogniser. Called again when the caller goes on after a pause within the same turn: then nothing is dropped."""

    def finalise(self, token: int) -> None:
        """Asks for the final text of all audio pushed so far in this turn.

        Answered by one `Transcript(final=True, token=token)` (text may be empty), unless a later `finalise` or
        `next_turn` makes it stale or the session fails. Speculative: the caller may well go on speaking."""

    def next_turn(self) -> None:
        """The current turn's text has been taken; later text starts afresh."""

    async def close(self) -> None:
        """Ends the session; idempotent; no event comes after it returns."""


class Hear(Protocol):
    """A speech recogniser."""

    name: str

    async def open(self, language: str, sink: HearSink) -> HearSession:
        """Opens a session. Raises ProviderError when the provider cannot be reached."""


# --- Think --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool offered to the model; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool run; `arguments` is the raw JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation as the model remembers it. Assistant text is what the caller *heard*.

    role "tool": `text` is the result and `tool_call_id` names the call that it answers.
    """

    role: Literal["user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for a reply."""

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    language: str = "en"


# Last user message of an Ask whose reply was begun by another provider: the assistant message before it is what the
# caller has been told so far, and the reply has to go on from there (fallback in mid-answer).
GO_ON: Final = (
    "[The line broke in the middle of your last message. Continue it from exactly where it stops, "
    "without repeating or commenting on any of it.]"
)


@dataclass(frozen=True, slots=True)
class Words:
    """The next piece of the reply's text, spaces included, exactly as streamed.

    An empty text is a sign of life (the model has begun, for instance with a tool call) and is nothing to be spoken.
    """

    text: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one request, as the provider counts them or (estimated=True) as we do."""

    prompt: int
    completion: int
    estimated: bool = False


ThinkEvent = Words | ToolCall | TokenUsage


class Think(Protocol):
    """A language model, or anything that answers like one."""

    name: str

    def stream(self, ask: Ask) -> AsyncIterator[ThinkEvent]:
        """Streams the reply. Closing the iterator cancels the request. Raises ProviderError.

        TokenUsage may come more than once (add them up); none comes when the stream is closed early: estimate then."""


# --- Speak --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word of the reply and when it sounds, in ms from the first audio of the same `Speak.stream`."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class Spoken:
    """A piece of speech: mu-law 8 kHz audio, and the words known to begin in it (empty where the voice tells none)."""

    audio: bytes
    words: tuple[TimedWord, ...] = field(default=())


class Speak(Protocol):
    """A voice.

    streams_text: True when the voice takes words as they come from the model; False when each item of `text` must be
    a whole clause or sentence.
    times_words: True when every word comes with its timing.
    """

    name: str
    streams_text: bool
    times_words: bool

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[Spoken]:
        """Speaks the text as it arrives and ends after the last audio. An empty item asks the voice to speak what it
        has so far (more may follow much later). Closing the iterator cancels. Audio may come faster than real time.
        Raises ProviderError."""
