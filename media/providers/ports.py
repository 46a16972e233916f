"""The three ports that providers implement: SpeechToText, LanguageModel and TextToSpeech.

All audio at the ports is G.711 mu-law, 8 kHz, mono (1 byte = 0.125 ms), as the phone network carries it.

Errors:
    ProviderError       any failure of a provider; `retryable`: whether the same request may be tried again
    ├── ProviderBusy    a quota or queue is full: try another provider at once
    ├── KeyRefused      the account's key is not accepted
    ├── ProviderSlow    a deadline passed
    └── ReplyUnusable   an answer came, but nothing of it can be used
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol, runtime_checkable

from media.providers.error_code import hide_key
from shared.provider_failures import FailureCause

ProviderKind = Literal["stt", "llm", "tts"]
# What is kept of a vendor's answer that was an error.
MAX_ANSWER_BYTES: Final = 4_096


class ProviderError(Exception):
    """A provider failed; the message is safe to log (no key, no caller's words). cause: if it is not the class's."""

    usual_cause: ClassVar[FailureCause] = "error"

    def __init__(
        self, provider: str, reason: str, *, retryable: bool = True, cause: FailureCause | None = None
    ) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason
        self.retryable = retryable
        self.cause: FailureCause = cause or self.usual_cause

    # What the vendor said, as it came. It may repeat the key or the caller's words, so that it is never logged: the
    # doctor reads it, without the key.
    answer: bytes = b""

    def hide_key(self, key: str) -> None:
        """Takes an API key out of the message: a vendor may have put it where a code belongs."""
        self.reason = hide_key(self.reason, key)
        self.args = (f"{self.provider}: {self.reason}",)

    def with_answer(self, answer: bytes | None) -> "ProviderError":
        """The same error with the beginning of the vendor's answer."""
        self.answer = bytes(answer or b"")[:MAX_ANSWER_BYTES]
        return self


class ProviderBusy(ProviderError):
    """The provider has no room for this request: for now (HTTP 429, a full queue), or, where it is not worth repeating,
    because a quota is used up."""

    def __init__(self, provider: str, reason: str, *, retryable: bool = True) -> None:
        super().__init__(provider, reason, retryable=retryable, cause="rate_limited" if retryable else "quota")


class KeyRefused(ProviderError):
    """The vendor does not accept the account's key (HTTP 401, at sockets 403, too): no request with it will succeed."""

    usual_cause = "unauthorized"

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(provider, reason, retryable=False)


class ProviderSlow(ProviderError):
    """The provider missed a deadline. may_bill: it may have the request, and bill it although nothing came back."""

    usual_cause = "late"

    def __init__(self, provider: str, reason: str, *, retryable: bool = True, may_bill: bool = True) -> None:
        super().__init__(provider, reason, retryable=retryable)
        self.may_bill = may_bill


class ReplyUnusable(ProviderError):
    """The model answered, but nothing of it can be used: the fault is as likely the request's (its prompt, its limit of
    tokens) as the provider's."""

    usual_cause = "empty"


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word and when it sounds, in ms from the stream's first audio. is_estimated: by us, from the words' lengths; the
    vendor did not tell."""

    text: str
    start_ms: float
    end_ms: float
    is_estimated: bool = False


# --- SpeechToText -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RecognisedText:
    """One result of a recogniser for the caller's current turn.

    text: the whole turn so far (cumulative, replaces what came before), never a delta.
    final: the recogniser will not change this text unless more audio is pushed.
    token: the `finalise` request that this answers, or None for a result that was not asked for.
    words: of an answer, those of `text` with the vendor's times in the audio that was pushed, or the last of them where
        several recognisers heard the turn; empty where the vendor tells no times.
    language: of an answer, the code of the language that most of it was spoken in ("es"), as the vendor told it; empty
        where it told none.
    """

    text: str
    final: bool
    token: int | None = None
    words: tuple[TimedWord, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class TurnSignal:
    """What a recogniser that is trained for turns believes of the caller's; takes the place of the one before.

    It is evidence beside others and ends no turn: nothing waits for one, and one about other words than the latest
    counts for nothing. A recogniser without them sends none.

    text: the whole turn so far, which it is about, as in `RecognisedText`; that has been reported before.
    finished: probability (0-1) that the turn ends there, made of the vendor's own figure (`turn_calibration.py`);
        None: it says nothing of it any more.
    resumed: the caller goes on, after a signal that they may have finished.
    """

    text: str
    finished: float | None
    resumed: bool = False


# Nothing is known any more, because the session that sent the last one is not listened to any longer.
NO_TURN_SIGNAL: Final = TurnSignal("", None)


@dataclass(frozen=True, slots=True)
class SpeechToTextFailed:
    """The session failed; no more events follow."""

    error: ProviderError


SpeechToTextEvent = RecognisedText | TurnSignal | SpeechToTextFailed
SpeechToTextSink = Callable[[SpeechToTextEvent], None]


class SpeechToTextSession(Protocol):
    """One caller's session. `push`, `started`, `finalise` and `next_turn` run on the frame path: they never block or
    raise.

    Events go to the sink given at `open`, always on the event loop of the call.
    """

    def push(self, ulaw: bytes) -> None:
        """Takes the next piece of caller audio (usually 160 bytes = 20 ms); silence is pushed too."""

    def started(self) -> None:
        """The caller began to speak a moment ago: a one-shot recogniser may drop audio older than about 500 ms.
        Called again when the caller continues after a pause within the same turn: then nothing is dropped."""

    def finalise(self, token: int) -> None:
        """Asks for the final text of all audio pushed so far in this turn.

        Answered by one `RecognisedText(final=True, token=token)` (text may be empty), unless a later `finalise` or
        `next_turn` makes it stale or the session fails. Speculative: the caller may go on speaking."""

    def next_turn(self) -> None:
        """The current turn's text has been taken; later text belongs to the next turn."""

    async def close(self) -> None:
        """Ends the session; idempotent; no event follows after it returns."""


@runtime_checkable
class LanguageFollower(Protocol):
    """A session that can go on in another language."""

    def set_language(self, language: str) -> None:
        """The caller speaks this language (BCP 47) from now on. Returns at once; no words are lost."""


class SpeechToText(Protocol):
    """A speech recogniser."""

    name: str

    async def open(self, language: str, sink: SpeechToTextSink) -> SpeechToTextSession:
        """Opens a session. Raises ProviderError when the provider cannot be reached."""


# --- LanguageModel ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool offered to the model; `parameters` is a JSON Schema object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool; `arguments` is the raw JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One entry of the conversation. Assistant text is what the caller *heard*.

    role "tool": `text` is the result and `tool_call_id` names the call that it answers. note: of a user's message: what
    the phone system tells the model before it, in one line; nobody said it.
    """

    role: Literal["user", "assistant", "tool"]
    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request for a reply.

    call_note: what the model is told of the call behind `system`, the same in all requests of the call; may be empty.
    """

    system: str
    messages: Sequence[Message]
    tools: Sequence[ToolSpec] = ()
    language: str = "en"
    call_note: str = ""


# Last user message of a ChatRequest whose reply another provider began (fallback in mid-reply): the assistant message
# before it is what the caller heard so far, and the reply has to continue from there.
CONTINUE_PROMPT: Final = (
    "[The line broke in the middle of your last message. Continue it from exactly where it stops, "
    "without repeating or commenting on any of it.]"
)


# First user message for vendors whose conversations begin with the user, where the agent spoke first.
CALL_BEGAN_PROMPT: Final = "[The call has begun.]"


# Last user message of a ChatRequest that is no answer to the caller: a tool has ended that ran on while they talked.
TOOL_ENDED_PROMPT: Final = (
    "[A tool that you called earlier has ended; its result is above, where you called it. "
    "Tell the caller what it means for them, in one or two sentences.]"
)


# Result of `end_call` or `transfer` that was not carried out, because the line broke during the last words.
NOT_ENDED_RESULT: Final = (
    "Interrupted: the line broke before this was carried out, and the call goes on. Call it again if it is wanted."
)


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply's text, spaces included, exactly as streamed.

    An empty text only shows that the model is at work (for instance on a tool call); it is not spoken.
    """

    text: str


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one request, as counted by the provider or (estimated=True) estimated by us.

    prompt: those of the prompt that the provider neither had cached nor caches now. cached: those that it had.
    cache_write: those that it caches now, where it bills them apart.
    """

    prompt: int
    completion: int
    estimated: bool = False
    cached: int = 0
    cache_write: int = 0


LanguageModelEvent = TextDelta | ToolCall | TokenUsage


@runtime_checkable
class LastResort(Protocol):
    """A provider that answers at once, but worse than a model: it takes over when the others failed, and races none."""

    is_last_resort: bool


class LanguageModel(Protocol):
    """A language model, or anything that answers as one."""

    name: str

    def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Streams the reply. Closing the iterator cancels the request. Raises ProviderError.

        TokenUsage may come more than once (add them up). None comes when the stream is closed early: the chain then
        estimates it, unless one came before."""


# --- TextToSpeech -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of speech: mu-law 8 kHz audio, and the words known to begin in it (none where the voice times none)."""

    audio: bytes
    words: tuple[TimedWord, ...] = field(default=())


class TextToSpeech(Protocol):
    """A voice.

    streams_text: True when the voice accepts words as they come from the model; False when each item of `text` must be
    a whole clause or sentence.
    times_words: True when every word comes with its timing.
    """

    name: str
    streams_text: bool
    times_words: bool

    def stream(self, text: AsyncIterator[str], language: str) -> AsyncIterator[SpeechChunk]:
        """Speaks the text as it arrives and ends after the last audio. An empty item asks the voice to speak what it
        has so far (more may follow much later). Closing the iterator cancels. Audio may come faster than real time.
        Text that was read counts as sent to the voice, and is paid for: read it when it can be sent. Raises
        ProviderError."""
