"""Compares what the callers of a wave heard, and what is in the database and in storage, with the promise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from control.calls.records.state import FINAL
from lab.scenarios.chaos.faults import Fault
from lab.scenarios.chaos.linked_platform import LinkedPlatform
from lab.scenarios.chaos.promises import USUAL_SILENCE_S, FaultResult
from lab.scenarios.chaos.wave import AFTER_S, Wave, WaveCall
from lab.stage.call_records import RecordedCall, first_carrier_ids
from simulator.object_storage import ObjectStorage

# Stereo of 16 bits at 8 kHz behind a head of 44 bytes.
_HEAD, _BYTES_PER_S = 44, 32_000
# Of a recording's length, by its call's.
TOLERANCE_S: Final = 1.5
_MOST_EXAMPLES: Final = 4
_INCOMPLETE: Final = "recording.incomplete"
_RECORDINGS: Final = """
SELECT c.carrier_call_id AS call, e.event_type AS type, e.event_data->>'path' AS path,
       (SELECT max((x.event_data->>'duration_ms')::int) FROM call_events x
        WHERE x.call_id = e.call_id AND x.event_type = 'call.ended') AS call_ms
FROM call_events e JOIN calls c ON c.id = e.call_id
WHERE e.event_type IN ('recording.ready', 'recording.incomplete') AND c.carrier_call_id = ANY($1)
"""


@dataclass(frozen=True, slots=True)
class RecordingFaults:
    """incomplete: calls whose records say so. unexplained: what is missing or of another length without a word."""

    incomplete: Sequence[str]
    unexplained: Sequence[str]


def voice_recovery_s(wave: Wave) -> float:
    """Seconds from the end of the fault to the end of the last silence that is longer than usual and began before."""
    late = [
        ended
        for call in wave.running
        for began, ended in call.silences
        if began < wave.healed_at < ended and ended - began > USUAL_SILENCE_S
    ]
    return max((ended - wave.healed_at for ended in late), default=0.0)


def longest_silence_s(wave: Wave) -> float:
    """Of the calls that were in progress, from the beginning of the fault until AFTER_S after its end."""
    found = [silence for call in wave.running for silence in silences_within(wave, call)]
    return max(found, default=0.0)


def silences_within(wave: Wave, call: WaveCall) -> list[float]:
    """Seconds of each silence of a call that the fault can have caused."""
    until = wave.healed_at + AFTER_S
    return [ended - began for began, ended in call.silences if ended > wave.struck_at and began < until]


async def judge_wave(
    chaos: LinkedPlatform,
    fault: Fault,
    wave: Wave,
    records: Mapping[str, RecordedCall],
    *,
    well_s: float | None,
    notes: Sequence[str],
) -> FaultResult:
    """records: of the calls of all waves, by the carrier's first ids. well_s: until programs and stores were well."""
    own = {call.caller.call_id: records[call.caller.call_id] for call in wave.calls if call.caller.call_id in records}
    first = first_carrier_ids(chaos.platform, [call.caller for call in wave.calls])
    rows: dict[str, list[Any]] = {}
    for row in await chaos.platform.rows(_RECORDINGS, list(first)):
        rows.setdefault(first[row["call"]], []).append(row)
    recordings = check_recordings(chaos.storage, wave, own, rows)
    return make_result(fault, wave, own, recordings, well_s=well_s, notes=notes)


def make_result(
    fault: Fault,
    wave: Wave,
    own: Mapping[str, RecordedCall],
    recordings: RecordingFaults,
    *,
    well_s: float | None,
    notes: Sequence[str] = (),
) -> FaultResult:
    """own: the records of the wave's calls."""
    running = wave.running
    stayed = [call for call in running if _went_on(wave, call, own)]
    ended = [call for call in wave.ending if _ended_well(call, own)]
    faults = [text for call in wave.calls if call.had_agent for text in _faults(call, own)]
    return FaultResult(
        name=fault.name,
        seconds=fault.seconds,
        promise=fault.promise,
        running=len(running),
        went_on=len(stayed),
        ending=len(wave.ending),
        ended=len(ended),
        begun=len(wave.of("beginning")),
        answered=sum(call.was_greeted_within(fault.promise.greeting_s) for call in wave.of("beginning")),
        silence_s=longest_silence_s(wave),
        recovered_s=None if well_s is None else max(well_s, voice_recovery_s(wave)),
        events=sum(record.events for record in own.values()),
        lost=sum(not text.endswith("twice") for text in faults),
        doubled=sum(text.endswith("twice") for text in faults),
        unfinished=_unfinished(wave, own),
        incomplete=len(recordings.incomplete),
        unexplained=len(recordings.unexplained),
        notes=[*notes, *find_flaws(wave)],
        examples=_examples(wave, own, [*faults, *recordings.unexplained]),
    )


def find_flaws(wave: Wave) -> list[str]:
    """Why the figures do not show what the platform did in the fault."""
    silent, endless = sum(call.has_said_all for call in wave.calls), sum(bool(call.error) for call in wave.calls)
    stayed = sum(call.ended_at > wave.healed_at for call in wave.ending)
    found = {
        f"not on: {wave.doubt}": bool(wave.doubt),
        f"{len(wave.late)} without an agent before it": bool(wave.late),
        f"{silent} callers had said all": silent > 0,
        f"{endless} calls did not end": endless > 0,
        f"{stayed} calls did not end in it": stayed > 0,
    }
    return [text for text, is_flaw in found.items() if is_flaw]


def _went_on(wave: Wave, call: WaveCall, own: Mapping[str, RecordedCall]) -> bool:
    return call.went_on(wave.healed_at) and _is_completed(call, own)


def _ended_well(call: WaveCall, own: Mapping[str, RecordedCall]) -> bool:
    return call.has_hung_up and _is_completed(call, own)


def _is_completed(call: WaveCall, own: Mapping[str, RecordedCall]) -> bool:
    record = own.get(call.caller.call_id)
    return record is not None and record.status == "completed"


def _faults(call: WaveCall, own: Mapping[str, RecordedCall]) -> Sequence[str]:
    """Events that the record of a call lacks or has twice."""
    record = own.get(call.caller.call_id)
    return () if record is None else record.faults


def _unfinished(wave: Wave, own: Mapping[str, RecordedCall]) -> int:
    """Calls that were answered and have no record, or one that has not ended."""
    known = [own.get(call.caller.call_id) for call in wave.calls if call.had_agent]
    return sum(record is None or record.status not in FINAL for record in known)


def check_recordings(
    storage: ObjectStorage, wave: Wave, own: Mapping[str, RecordedCall], rows: Mapping[str, Sequence[Any]]
) -> RecordingFaults:
    """rows: of recordings' events, by the carrier's first ids."""
    named = [call for call, events in rows.items() if any(row["type"] == _INCOMPLETE for row in events)]
    unexplained = []
    for call in wave.calls:
        call_id = call.caller.call_id
        if call.had_agent and call_id in own:
            fault = recording_fault(storage, rows.get(call_id, []), call.line_s)
            unexplained += [f"{call_id}: {fault}"] if fault else []
    return RecordingFaults(named, unexplained)


def recording_fault(storage: ObjectStorage, rows: Sequence[Any], line_s: float) -> str:
    """What is wrong with the recordings of a call, of which each stream has one; empty for nothing.

    The longest is no shorter than the call, unless one is known to be incomplete, and no longer than the phone's line
    was up: a slow node learns after the first audio that the call has begun, and records that audio."""
    ready = [row for row in rows if row["type"] != _INCOMPLETE]
    is_named = len(ready) < len(rows)
    if not ready:
        return "" if is_named else "no recording"
    lengths = [_length_s(storage, row["path"]) for row in ready]
    if min(lengths) == 0.0:
        return "a recording is not in storage"
    call_s, longest = (ready[0]["call_ms"] or 0) / 1_000, max(lengths)
    if is_named or call_s - TOLERANCE_S <= longest <= max(call_s, line_s) + TOLERANCE_S:
        return ""
    return f"the recording is {longest:.1f} s, its call {call_s:.1f} s, the line {line_s:.1f} s"


def _length_s(storage: ObjectStorage, path: str) -> float:
    stored = storage.objects.get(f"recordings/{path}", b"")
    return max(0, len(stored) - _HEAD) / _BYTES_PER_S


def _examples(wave: Wave, own: Mapping[str, RecordedCall], faults: Sequence[str]) -> list[str]:
    """Calls that did not go on, the longest silence, and faults of records."""
    lost = [call for call in wave.running if not _went_on(wave, call, own)]
    found = [f"{_describe(call)}, recorded as {_end(own, call)}" for call in lost[:_MOST_EXAMPLES]]
    found += [f"before: {_describe(call)}, recorded as {_end(own, call)}" for call in wave.late[:_MOST_EXAMPLES]]
    ending = [call for call in wave.ending if not _ended_well(call, own)]
    found += [f"ending: {_describe(call)}, recorded as {_end(own, call)}" for call in ending[:_MOST_EXAMPLES]]
    new = [call for call in wave.of("beginning") if not call.had_agent]
    found += [f"new: {_describe(call)}, recorded as {_end(own, call)}" for call in new[:2]]
    if not wave.running:
        return [*found, *faults[:_MOST_EXAMPLES]]
    longest = max(wave.running, key=lambda call: max(silences_within(wave, call), default=0.0))
    began = [f"{began - wave.struck_at:.1f}-{ended - wave.struck_at:.1f}" for began, ended in longest.silences]
    return [
        *found,
        f"silences of {longest.carrier} {longest.caller.call_id}: {' '.join(began)}",
        *faults[:_MOST_EXAMPLES],
    ]


def _end(own: Mapping[str, RecordedCall], call: WaveCall) -> str:
    record = own.get(call.caller.call_id)
    return "nothing" if record is None else f"{record.status} {record.end_reason}"


def _describe(call: WaveCall) -> str:
    caller = call.caller
    ended_by = caller.outcome.ended_by if caller.outcome is not None else call.error or "not over"
    stream = caller.outcome.last_stream if caller.outcome is not None else None
    return f"{call.carrier} {caller.call_id or caller.number}: {caller.refusal or ended_by}, {stream}, {caller.fault}"
