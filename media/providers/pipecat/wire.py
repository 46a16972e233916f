"""Messages between the media server and the engine process of pipecat: one connection is one session of a service.

The first message is OpenService, answered by ServiceOpened or ServiceFailed. ServiceFailed ends a session at any time;
closing the connection does, too.
"""

from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

FailureCause = Literal["busy", "slow", "refused", "failed"]


class EngineCheck(Struct, frozen=True, tag=True):
    """Asks whether the engine process still serves, in place of OpenService; answered by EngineServes."""


class EngineServes(Struct, frozen=True, tag=True):
    """The answer to EngineCheck; the connection is over."""


class OpenService(Struct, frozen=True, tag=True):
    """Requests a service of pipecat. service: the full name of its class. language: of the call, where the settings
    name none; may be empty."""

    kind: Literal["stt", "llm", "tts"]
    service: str
    settings: dict[str, Any]
    api_key: str = ""
    language: str = ""


class CallerAudio(Struct, frozen=True, tag=True):
    """The next audio of a recognizer: mu-law at 8 kHz."""

    ulaw: bytes


class SpeechStart(Struct, frozen=True, tag=True):
    """The caller began to speak, or went on after a pause."""


class FinalRequest(Struct, frozen=True, tag=True):
    """Requests the final text of the turn so far."""

    token: int


class TurnTaken(Struct, frozen=True, tag=True):
    """The turn's text was taken; what comes later is the next turn's."""


class ChatTurn(Struct, frozen=True, tag=True):
    """Requests a model's reply. messages, tools: as OpenAI's chat completions have them."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]


class ClauseText(Struct, frozen=True, tag=True):
    """A clause or sentence for a voice."""

    text: str


class UtteranceEnd(Struct, frozen=True, tag=True):
    """No more text comes for this utterance; answered by UtteranceSpoken."""


class ServiceOpened(Struct, frozen=True, tag=True):
    """The service is ready."""


class ServiceFailed(Struct, frozen=True, tag=True):
    """The service failed, or was refused; the session is over. cause: `refused`: it would fail again. reason:
    safe to log."""

    cause: FailureCause
    reason: str


class RecognizedTurn(Struct, frozen=True, tag=True):
    """The text of the caller's turn so far. token: of the request that it answers."""

    text: str
    is_final: bool
    token: int | None = None


class ReplyText(Struct, frozen=True, tag=True):
    """The next piece of a model's reply; an empty one is a sign of life."""

    text: str


class ReplyToolCall(Struct, frozen=True, tag=True):
    """The model calls a tool. arguments: JSON."""

    id: str
    name: str
    arguments: str


class ReplyTokens(Struct, frozen=True, tag=True):
    """What a reply used, as TokenUsage has it."""

    prompt: int
    completion: int
    cached: int


class ReplyEnd(Struct, frozen=True, tag=True):
    """The reply is complete; the session can be used again."""


class SpeechAudio(Struct, frozen=True, tag=True):
    """The next audio of a voice: mu-law at 8 kHz."""

    ulaw: bytes


class UtteranceSpoken(Struct, frozen=True, tag=True):
    """All audio of the utterance was sent; the session can be used again."""


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
# Sessions of one engine process. A recognizer takes 10 ms of CPU a second: so many fill a core.
MAX_SESSIONS: Final = 100


def make_request_decoder() -> msgspec.msgpack.Decoder[SessionRequest]:
    """The decoder of the engine process."""
    return msgspec.msgpack.Decoder(SessionRequest)


def make_output_decoder() -> msgspec.msgpack.Decoder[SessionOutput]:
    """The decoder of a client."""
    return msgspec.msgpack.Decoder(SessionOutput)
