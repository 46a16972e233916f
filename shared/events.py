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

# Why a transfer did not connect the caller. refused: the target declined, or hung up unreached. failed: the carrier
# could not call it.
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
    """The call goes on in another media stream after a lost node or socket. lost_ms: since the last checkpoint."""

    at_ms: int
    lost_ms: int
    leg: int
    stream_id: str


class TransferReturned(_Event, frozen=True, tag="transfer.returned"):
    """The caller is back with the agent, in another media stream, because the transfer's target was not reached.

    failure: a TransferFailure; a text, so that a reader of this version takes a value that a later one adds."""

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
    """A person listens to the call. session_id: of the session that the API opened. mode: "listen"; a text, so that a
    reader of this version takes a mode that a later one adds."""

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
    """The agent goes on after a pause: the person resumed it, or left."""

    at_ms: int
    session_id: str


class LineTaken(_Event, frozen=True, tag="supervision.speaking"):
    """A person speaks to the caller in the agent's place. The agent is silent meanwhile."""

    at_ms: int
    session_id: str


class LineReturned(_Event, frozen=True, tag="supervision.spoke"):
    """The person has given the line back. spoken_ms: what the caller was sent of the person's voice."""

    at_ms: int
    session_id: str
    spoken_ms: int


class SupervisionEnded(_Event, frozen=True, omit_defaults=True, tag="supervision.ended"):
    """A person no longer listens. heard_ms: audio that was sent to them, without what was withheld. dropped_ms: audio
    that a slow connection did not take. reason: "left", "call_ended", "stalled", "ended" or "fault". spoken_ms: the
    person's own audio that the caller was sent."""

    at_ms: int
    session_id: str
    heard_ms: int
    dropped_ms: int
    reason: str
    spoken_ms: int = 0


# An utterance of more words has no times of words: events stay small.
MOST_TIMED_WORDS = 500


class CallerSaid(_Event, frozen=True, omit_defaults=True, tag="caller.said"):
    """The caller's turn as recognized; start_ms and end_ms are the true start and end of the speech.

    word_ms: start and end of each word of the text (of what white space separates), one after the other, as the vendor
    of the recognizer told them. Left out where it told none, above MOST_TIMED_WORDS, and by nodes of the version
    before.
    """

    turn: int
    text: str
    start_ms: int
    end_ms: int
    word_ms: tuple[int, ...] = ()


class AgentSaid(_Event, frozen=True, omit_defaults=True, tag="agent.said"):
    """What the caller heard of one agent utterance. planned: the whole text that the interruption cut short.

    turn: the caller's turn that it answers; 0 for the greeting. word_ms: as in `caller.said`, by the vendor of the
    voice.
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

    session_id: as in `supervision.speaking`. text: empty if the words are not known, because the recognizer failed.
    word_ms: as in `caller.said`.
    """

    session_id: str
    text: str
    start_ms: int
    end_ms: int
    word_ms: tuple[int, ...] = ()


class TurnLatency(_Event, frozen=True, omit_defaults=True, tag="turn.latency"):
    """Latency of one answer as the caller perceives it, and its parts, which add up to `total_ms`.

    total: true end of the caller's speech to the first audible sound at the carrier, as its marks show. endpoint: to
    the decision that the turn has ended. stt: further wait for the final text. llm_first_token: text to the model's
    first token. tts_first_byte: first token to first audio. playback: first audio sent to the first audible sound: the
    silence before it, the way to the carrier and its buffer; programs of the version before reported none. waited_for:
    what decided how long the caller had to be silent: "words", "sound", "timer" or "dictation"; empty if unknown.
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
    """The caller interrupted the agent. speech_ms: start of the caller's speech. cleared_ms: end of the agent's."""

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
    """A tool has waited for digits of the caller; which they were is in no event.

    outcome: "complete", "too_few", "nothing", "unconfirmed" (read back, and not confirmed by the caller), or
    "abandoned" (the caller said something else, or the call ended).
    count: how many digits. tries: how many times they were asked for. sources: "keys", "speech", both, or none.
    """

    at_ms: int
    outcome: str
    count: int
    tries: int
    sources: tuple[str, ...] = ()


class DigitsSent(_Event, frozen=True, tag="call.dtmf_sent"):
    """The agent presses keys, for example in the menu of another phone system. at_ms: when the first sounds. digits:
    keys 0-9 A-D * # and pauses (w half a second, W a second); empty where they are secret. run_id: as in
    `tool.started`."""

    at_ms: int
    digits: str
    run_id: str


class AnnouncementHeard(_Event, frozen=True, tag="announcement.heard"):
    """The caller heard an announcement to its end, as the carrier's mark showed; once a call and kind.

    kind: "disclosure": an artificial voice speaks. "recording": the call is recorded, and from at_ms on it may be.
    A text, so that a reader of this version takes a kind that a later one adds.
    """

    at_ms: int
    kind: str


class RecordingRefused(_Event, frozen=True, tag="recording.refused"):
    """The caller refused to be recorded: nothing of the call is recorded any more, and what was recorded is deleted.

    by: "words" or "key".
    """

    at_ms: int
    by: str


class CallerOptedOut(_Event, frozen=True, tag="caller.opted_out"):
    """The person on the phone asked not to be called again: control puts their number on the do-not-call list.

    by: "words" or "key".
    """

    at_ms: int
    by: str


class CallScreened(_Event, frozen=True, tag="call.screened"):
    """The called phone answered by itself and asked who calls and why; the person may take the call afterwards."""

    at_ms: int


class LanguageSwitched(_Event, frozen=True, tag="call.language_switched"):
    """From this turn on the call is in another of the agent's languages (BCP 47), because the caller speaks it."""

    turn: int
    language: str
    previous: str
    at_ms: int


class ToolStarted(_Event, frozen=True, tag="tool.started"):
    """A tool that the model called begins to run. run_id: the run's idempotency key, unique over all calls; a run that
    is repeated after the call was resumed keeps it."""

    turn: int
    name: str
    run_id: str
    at_ms: int


class ToolRan(_Event, frozen=True, omit_defaults=True, tag="tool.ran"):
    """A tool that the model called has ended. result: empty for a tool whose result is secret. run_id: as in
    `tool.started`; empty from nodes of the version before."""

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
    """A provider failed. next: the provider of the chain that took over; empty when there is none left.

    stage, cause: of `shared.provider_failures`. Both are empty from nodes of the version before, and texts here, so
    that a reader of this version takes values that a later one adds.
    cost_ms: how long the caller waited for this provider in vain: from when what was asked for was due until the next
    provider was asked, or, where none was, until the failure was known. A voice's further audio is due when what it
    sent before has been played; a model's text, when it is awaited. 0 when nothing was due.
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

    path: the file, or its key in object storage. duration_ms: from the start of the call, for a later stream too.
    """

    path: str
    duration_ms: int
    leg: int = 0


class RecordingIncomplete(_Event, frozen=True, tag="recording.incomplete"):
    """The node's disk did not take a part of the recording of one media stream: silence stands for it, or, if nothing
    of it was stored, there is no `recording.ready`. lost_ms: how much is missing."""

    lost_ms: int
    leg: int = 0


UsageUnit = Literal["ms", "prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "characters"]


class UsageRecorded(_Event, frozen=True, omit_defaults=True, tag="usage.recorded"):
    """One attempt at one provider consumed something. Every cost is calculated from these events.

    resource_type: kind of the provider. provider: the configured instance; vendor: its adapter. model: as the vendor
    names it; empty where it has none. quantity: since the provider's previous event of this unit. estimated: counted by
    us, because the provider did not. Of a recognizer: ms of audio sent to it, replayed audio too; of a language model:
    prompt tokens that were not cached, cached ones, and completion tokens, one event each; of a voice: characters sent
    to it, heard or not. own_key: the vendor bills the workspace, whose key or server it was; left out where it was not,
    and by nodes of the version before.
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
    """Totals of what the call consumed, over all its streams; what providers did is added up from its usage events."""

    call_ms: int = 0
    stt_ms: int = 0
    llm_requests: int = 0
    llm_prompt_tokens: int = 0
    llm_completion_tokens: int = 0
    tts_characters: int = 0
    tts_ms: int = 0
    heard_ms: int = 0


class CallEnded(_Event, frozen=True, omit_defaults=True, tag="call.ended"):
    """The end of a media stream, its last event but a late `recording.ready`.

    A lost stream ends with `carrier_error` or `media_lost`; the call may continue in another one (`call.resumed`).
    transfer_to: where a call that ended as `transferred` goes on (E.164); empty from nodes of the version before.
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


# Every media stream of a call numbers its events in its own range, so that events which a lost node sent late stay
# unique.
SEQ_PER_LEG = 100_000


class EventEnvelope(Struct, frozen=True):
    """One event in transport. `(call_id, seq)` identifies it; `at` is ISO 8601 UTC.

    seq counts from 1, and in the call's later streams from `leg * SEQ_PER_LEG + 1`.
    """

    call_id: str
    seq: int
    at: str
    event: Event


def encode_event(envelope: EventEnvelope) -> bytes:
    """Encodes an event as one line of JSON, without the line end."""
    return msgspec.json.encode(envelope)


def decode_event(line: bytes | str) -> EventEnvelope:
    """Decodes an event. Raises msgspec.DecodeError; its subclass ValidationError names the invalid field."""
    return decode_json(line, EventEnvelope)
