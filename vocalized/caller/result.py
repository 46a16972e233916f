"""The outcome of a call as one JSON object, the same for every outside tool."""

import msgspec
from msgspec import Struct

from simulator.carrier.media_call import CompletedCall
from simulator.carrier.media_stream import StreamEnd
from vocalized.caller.transcript import Transcript, TranscriptTurn

_REASONS = {
    "caller": "caller_hangup", "agent": "agent_hangup", "broken": "media_lost", "limit": "max_duration",
    "network": "agent_hangup",
}  # fmt: skip


class LatencyResult(Struct, frozen=True):
    """Milliseconds; null where the server reported none (the answer was interrupted before it began)."""

    total: int | None = None
    endpoint: int | None = None
    stt: int | None = None
    llm_first_token: int | None = None
    tts_first_byte: int | None = None
    playback: int | None = None


class TurnResult(Struct, frozen=True):
    """One caller turn: the recognized text, and the answer as heard."""

    caller: str
    agent: str
    latency_ms: LatencyResult


class CallResult(Struct, frozen=True):
    """The line of `call --json`. `recording`: the file that --record wrote, else the server's own, else null."""

    call_id: str
    status: str
    end_reason: str
    duration_s: float
    turns: list[TurnResult]
    recording: str | None

    @property
    def completed(self) -> bool:
        """Whether the call ran as intended."""
        return self.status == "completed"


def call_result(record: CompletedCall, transcript: Transcript, recording: str | None) -> CallResult:
    """The result of a call that took place. The server's end reason wins over the caller side's."""
    ended = transcript.ended
    return CallResult(
        call_id=transcript.call_id or record.identity.call,
        status=ended.status if ended else _status(record.end),
        end_reason=ended.end_reason if ended else _REASONS[record.end.by],
        duration_s=round(record.audio.duration_ms / 1_000, 2),
        turns=[_turn(turn) for turn in transcript.turns],
        recording=recording or transcript.recording or None,
    )


def failed_result(status: str = "failed") -> CallResult:
    """The result of a call that was not connected. status: busy or no_answer if the carrier reported that."""
    return CallResult("", status if status in ("busy", "no_answer") else "failed", "carrier_error", 0.0, [], None)


def to_json(result: CallResult) -> str:
    """One line."""
    return msgspec.json.encode(result).decode()


def _status(end: StreamEnd) -> str:
    return "failed" if end.by == "broken" else "completed"


def _turn(turn: TranscriptTurn) -> TurnResult:
    event = turn.latency
    if event is None:
        return TurnResult(turn.caller, turn.agent, LatencyResult())
    latency = LatencyResult(
        total=event.total_ms,
        endpoint=event.endpoint_ms,
        stt=event.stt_ms,
        llm_first_token=event.llm_first_token_ms,
        tts_first_byte=event.tts_first_byte_ms,
        playback=event.playback_ms,
    )
    return TurnResult(turn.caller, turn.agent, latency)
