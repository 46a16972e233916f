"""The outcome of a call as one JSON object, the same for every outside tool."""

import msgspec
from msgspec import Struct

from simulator.carrier.dial import CallRecord
from simulator.carrier.stream import StreamEnd
from vocalized.transcript import Transcript, TurnWords

_REASONS = {
    "caller": "caller_hangup", "agent": "agent_hangup", "broken": "media_lost", "limit": "max_duration",
    "network": "agent_hangup",
}  # fmt: skip


class LatencyResult(Struct, frozen=True):
    """Milliseconds; null where the server told none (an answer that was cut before it began)."""

    total: int | None = None
    endpoint: int | None = None
    stt: int | None = None
    llm_first_token: int | None = None
    tts_first_byte: int | None = None


class TurnResult(Struct, frozen=True):
    """One caller turn: the words as recognised, the answer as heard."""

    caller: str
    agent: str
    latency_ms: LatencyResult


class CallResult(Struct, frozen=True):
    """DESIGN section 3. `recording` is the file that --record wrote, else the server's own, else null."""

    call_id: str
    status: str
    end_reason: str
    duration_s: float
    turns: list[TurnResult]
    recording: str | None

    @property
    def completed(self) -> bool:
        """The call took its proper course."""
        return self.status == "completed"


def call_result(record: CallRecord, transcript: Transcript, recording: str | None) -> CallResult:
    """What is known of a call that took place. The server's word on how it ended counts, if it gave one."""
    ended = transcript.ended
    return CallResult(
        call_id=transcript.call_id or record.identity.call,
        status=ended.status if ended else _status(record.end),
        end_reason=ended.end_reason if ended else _REASONS[record.end.by],
        duration_s=round(record.legs.duration_ms / 1_000, 2),
        turns=[_turn(turn) for turn in transcript.turns],
        recording=recording or transcript.recording or None,
    )


def failed_result(status: str = "failed") -> CallResult:
    """The outcome of a call that did not come about. status: busy or no_answer where the carrier said so."""
    return CallResult("", status if status in ("busy", "no_answer") else "failed", "carrier_error", 0.0, [], None)


def to_json(result: CallResult) -> str:
    """One line."""
    return msgspec.json.encode(result).decode()


def _status(end: StreamEnd) -> str:
    return "failed" if end.by == "broken" else "completed"


def _turn(turn: TurnWords) -> TurnResult:
    told = turn.latency
    if told is None:
        return TurnResult(turn.caller, turn.agent, LatencyResult())
    latency = LatencyResult(
        told.total_ms, told.endpoint_ms, told.stt_ms, told.llm_first_token_ms, told.tts_first_byte_ms
    )
    return TurnResult(turn.caller, turn.agent, latency)
