"""Builds the picture of a call from both legs and its transcript: utterances, waits and interruptions in call time."""

from statistics import median

from shared.events import AgentSaid, TurnLatency
from simulator.carrier.call_audio import CallAudio
from vocalized.caller.transcript import Transcript, TranscriptTurn
from vocalized.demo.picture import CallPicture, Utterance, Wait


def picture_of(title: str, legs: CallAudio, transcript: Transcript) -> CallPicture:
    """All times are milliseconds since the start of the call."""
    cuts = [cut.cleared_ms for cut in transcript.interrupted]
    utterances = [_agent(said, cuts) for said in transcript.greeting]
    waits = []
    for turn in transcript.turns:
        utterances += _turn(turn, cuts)
        if turn.said and turn.latency:
            waits.append(Wait(turn.said.end_ms, turn.latency.total_ms, _parts(turn.latency)))
    utterances.sort(key=lambda utterance: utterance.start_ms)
    return CallPicture(title, _subtitle(legs, transcript, waits), legs.stereo(), utterances, waits)


def _turn(turn: TranscriptTurn, cuts: list[int]) -> list[Utterance]:
    said = turn.said
    spoken = [Utterance("caller", said.start_ms, said.end_ms, said.text)] if said else []
    return spoken + [_agent(answer, cuts) for answer in turn.answers]


def _agent(said: AgentSaid, cuts: list[int]) -> Utterance:
    """An interrupted answer ends when its audio was cleared, which is before the interruption was confirmed."""
    if not said.interrupted:
        return Utterance("agent", said.start_ms, said.end_ms, said.text)
    end_ms = min((cut for cut in cuts if said.start_ms < cut <= said.end_ms), default=said.end_ms)
    unheard = said.planned.removeprefix(said.text).strip()
    return Utterance("agent", said.start_ms, end_ms, said.text, unheard, True)


def _parts(latency: TurnLatency) -> tuple[str, ...]:
    return (
        f"{latency.endpoint_ms:,} end of turn{f' ({latency.waited_for})' if latency.waited_for else ''}",
        f"{latency.stt_ms:,} recogniser",
        f"{latency.llm_first_token_ms:,} first word",
        f"{latency.tts_first_byte_ms:,} first audio",
        f"{latency.playback_ms:,} until it sounded",
    )


def _subtitle(legs: CallAudio, transcript: Transcript, waits: list[Wait]) -> str:
    parts = [f"{legs.duration_ms / 1_000:.1f} s", f"{len(transcript.turns)} turns of the caller"]
    if waits:
        parts.append(f"answered after {median(wait.total_ms for wait in waits):,.0f} ms (median)")
    if transcript.interrupted:
        parts.append(f"{len(transcript.interrupted)} interrupted")
    return " · ".join([*parts, "caller above, agent below as the caller heard it"])
