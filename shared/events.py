"""What media tells about a call: one typed table of events, numbered per call, both ways to JSON.

Times named `*_ms` are milliseconds since the call's first message on the media socket; texts are what was *heard*.
"""

from typing import Literal

import msgspec
from msgspec import Struct

Status = Literal["queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled"]
EndReason = Literal[
    "caller_hangup",
    "agent_hangup",
    "transferred",
    "voicemail",
    "max_duration",
    "silence",
    "spend_limit",
    "admin",
    "carrier_error",
    "provider_error",
    "media_lost",
]


class _Event(Struct, frozen=True, tag_field="type"):
    """Base of the table; the tag in JSON is `type`."""


class CallStarted(_Event, frozen=True, tag="call.started"):
    """The carrier's stream began."""

    carrier: Literal["twilio", "telnyx", "browser"]
    carrier_call_id: str
    stream_id: str
    agent: str
    caller: str = ""
    called: str = ""


class CallResumed(_Event, frozen=True, tag="call.resumed"):
    """The call goes on in another media stream, its node or socket was lost. lost_ms: since the last checkpoint."""

    at_ms: int
    lost_ms: int
    leg: int
    stream_id: str


class Commanded(_Event, frozen=True, tag="call.commanded"):
    """Somebody had something done to the call from outside (see shared/bus/commands)."""

    at_ms: int
    command: str
    command_id: str


class CallerSaid(_Event, frozen=True, tag="caller.said"):
    """The caller's turn as recognised; start and end are the true start and end of the sound."""

    turn: int
    text: str
    start_ms: int
    end_ms: int


class AgentSaid(_Event, frozen=True, tag="agent.said"):
    """What the caller heard of one agent utterance. `planned` is what would have been said without interruption.

    turn: the caller's turn that it answers, 0 for the greeting.
    """

    turn: int
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = False
    planned: str = ""


class TurnLatency(_Event, frozen=True, tag="turn.latency"):
    """Caller-perceived latency of one answer and its split; the parts add up to `total_ms`.

    total: true end of caller speech to first agent audio sent to the carrier. endpoint: to the decision that the
    turn is over. stt: further wait for the final text. llm_first_token: text to the model's first word.
    tts_first_byte: first word to first audio.
    """

    turn: int
    total_ms: int
    endpoint_ms: int
    stt_ms: int
    llm_first_token_ms: int
    tts_first_byte_ms: int


class Interrupted(_Event, frozen=True, tag="turn.interrupted"):
    """The caller took the floor: `speech_ms` is when the caller's speech began, `cleared_ms` when the agent was cut."""

    turn: int
    speech_ms: int
    cleared_ms: int


class Resumed(_Event, frozen=True, tag="turn.resumed"):
    """A false interruption (cough, "uh-huh"): the agent went on where it had been cut."""

    turn: int
    at_ms: int


class DigitPressed(_Event, frozen=True, tag="call.dtmf"):
    """A key was pressed. The digit itself is told only where it is not being collected in secret."""

    at_ms: int
    digit: str


class ToolRan(_Event, frozen=True, tag="tool.ran"):
    """A tool was run by the model."""

    turn: int
    name: str
    ok: bool
    result: str
    took_ms: int


class Nudged(_Event, frozen=True, tag="call.nudged"):
    """Nobody spoke for the agent's idle limit, so the agent asked."""

    at_ms: int


class ProviderFailed(_Event, frozen=True, tag="provider.failed"):
    """A provider failed and the next of the chain (or nobody, when `next` is empty) took over."""

    kind: Literal["stt", "llm", "tts"]
    provider: str
    reason: str
    next: str = ""


class RecordingReady(_Event, frozen=True, tag="recording.ready"):
    """The stereo recording (caller left, agent right, as heard) of one media stream is complete.

    path: the file, or its key in object storage. duration_ms: from the start of the call, also for a later stream.
    """

    path: str
    duration_ms: int
    leg: int = 0


class Usage(Struct, frozen=True):
    """What the call consumed, per kind; the input of every price."""

    call_ms: int = 0
    stt_ms: int = 0
    llm_requests: int = 0
    llm_prompt_tokens: int = 0
    llm_completion_tokens: int = 0
    tts_characters: int = 0
    tts_ms: int = 0
    heard_ms: int = 0


class CallEnded(_Event, frozen=True, tag="call.ended"):
    """The last event of every call."""

    status: Status
    end_reason: EndReason
    detail: str
    duration_ms: int
    usage: Usage


Event = (
    CallStarted
    | CallResumed
    | Commanded
    | CallerSaid
    | AgentSaid
    | TurnLatency
    | Interrupted
    | Resumed
    | DigitPressed
    | ToolRan
    | Nudged
    | ProviderFailed
    | RecordingReady
    | CallEnded
)


# Every media stream of a call numbers its events in a range of its own: what a lost node still had sent stays unique.
SEQ_PER_LEG = 100_000


class Envelope(Struct, frozen=True):
    """One event on its way: `(call_id, seq)` is its identity; `at` is ISO 8601 UTC.

    seq counts from 1, in the call's later streams from `leg * SEQ_PER_LEG + 1`.
    """

    call_id: str
    seq: int
    at: str
    event: Event


def encode_event(envelope: Envelope) -> bytes:
    """Writes an event as one line of JSON, without the line end."""
    return msgspec.json.encode(envelope)


def decode_event(line: bytes | str) -> Envelope:
    """Reads an event. Raises msgspec.DecodeError; its kind ValidationError names the field at fault."""
    return msgspec.json.decode(line, type=Envelope)
