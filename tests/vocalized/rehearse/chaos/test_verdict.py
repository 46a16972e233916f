"""What of the callers' silences, and of the recordings, a fault is blamed for."""

from simulator.carrier.caller import Caller
from simulator.carrier.network.line_endpoints import EndedBy
from simulator.carrier.network.phone_network import CallOutcome
from simulator.carrier.prepared_turn import PreparedTurn
from simulator.carrier.script import AfterAgent
from simulator.object_storage import ObjectStorage
from vocalized.rehearse.callers import RehearsalCaller
from vocalized.rehearse.chaos.verdict import find_flaws, longest_silence_s, recording_fault, voice_recovery_s
from vocalized.rehearse.chaos.wave import AFTER_S, Part, Wave, WaveCall
from vocalized.rehearse.timed_caller import TimedCaller

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
