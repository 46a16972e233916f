"""The events of a call, which media publishes: one type each, numbered per call, encoded as JSON.

Times named `*_ms` are milliseconds since the call's first message on the media socket. Texts are what was *heard*.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from shared.json_text import decode_json

CallStatus = Literal["queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled"]
EndReason = Literal[
    "caller_hangup",
    "agent_hangup",
    "transferred",
    "voicemail",
    "max_duration",
    "silence",
    "spend_limit",
    "admin",
    "member",
    "carrier_error",
    "provider_error",
    "media_lost",
]

# Why a transfer did not connect the caller. "refused": the target declined, or hung up before it was connected.
# "failed": the carrier could not call it.
TransferFailure = Literal["busy", "no_answer", "refused", "failed"]


class _Event(Struct, frozen=True, tag_field="type"):
    """Base of all events; the tag in JSON is `type`."""


class CallStarted(_Event, frozen=True, tag="call.started"):
    """The carrier's media stream started."""

    carrier: Literal["twilio", "telnyx", "browser"]
    carrier_call_id: str
    stream_id: str
    agent: str
    caller: str = ""
    called: str = ""


class CallResumed(_Event, frozen=True, tag="call.resumed"):
    """The call continues in another media stream after a lost node or socket. `lost_ms` counts from the last
    checkpoint."""

    at_ms: int
    lost_ms: int
    leg: int
    stream_id: str


class TransferReturned(_Event, frozen=True, tag="transfer.returned"):
    """The caller is back with the agent, in another media stream, because the transfer's target was not reached.

    `failure` is a TransferFailure. Its type is str, so that a reader of this version accepts values of later versions.
    """

    at_ms: int
    failure: str
    leg: int
    stream_id: str


class CallCommanded(_Event, frozen=True, tag="call.commanded"):
    """A command from outside was carried out (see shared/bus/commands.py)."""

    at_ms: int
    command: str
    command_id: str


class SupervisionBegan(_Event, frozen=True, tag="supervision.began"):
    """A person listens to the call.

    Attributes:
        session_id: The session that the API opened.
        mode: "listen". Its type is str, so that a reader of this version accepts modes of later versions.
    """

    at_ms: int
    session_id: str
    mode: str


class SupervisionWhispered(_Event, frozen=True, tag="supervision.whispered"):
    """A supervisor gave the agent a note, which the caller did not hear."""

    at_ms: int
    session_id: str
    text: str


class AgentPaused(_Event, frozen=True, tag="supervision.paused"):
    """A person has silenced the agent."""

    at_ms: int
    session_id: str


class AgentResumed(_Event, frozen=True, tag="supervision.resumed"):
    """The agent continues after a pause, because the person resumed it or left."""

    at_ms: int
    session_id: str


class LineTaken(_Event, frozen=True, tag="supervision.speaking"):
    """A person speaks to the caller in the agent's place. The agent is silent meanwhile."""

    at_ms: int
    session_id: str


class LineReturned(_Event, frozen=True, tag="supervision.spoke"):
    """The person has given the line back. `spoken_ms` of the person's voice were sent to the caller."""

    at_ms: int
    session_id: str
    spoken_ms: int


class SupervisionEnded(_Event, frozen=True, omit_defaults=True, tag="supervision.ended"):
    """A person no longer listens.

    Attributes:
        heard_ms: The audio that was sent to the person, without withheld audio.
        dropped_ms: The audio that a slow connection did not accept.
        reason: "left", "call_ended", "stalled", "ended" or "fault".
        spoken_ms: The person's own audio that was sent to the caller.
    """

    at_ms: int
    session_id: str
    heard_ms: int
    dropped_ms: int
    reason: str
    spoken_ms: int = 0


# A longer utterance has no times of words, so that events stay small.
MOST_TIMED_WORDS = 500


class CallerSaid(_Event, frozen=True, omit_defaults=True, tag="caller.said"):
    """The caller's turn as recognized. `start_ms` and `end_ms` are the true start and end of the speech.

    Attributes:
        word_ms: Start and end of each word of the text (separated by white space) in one sequence, as the recognizer's
            vendor reported them. Left out if it reported none, above MOST_TIMED_WORDS, and by nodes of the previous
            version.
    """

    turn: int
    text: str
    start_ms: int
    end_ms: int
    word_ms: tuple[int, ...] = ()


class AgentSaid(_Event, frozen=True, omit_defaults=True, tag="agent.said"):
    """What the caller heard of one agent utterance.

    Attributes:
        turn: The caller's turn that it answers; 0 for the greeting.
        planned: The whole text that the interruption cut short.
        word_ms: As in `caller.said`, from the vendor of the voice.
    """

    turn: int
    text: str
    start_ms: int
    end_ms: int
    interrupted: bool = msgspec.field(default_factory=bool)  # factories: so false and "" are sent, as before
    planned: str = msgspec.field(default_factory=str)
    word_ms: tuple[int, ...] = ()


class PersonSaid(_Event, frozen=True, omit_defaults=True, tag="person.said"):
    """What a supervisor said to the caller in the agent's place, as recognized.

    Attributes:
        session_id: As in `supervision.speaking`.
        text: Empty if the words are unknown, because the recognizer failed.
        word_ms: As in `caller.said`.
    """

    session_id: str
    text: str
    start_ms: int
    end_ms: int
    word_ms: tuple[int, ...] = ()


class TurnLatency(_Event, frozen=True, omit_defaults=True, tag="turn.latency"):
    """The latency of one answer as the caller perceives it, and its parts, which add up to `total_ms`.

    Attributes:
        total_ms: From the true end of the caller's speech to the first audible sound at the carrier, as its marks show.
        endpoint_ms: Until the decision that the turn has ended.
        stt_ms: The further wait for the final text.
        llm_first_token_ms: From the text to the model's first token.
        tts_first_byte_ms: From the first token to the first audio.
        playback_ms: From the first audio sent to the first audible sound: the silence before it, and the way through
            the carrier and its buffer. Programs of the previous version did not report it.
        waited_for: What decided the required length of the silence: "words", "sound", "timer" or "dictation". Empty if
            unknown.
    """

    turn: int
    total_ms: int
    endpoint_ms: int
    stt_ms: int
    llm_first_token_ms: int
    tts_first_byte_ms: int
    playback_ms: int = 0
    waited_for: str = ""


class TurnInterrupted(_Event, frozen=True, tag="turn.interrupted"):
    """The caller interrupted the agent. Speech of the caller began at `speech_ms`; the agent's ended at
    `cleared_ms`."""

    turn: int
    speech_ms: int
    cleared_ms: int


class TurnResumed(_Event, frozen=True, tag="turn.resumed"):
    """A false interruption (cough, "uh-huh"): the agent resumed where it had been cut off."""

    turn: int
    at_ms: int


class DigitPressed(_Event, frozen=True, tag="call.dtmf"):
    """A key was pressed. The digit itself is published only while no secret digits are collected."""

    at_ms: int
    digit: str


class DigitsCollected(_Event, frozen=True, tag="call.digits_collected"):
    """A tool has waited for digits of the caller. No event contains the digits.

    Attributes:
        outcome: "complete", "too_few", "nothing", "unconfirmed" (read back, but not confirmed by the caller), or
            "abandoned" (the caller said something else, or the call ended).
        count: The number of digits.
        tries: How many times the agent asked for them.
        sources: "keys", "speech", both, or none.
    """

    at_ms: int
    outcome: str
    count: int
    tries: int
    sources: tuple[str, ...] = ()


class DigitsSent(_Event, frozen=True, tag="call.dtmf_sent"):
    """The agent presses keys, for example in the menu of another phone system.

    Attributes:
        at_ms: When the first key sounds.
        digits: Keys 0-9 A-D * # and pauses (w half a second, W a second). Empty if they are secret.
        run_id: As in `tool.started`.
    """

    at_ms: int
    digits: str
    run_id: str


class AnnouncementHeard(_Event, frozen=True, tag="announcement.heard"):
    """The caller heard an announcement to its end, as the carrier's mark showed. At most one event per call and kind.

    Attributes:
        kind: "disclosure": an artificial voice speaks. "recording": the call is recorded, and from at_ms on it may be.
            Its type is str, so that a reader of this version accepts kinds of later versions.
    """

    at_ms: int
    kind: str


class RecordingRefused(_Event, frozen=True, tag="recording.refused"):
    """The caller refused to be recorded: the recording stops, and what was recorded is deleted.

    Attributes:
        by: "words" or "key".
    """

    at_ms: int
    by: str


class CallerOptedOut(_Event, frozen=True, tag="caller.opted_out"):
    """The person on the phone asked not to be called again. Control puts their number on the do-not-call list.

    Attributes:
        by: "words" or "key".
    """

    at_ms: int
    by: str


class CallScreened(_Event, frozen=True, tag="call.screened"):
    """The called phone answered by itself and asked who is calling and why. The person may take the call afterwards."""

    at_ms: int


class LanguageSwitched(_Event, frozen=True, tag="call.language_switched"):
    """From this turn on the call is in another of the agent's languages (BCP 47), because the caller speaks it."""

    turn: int
    language: str
    previous: str
    at_ms: int


class ToolStarted(_Event, frozen=True, tag="tool.started"):
    """A tool that the model called begins to run.

    Attributes:
        run_id: The run's idempotency key, unique over all calls. A run that is repeated after the call was resumed
            keeps it.
    """

    turn: int
    name: str
    run_id: str
    at_ms: int


class ToolRan(_Event, frozen=True, omit_defaults=True, tag="tool.ran"):
    """A tool that the model called has ended.

    Attributes:
        result: Empty for a tool whose result is secret.
        run_id: As in `tool.started`. Empty from nodes of the previous version.
    """

    turn: int
    name: str
    ok: bool
    result: str
    took_ms: int
    run_id: str = ""


class CallNudged(_Event, frozen=True, tag="call.nudged"):
    """Nobody spoke for the agent's idle limit, so the agent asked whether the caller is there."""

    at_ms: int


class ProviderFailed(_Event, frozen=True, omit_defaults=True, tag="provider.failed"):
    """A provider failed.

    Attributes:
        next: The provider of the chain that took over. Empty if none is left.
        stage: See `shared.provider_failures`. Empty from nodes of the previous version. Its type is str, so that a
            reader of this version accepts values of later versions.
        cause: As `stage`.
        cost_ms: How long the caller waited for this provider in vain: from when its result was due until the next
            provider was asked, or until the failure was known if there was none. A voice's further audio is due when
            its earlier audio has been played; a model's text is due when it is awaited. 0 if nothing was due.
    """

    kind: Literal["stt", "llm", "tts"]
    provider: str
    reason: str
    next: str = msgspec.field(default_factory=str)  # a factory: so an empty one is sent, as before
    stage: str = ""
    cause: str = ""
    cost_ms: int = 0


class RecordingReady(_Event, frozen=True, tag="recording.ready"):
    """The stereo recording (caller left, agent right, as heard) of one media stream is complete.

    Attributes:
        path: The file, or its key in object storage.
        duration_ms: Counted from the start of the call, even in a later stream.
    """

    path: str
    duration_ms: int
    leg: int = 0


class RecordingIncomplete(_Event, frozen=True, tag="recording.incomplete"):
    """The node's disk did not accept a part of the recording of one media stream.

    Silence replaces the missing `lost_ms`. If no part was stored, there is no `recording.ready`.
    """

    lost_ms: int
    leg: int = 0


UsageUnit = Literal["ms", "prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "characters"]


class UsageRecorded(_Event, frozen=True, omit_defaults=True, tag="usage.recorded"):
    """One attempt at one provider consumed something. Every cost is calculated from these events.

    Attributes:
        resource_type: The kind of the provider.
        provider: The configured instance.
        vendor: Its adapter.
        model: The vendor's name of the model. Empty if it has none.
        quantity: The consumption since the provider's previous event of this unit. For a recognizer: ms of audio sent
            to it, including replayed audio. For a language model: prompt tokens that were not cached, cached ones, and
            completion tokens, one event each. For a voice: characters sent to it, heard or not.
        estimated: We counted, because the provider did not.
        own_key: The vendor bills the workspace, because the key or server belongs to it. Left out if it does not, and
            by nodes of the previous version.
    """

    resource_type: Literal["stt", "llm", "tts"]
    provider: str
    vendor: str
    model: str
    quantity: int
    unit: UsageUnit
    estimated: bool = msgspec.field(default_factory=bool)  # a factory: so false is sent, as before
    own_key: bool = False


class CallUsage(Struct, frozen=True):
    """Totals of what the call consumed over all its streams. The providers' part is the sum of the usage events."""

    call_ms: int = 0
    stt_ms: int = 0
    llm_requests: int = 0
    llm_prompt_tokens: int = 0
    llm_completion_tokens: int = 0
    tts_characters: int = 0
    tts_ms: int = 0
    heard_ms: int = 0


class CallEnded(_Event, frozen=True, omit_defaults=True, tag="call.ended"):
    """The end of a media stream. Only a late `recording.ready` may follow it.

    A lost stream ends with `carrier_error` or `media_lost`; the call may continue in another stream (`call.resumed`).

    Attributes:
        transfer_to: Where a call that ended as `transferred` continues (E.164). Empty from nodes of the previous
            version.
    """

    status: CallStatus
    end_reason: EndReason
    detail: str
    duration_ms: int
    usage: CallUsage
    transfer_to: str = ""


Event = (
    CallStarted | CallResumed | TransferReturned | CallCommanded | SupervisionBegan | SupervisionEnded
    | SupervisionWhispered | AgentPaused | AgentResumed | LineTaken | LineReturned
    | CallerSaid | AgentSaid | PersonSaid | TurnLatency
    | TurnInterrupted | TurnResumed | DigitPressed | DigitsCollected | DigitsSent | AnnouncementHeard
    | RecordingRefused | CallerOptedOut | CallScreened | LanguageSwitched | ToolStarted | ToolRan | CallNudged
    | ProviderFailed | UsageRecorded | RecordingReady | RecordingIncomplete | CallEnded
)  # fmt: skip


# Every media stream of a call numbers its events in its own range, so that late events of a lost node stay unique.
SEQ_PER_LEG = 100_000


class EventEnvelope(Struct, frozen=True):
    """One event in transport. `(call_id, seq)` identifies it. `at` is ISO 8601 UTC.

    `seq` counts from 1, and in the call's later streams from `leg * SEQ_PER_LEG + 1`.
    """

    call_id: str
    seq: int
    at: str
    event: Event


def encode_event(envelope: EventEnvelope) -> bytes:
    """Encode an event as one line of JSON, without the line end."""
    return msgspec.json.encode(envelope)


def decode_event(line: bytes | str) -> EventEnvelope:
    """Decode an event. Raises msgspec.DecodeError; its subclass ValidationError names the invalid field."""
    return decode_json(line, EventEnvelope)
