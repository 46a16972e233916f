"""The agent's speech as the caller perceives it."""

from simulator.carrier.agent_speech import AgentSpeech
from simulator.carrier.mulaw import SILENCE
from tests.simulator.scripted_agent import tone


def test_silence_without_an_answer_is_none() -> None:
    assert AgentSpeech().quiet_ms(5_000) is None


def test_answer_has_an_arrival_and_a_heard_time() -> None:
    agent_speech = AgentSpeech()
    agent_speech.end_turn(1_000)
    agent_speech.arrived(SILENCE * 800 + tone(200), 1_500.0, 1_520.0)
    assert (agent_speech.arrived_ms, agent_speech.heard_ms) == (1_500.0, 1_620.0)
    assert agent_speech.quiet_ms(1_600) is None
    assert agent_speech.quiet_ms(1_700) == 0
    assert agent_speech.quiet_ms(2_000) == 180


def test_silent_audio_is_not_an_answer() -> None:
    agent_speech = AgentSpeech()
    agent_speech.end_turn(1_000)
    agent_speech.arrived(SILENCE * 800, 1_500.0, 1_520.0)
    assert agent_speech.arrived_ms is None


def test_queued_audio_counts_as_speaking() -> None:
    agent_speech = AgentSpeech()
    agent_speech.arrived(tone(200), 0.0, 0.0)
    agent_speech.arrived(SILENCE * 8_000 + tone(200), 10.0, 200.0)
    assert agent_speech.quiet_ms(1_000) == 0
    assert agent_speech.quiet_ms(1_500) == 100


def test_clear_ends_the_agents_speech() -> None:
    agent_speech = AgentSpeech()
    agent_speech.arrived(tone(2_000), 0.0, 0.0)
    agent_speech.cleared(500.0)
    assert agent_speech.quiet_ms(800) == 300


def test_audio_from_before_the_turns_end_is_not_the_answer() -> None:
    agent_speech = AgentSpeech()
    agent_speech.arrived(tone(2_000), 0.0, 0.0)
    agent_speech.end_turn(1_900)
    agent_speech.arrived(tone(100), 1_950.0, 2_000.0)
    assert agent_speech.arrived_ms is None
    agent_speech.arrived(tone(100), 2_700.0, 2_700.0)
    assert agent_speech.arrived_ms == 2_700.0


def test_after_a_clear_the_next_audio_is_the_answer() -> None:
    agent_speech = AgentSpeech()
    agent_speech.arrived(tone(2_000), 0.0, 0.0)
    agent_speech.end_turn(1_000)
    agent_speech.cleared(1_100.0)
    agent_speech.arrived(tone(100), 1_600.0, 1_620.0)
    assert agent_speech.arrived_ms == 1_600.0


def test_answer_that_is_cleared_before_it_plays_is_forgotten() -> None:
    agent_speech = AgentSpeech()
    agent_speech.end_turn(0)
    agent_speech.arrived(tone(100), 500.0, 520.0)
    agent_speech.cleared(510.0)
    assert agent_speech.arrived_ms is None
    assert agent_speech.quiet_ms(2_000) is None


def test_agent_that_talked_over_the_caller_has_finished_after_additional_silence() -> None:
    agent_speech = AgentSpeech()
    agent_speech.arrived(tone(3_000), 0.0, 0.0)
    agent_speech.end_turn(1_000)
    assert agent_speech.quiet_ms(4_000) == 0
    assert agent_speech.quiet_ms(5_700) == 700
