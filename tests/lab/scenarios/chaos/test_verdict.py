"""What of the callers' silences, and of the recordings, a fault is blamed for."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from lab.scenarios.chaos.faults import all_faults
from lab.scenarios.chaos.promises import FaultResult
from lab.scenarios.chaos.verdict import (
    RecordingFaults,
    check_recordings,
    find_flaws,
    longest_silence_s,
    make_result,
    recording_fault,
    voice_recovery_s,
)
from lab.scenarios.chaos.wave import AFTER_S, Part, Wave, WaveCall
from lab.stage.call_records import RecordedCall
from lab.stage.callers import RehearsalCaller
from lab.stage.timed_caller import TimedCaller
from simulator.carrier.caller import Caller
from simulator.carrier.network.line_endpoints import EndedBy
from simulator.carrier.network.phone_network import CallOutcome
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import AfterAgent
from simulator.object_storage import ObjectStorage

STRUCK, HEALED = 100.0, 110.0
WORDS = [PreparedTurn("words", AfterAgent())]


def call(*silences: tuple[float, float], part: Part = "running") -> WaveCall:
    party = TimedCaller(Caller(WORDS))
    caller = RehearsalCaller(party, "+16462000000", heard_at=[STRUCK - 20.0])
    return WaveCall(caller, party, part, "twilio", list(silences))


def wave(*calls: WaveCall) -> Wave:
    return Wave(list(calls), STRUCK, HEALED)


def test_silences_of_calls_in_progress_count_from_the_fault_until_after_it() -> None:
    late = HEALED + AFTER_S
    before, within, after = call((90.0, 99.0)), call((99.5, 101.0), (108.0, 111.0)), call((late, late + 9.0))
    assert longest_silence_s(wave(before, within, after, call((101.0, 109.0), part="ending"))) == 3.0
    assert longest_silence_s(wave(before, after)) == 0.0


def test_voices_are_back_when_the_last_long_silence_of_the_fault_ends() -> None:
    assert voice_recovery_s(wave(call((109.0, 114.0)), call((108.0, 112.0)))) == 4.0
    assert voice_recovery_s(wave(call((109.5, 111.0)), call((111.0, 119.0)))) == 0.0, "as usual, and begun after it"


def test_calls_without_an_agent_before_the_fault_are_not_its_own() -> None:
    early, late = call((101.0, 103.0)), call((101.0, 109.0))
    late.caller.heard_at[:] = [STRUCK + 1.0]
    mixed = wave(early, late)
    assert (mixed.running, mixed.late, longest_silence_s(mixed)) == ([early], [late], 2.0)


def test_calls_that_were_to_end_in_the_fault_and_had_no_agent_before_it_are_named() -> None:
    early, late = call(part="ending"), call(part="ending")
    late.caller.heard_at[:] = [STRUCK + 1.0]
    mixed = wave(early, late)
    assert (mixed.ending, mixed.late, mixed.running) == ([early], [late], [])
    assert find_flaws(mixed) == ["1 without an agent before it"]


def test_a_fault_without_proof_and_callers_without_words_are_named() -> None:
    silent = call()
    silent.party.caller = Caller(())
    assert find_flaws(wave(call())) == []
    assert find_flaws(Wave([call(), silent], STRUCK, HEALED, "no name was asked for")) == [
        "not on: no name was asked for",
        "1 callers had said all",
    ]


def over(has_agent: bool, heard_at: float, ended_by: EndedBy = "network") -> WaveCall:
    found = call(part="beginning")
    found.caller.started_at, found.caller.heard_at[:] = STRUCK, [heard_at]
    found.caller.outcome = CallOutcome("twilio", "CA1", True, "", None, ended_by, has_agent=has_agent)
    return found


def test_a_new_call_is_answered_when_an_agent_is_heard_soon_and_an_apology_is_none() -> None:
    assert [over(True, STRUCK + 4.9).was_greeted_within(5.0), over(True, STRUCK + 5.1).was_greeted_within(5.0)] == [
        True,
        False,
    ]
    apology = over(False, STRUCK + 1.0)
    assert (apology.had_agent, apology.was_greeted_within(5.0), call().had_agent) == (False, False, False)


def test_a_call_goes_on_when_its_caller_hears_the_agent_after_the_fault_and_hangs_up() -> None:
    stayed, silent, cut = over(True, HEALED, "caller"), over(True, HEALED - 0.1, "caller"), over(True, HEALED)
    for one in (stayed, silent, cut):
        one.party.limit_ms, one.party.waits = 0.0, False
        one.party.tick(0, b"")
    assert [one.went_on(HEALED) for one in (stayed, silent, cut)] == [True, False, False]


def test_silences_of_calls_that_a_fault_did_not_meet_are_not_counted() -> None:
    assert longest_silence_s(wave(call((101.0, 109.0), part="beginning"))) == 0.0


def recorded(seconds: float, call_s: float, line_s: float = 31.0, *, is_named: bool = False) -> str:
    storage = ObjectStorage({"recordings/a.wav": bytes(44 + round(seconds * 32_000))} if seconds else {})
    rows = [{"type": "recording.ready", "path": "a.wav", "call_ms": round(call_s * 1_000)}]
    incomplete = [{"type": "recording.incomplete", "path": None, "call_ms": None}]
    return recording_fault(storage, [*(incomplete if is_named else []), *rows], line_s)


def test_a_recording_is_in_storage_and_as_long_as_its_call() -> None:
    assert recorded(30.0, 30.4) == ""
    assert recorded(32.0, 29.0) == "", "the line was up before the node knew of the call"
    assert recorded(39.0, 30.0) == "the recording is 39.0 s, its call 30.0 s, the line 31.0 s"
    assert recorded(27.0, 30.0) == "the recording is 27.0 s, its call 30.0 s, the line 31.0 s"
    assert recorded(0.0, 30.0) == "a recording is not in storage"
    assert recording_fault(ObjectStorage(), [], 30.0) == "no recording"


def test_a_recording_that_is_known_to_be_incomplete_is_in_storage_all_the_same_if_there_is_one() -> None:
    assert recorded(27.0, 30.0, is_named=True) == ""
    assert recorded(0.0, 30.0, is_named=True) == "a recording is not in storage"
    assert recording_fault(ObjectStorage(), [{"type": "recording.incomplete", "path": None, "call_ms": 1}], 30.0) == ""


GOOD = RecordedCall("c1", "twilio", "completed", "caller_hangup", 0, 9, ())


def judged(
    *parts: Part,
    records: Mapping[int, RecordedCall | None] = MappingProxyType({}),
    agent: bool = True,
    ended_by: EndedBy = "caller",
) -> FaultResult:
    """The result of a wave of calls that all went well, but for what the records of some say. agent: whether the new
    ones were answered by one. ended_by: who ended all."""
    calls = [call((101.0, 102.5), part=part) for part in parts]
    for number, one in enumerate(calls):
        one.caller.call_id, one.party.limit_ms, one.party.waits = f"CA{number}", 0.0, False
        one.party.tick(0, b"")
        one.caller.started_at = STRUCK - 21.0
        one.caller.heard_at.append(HEALED + 1.0)
        if part_is_new := one.part == "beginning":
            one.caller.started_at, one.caller.heard_at[:] = STRUCK + 1.0, [STRUCK + 2.0]
        has_agent = agent or not part_is_new
        one.caller.outcome = CallOutcome("twilio", one.caller.call_id, True, "", None, ended_by, has_agent=has_agent)
    found = {f"CA{number}": records.get(number, GOOD) for number in range(len(calls))}
    own = {call_id: record for call_id, record in found.items() if record is not None}
    return make_result(all_faults()[0], wave(*calls), own, RecordingFaults([], []), well_s=1.0)


def test_a_wave_that_went_well_breaks_nothing() -> None:
    result = judged("running", "running", "ending", "beginning")
    assert result.broken == []
    assert (result.running, result.went_on, result.ending, result.ended) == (2, 2, 1, 1)
    assert (result.begun, result.answered, result.events, result.silence_s) == (1, 1, 36, 1.5)


@pytest.mark.parametrize(
    ("number", "record", "broken"),
    [
        (0, replace(GOOD, status="failed"), ["calls"]),
        (0, None, ["calls", "records"]),
        (0, replace(GOOD, status="busy", faults=("no events",)), ["calls", "events lost"]),
        (1, replace(GOOD, status="failed"), ["ended calls"]),
        (1, replace(GOOD, status="in_progress"), ["ended calls", "records"]),
        (2, replace(GOOD, status="failed"), []),
        (2, replace(GOOD, faults=("event 3 missing",)), ["events lost"]),
        (2, replace(GOOD, faults=("event 3 twice",)), ["events doubled"]),
        (2, None, ["records"]),
    ],
)
def test_what_the_record_of_a_call_lacks_is_broken(number: int, record: RecordedCall | None, broken: list[str]) -> None:
    assert judged("running", "ending", "beginning", records={number: record}).broken == broken


def test_calls_that_the_platform_ended_did_not_go_on_even_if_recorded_as_completed() -> None:
    assert judged("running", "ending", ended_by="network").broken == ["calls", "ended calls"]


def test_a_new_caller_who_heard_an_apology_had_no_agent_and_its_record_no_events() -> None:
    sent_away = replace(GOOD, status="failed", events=0, faults=("no events",))
    for record in (sent_away, None):
        result = judged("running", "beginning", records={1: record}, agent=False)
        assert (result.broken, result.answered) == (["new calls"], 0)


def test_recordings_are_looked_for_of_all_calls_with_an_agent() -> None:
    with_agent, apology = over(True, STRUCK), over(False, STRUCK)
    with_agent.caller.call_id, apology.caller.call_id = "CA1", "CA2"
    own = {"CA1": GOOD, "CA2": GOOD}
    named = {"CA3": [{"type": "recording.incomplete", "path": None, "call_ms": None}]}
    found = check_recordings(ObjectStorage(), wave(with_agent, apology), own, named)
    assert found == RecordingFaults(["CA3"], ["CA1: no recording"])


def test_calls_that_did_not_end_are_named() -> None:
    endless = call(part="beginning")
    endless.error = "not over after 110 s"
    assert find_flaws(wave(endless)) == ["1 calls did not end"]


def test_what_else_was_wrong_and_when_the_last_voice_was_back_are_in_the_result() -> None:
    doubtful = Wave([call((HEALED - 1.0, HEALED + 4.0))], STRUCK, HEALED, "no name was asked for")
    result = make_result(all_faults()[0], doubtful, {}, RecordingFaults([], []), well_s=1.0, notes=["api ended"])
    assert (result.recovered_s, list(result.notes)) == (4.0, ["api ended", "not on: no name was asked for"])
    again = make_result(all_faults()[0], doubtful, {}, RecordingFaults([], []), well_s=None)
    assert again.recovered_s is None


def test_each_stream_of_a_call_has_its_recording_in_storage() -> None:
    rows = [{"type": "recording.ready", "path": path, "call_ms": 30_000} for path in ("a.wav", "b.wav")]
    storage = ObjectStorage({"recordings/b.wav": bytes(44 + 30 * 32_000)})
    assert recording_fault(storage, rows, 30.0) == "a recording is not in storage"


def test_a_caller_who_had_said_all_hung_up_too_soon() -> None:
    early = over(True, HEALED, "caller")
    assert not early.has_hung_up, "not because it was time"


def test_calls_that_should_have_ended_in_the_fault_and_did_later_are_named() -> None:
    within, later = call(part="ending"), call(part="ending")
    for one, line_s in ((within, 29.0), (later, 31.0)):
        one.caller.up_at, one.line_s = HEALED - 30.0, line_s
    assert find_flaws(wave(within, later)) == ["1 calls did not end in it"]
