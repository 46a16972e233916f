"""Messages between the media server and the engine process of pipecat. Each connection is one session with a service.

The first message is OpenService, which is answered by ServiceOpened or ServiceFailed. A session ends with
ServiceFailed, which may arrive at any time, or when the connection is closed.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

FailureCause = Literal["busy", "slow", "refused", "failed"]


class EngineCheck(Struct, frozen=True, tag=True):
    """Checks whether the engine process still serves. It is sent instead of OpenService, and answered by
    EngineServes."""


class EngineServes(Struct, frozen=True, tag=True):
    """The answer to EngineCheck, after which the connection ends."""


class OpenService(Struct, frozen=True, tag=True):
    """A request for a pipecat service.

    Attributes:
        service: The full name of its class.
        language: The call's language, which is used if the settings contain none. May be empty.
    """

    kind: Literal["stt", "llm", "tts"]
    service: str
    settings: dict[str, Any]
    api_key: str = ""
    language: str = ""


class CallerAudio(Struct, frozen=True, tag=True):
    """The next audio for a recognizer: mu-law at 8 kHz."""

    ulaw: bytes


class SpeechStart(Struct, frozen=True, tag=True):
    """The caller began to speak, or continued after a pause."""


class FinalRequest(Struct, frozen=True, tag=True):
    """A request for the final text of the turn so far."""

    token: int


class TurnTaken(Struct, frozen=True, tag=True):
    """The turn's text was taken. Later text belongs to the next turn."""


class ChatTurn(Struct, frozen=True, tag=True):
    """A request for a model's reply.

    Attributes:
        messages: Messages in the format of OpenAI's chat completions.
        tools: Tools in the format of OpenAI's chat completions.
    """

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]


class ClauseText(Struct, frozen=True, tag=True):
    """A clause or sentence for a voice."""

    text: str


class UtteranceEnd(Struct, frozen=True, tag=True):
    """The end of an utterance's text. It is answered by UtteranceSpoken."""


class ServiceOpened(Struct, frozen=True, tag=True):
    """The service is ready."""


class ServiceFailed(Struct, frozen=True, tag=True):
    """The service failed or was refused, so the session is over.

    Attributes:
        cause: The kind of failure. After "refused", another attempt would fail again.
        reason: The reason, which is safe to log.
    """

    cause: FailureCause
    reason: str


class RecognizedTurn(Struct, frozen=True, tag=True):
    """The text of the caller's turn so far.

    Attributes:
        token: The token of the answered request, or None.
    """

    text: str
    is_final: bool
    token: int | None = None


class ReplyText(Struct, frozen=True, tag=True):
    """The next piece of a model's reply. An empty piece is a sign of life."""

    text: str


class ReplyToolCall(Struct, frozen=True, tag=True):
    """A tool call of the model.

    Attributes:
        arguments: The arguments as JSON.
    """

    id: str
    name: str
    arguments: str


class ReplyTokens(Struct, frozen=True, tag=True):
    """The token usage of a reply, as in TokenUsage."""

    prompt: int
    completion: int
    cached: int


class ReplyEnd(Struct, frozen=True, tag=True):
    """The reply is complete, and the session can be reused."""


class SpeechAudio(Struct, frozen=True, tag=True):
    """The next audio of a voice: mu-law at 8 kHz."""

    ulaw: bytes


class UtteranceSpoken(Struct, frozen=True, tag=True):
    """All audio of the utterance was sent, and the session can be reused."""


SessionInput = CallerAudio | SpeechStart | FinalRequest | TurnTaken | ChatTurn | ClauseText | UtteranceEnd
SessionRequest = EngineCheck | OpenService | SessionInput
SessionOutput = (
    EngineServes
    | ServiceOpened
    | ServiceFailed
    | RecognizedTurn
    | ReplyText
    | ReplyToolCall
    | ReplyTokens
    | ReplyEnd
    | SpeechAudio
    | UtteranceSpoken
)
# The maximum number of sessions in one engine process. A recognizer takes 10 ms of CPU per second, so this many fill a
# core.
MAX_SESSIONS: Final = 100


def make_request_decoder() -> msgspec.msgpack.Decoder[SessionRequest]:
    """Return the decoder of the engine process."""
    return msgspec.msgpack.Decoder(SessionRequest)


def make_output_decoder() -> msgspec.msgpack.Decoder[SessionOutput]:
    """Return the decoder of a client."""
    return msgspec.msgpack.Decoder(SessionOutput)
