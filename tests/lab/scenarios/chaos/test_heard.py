"""Silences that a caller hears: waits for answers, and gaps in them."""

from lab.scenarios.chaos.heard import find_silences
from simulator.carrier.caller import TurnReport
from simulator.carrier.mulaw import SILENCE

WORD_MS = 400
WORD = b"\x80" * (8 * WORD_MS)  # the loudest sample


def silence(ms: int) -> bytes:
    return SILENCE * (8 * ms)


def turn(began_ms: int, ended_ms: int) -> TurnReport:
    return TurnReport("a", began_ms, speech_began_ms=began_ms, speech_ended_ms=ended_ms)


def lengths(agent: bytes, *turns: TurnReport) -> list[float]:
    return [round(found.ms, -1) for found in find_silences(agent, turns)]


def test_the_wait_for_greeting_and_answer_is_measured() -> None:
    agent = silence(300) + WORD + silence(2_000) + WORD
    assert lengths(agent, turn(400 + WORD_MS, 1_300 + WORD_MS)) == [300, 1_000]


def test_a_gap_that_is_longer_than_the_wait_is_the_silence() -> None:
    agent = WORD + silence(600) + WORD + silence(900) + WORD
    assert lengths(agent, turn(WORD_MS, WORD_MS + 100)) == [0, 900]


def test_what_lies_between_an_answer_and_the_next_turn_is_no_silence() -> None:
    agent = WORD + silence(5_000) + WORD
    assert lengths(agent, turn(WORD_MS + 4_000, WORD_MS + 4_900)) == [0, 100]


def test_a_caller_who_speaks_again_has_waited_all_the_time() -> None:
    agent = WORD + silence(9_000) + WORD
    first, again = turn(WORD_MS, WORD_MS + 1_000), turn(WORD_MS + 6_000, WORD_MS + 7_000)
    assert lengths(agent, first, again) == [0, 8_000, 2_000]


def test_a_wait_without_an_answer_lasts_until_the_call_ends() -> None:
    assert lengths(WORD + silence(4_000), turn(WORD_MS, WORD_MS + 1_000)) == [0, 3_000]
    assert lengths(silence(700)) == [700]


def test_no_answer_is_due_to_a_turn_that_the_end_of_the_call_has_cut_off() -> None:
    agent = WORD + silence(3_000) + WORD + silence(2_000)
    cut_off = TurnReport("a", WORD_MS + 3_400, speech_began_ms=WORD_MS + 3_400)
    assert lengths(agent, turn(WORD_MS, WORD_MS + 1_000), cut_off) == [0, 2_000]
