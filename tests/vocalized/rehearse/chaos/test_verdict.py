"""What of the callers' silences, and of the recordings, a fault is blamed for."""

from dataclasses import replace

from simulator.carrier.caller import Caller
from simulator.carrier.network.phone_network import CallOutcome
from simulator.object_storage import ObjectStorage
from vocalized.rehearse.call_records import RecordedCall
from vocalized.rehearse.callers import RehearsalCaller
from vocalized.rehearse.chaos.verdict import had_agent, longest_silence_s, recording_fault, voice_recovery_s
from vocalized.rehearse.chaos.wave import AFTER_S, Part, Wave, WaveCall
from vocalized.rehearse.timed_caller import TimedCaller

STRUCK, HEALED = 100.0, 110.0


def call(*silences: tuple[float, float], part: Part = "running") -> WaveCall:
    party = TimedCaller(Caller(()))
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


def test_an_apology_before_a_call_is_sent_away_is_no_agent() -> None:
    heard = call()
    heard.caller.call_id, heard.caller.outcome = "CA1", CallOutcome("twilio", "CA1", True, "", None, "network")
    sent_away = RecordedCall("c1", "twilio", "busy", "", 0, 0, ("no events",))
    lost = replace(sent_away, status="completed")
    assert [had_agent(heard, own) for own in ({}, {"CA1": lost}, {"CA1": sent_away})] == [True, True, False]


def recorded(seconds: float, call_s: float, line_s: float = 31.0) -> str:
    storage = ObjectStorage({"recordings/a.wav": bytes(44 + round(seconds * 32_000))} if seconds else {})
    return recording_fault(storage, [{"path": "a.wav", "call_ms": round(call_s * 1_000)}], line_s)


def test_a_recording_is_in_storage_and_as_long_as_its_call() -> None:
    assert recorded(30.0, 30.4) == ""
    assert recorded(32.0, 29.0) == "", "the line was up before the node knew of the call"
    assert recorded(39.0, 30.0) == "the recording is 39.0 s, its call 30.0 s, the line 31.0 s"
    assert recorded(27.0, 30.0) == "the recording is 27.0 s, its call 30.0 s, the line 31.0 s"
    assert recorded(0.0, 30.0) == "a recording is not in storage"
    assert recording_fault(ObjectStorage(), [], 30.0) == "no recording"
