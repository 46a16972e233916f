"""Callers who go on with their turn within 600 ms of its answer: it is lowered, then withdrawn or restored."""

import pytest

from media.audio.mulaw import lower_early
from shared.events import AgentSaid, CallerSaid, TurnInterrupted, TurnLatency, TurnResumed
from tests.calls.scripted_call import FRAME_MS, ScriptedCall
from tests.virtual_time import run_virtual

HALF, REST = "i want a table", "for two on friday"
ANSWER = "How many of you will be coming to us?"
SOUND = b"\x30"


async def begin(after_ms: int, answers: tuple[str, ...] = (ANSWER, "Friday is full.")) -> ScriptedCall:
    """The answer to the first half has sounded for so long."""
    scripted = ScriptedCall(answers=answers)
    await scripted.say(HALF, 800)
    await scripted.wait_until_sounding()
    await scripted.silence(after_ms)
    return scripted


def turns(scripted: ScriptedCall) -> list[str]:
    return [said.text for said in scripted.events_of(CallerSaid)]


@pytest.mark.parametrize("after_ms", [100, 300, 540])
def test_the_answer_is_withdrawn_and_both_halves_are_one_turn(after_ms: int) -> None:
    async def call() -> None:
        scripted = await begin(after_ms)
        before = len(scripted.carrier.played)
        await scripted.say(REST, 800)
        overlap = scripted.carrier.played[before:]
        assert overlap.rstrip(b"\xff").count(SOUND) <= 2 * FRAME_MS * 8, "silent two frames after the true start"
        assert turns(scripted) == []
        await scripted.listen_until_quiet()
        assert turns(scripted) == [f"{HALF} {REST}"]
        assert [(said.turn, said.text) for said in scripted.events_of(AgentSaid)] == [(1, "Friday is full.")]
        assert scripted.events_of(TurnInterrupted) == [] and scripted.events_of(TurnResumed) == []
        assert [(message.role, message.text) for message in scripted.model.requests[-1].messages] == [
            ("user", f"{HALF} {REST}")
        ]
        told = [(message.role, message.text.strip()) for message in scripted.call.snapshot().messages]
        assert told == [("user", f"{HALF} {REST}"), ("assistant", "Friday is full.")]
        assert len(scripted.events_of(TurnLatency)) == 1

    run_virtual(call())


def test_voice_without_words_withdraws_it_once_and_the_same_words_are_answered() -> None:
    async def call() -> None:
        scripted = await begin(100, (ANSWER, ANSWER, "Not reached."))
        await scripted.say("", 500)
        await scripted.wait_until_sounding()
        await scripted.silence(200)
        await scripted.say("", 500)  # the same noise again
        await scripted.silence(6_000)
        assert turns(scripted) == [HALF]
        assert [said.text for said in scripted.events_of(AgentSaid)] == [ANSWER]
        assert [request.messages[-1].text for request in scripted.model.requests] == [HALF, HALF]

    run_virtual(call())


@pytest.mark.parametrize("after_ms", [100, 300, 540])
def test_after_a_cough_every_word_of_the_answer_is_heard(after_ms: int) -> None:
    async def call() -> None:
        scripted = await begin(after_ms)
        await scripted.say("", 280)
        await scripted.listen_until_quiet()
        await scripted.silence(5_000)
        assert turns(scripted) == [HALF] and len(scripted.model.requests) == 1
        assert [(said.text, said.interrupted) for said in scripted.events_of(AgentSaid)] == [(ANSWER, False)]
        assert scripted.carrier.heard_words() >= len(ANSWER.split()), "the cut word was said again"

    run_virtual(call())


def test_a_short_backchannel_restores_the_answer() -> None:
    async def call() -> None:
        scripted = await begin(200)
        await scripted.say("uh-huh", 280)
        await scripted.listen_until_quiet()
        await scripted.silence(5_000)
        assert [said.text for said in scripted.events_of(AgentSaid)] == [ANSWER]
        assert len(scripted.model.requests) == 1 and scripted.events_of(TurnInterrupted) == []

    run_virtual(call())


def test_a_sound_that_may_be_speech_lowers_the_first_words_by_20_db_for_240_ms() -> None:
    async def call() -> None:
        scripted = await begin(200)
        before = len(scripted.carrier.played)
        scripted.track.is_suspicious = True
        await scripted.silence(60)
        scripted.track.is_suspicious = False
        await scripted.silence(4_000)
        played = bytes(scripted.carrier.played[before:]).rstrip(b"\xff")
        lowered = played.count(lower_early(SOUND))
        assert lowered == 240 * 8 and played.count(SOUND) + lowered == len(played)
        assert played.index(lower_early(SOUND)) <= FRAME_MS * 8
        assert scripted.carrier.heard_words() == len(ANSWER.split()), "nothing is repeated or left out"
        assert turns(scripted) == [HALF] and [said.text for said in scripted.events_of(AgentSaid)] == [ANSWER]

    run_virtual(call())


def test_speech_after_that_sound_withdraws_the_answer() -> None:
    async def call() -> None:
        scripted = await begin(200)
        scripted.track.is_suspicious = True
        await scripted.silence(60)
        scripted.track.is_suspicious = False
        await scripted.say(REST, 800)
        await scripted.listen_until_quiet()
        assert turns(scripted) == [f"{HALF} {REST}"]
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Friday is full."]

    run_virtual(call())


def test_a_cough_after_that_sound_has_the_lowered_word_said_again() -> None:
    async def call() -> None:
        scripted = await begin(240)  # within the first word
        scripted.track.is_suspicious = True
        await scripted.silence(100)
        scripted.track.is_suspicious = False
        before = len(scripted.carrier.played)
        await scripted.say("", 100)
        await scripted.silence(6_000)
        after = bytes(scripted.carrier.played[before:]).split(b"\xff" * FRAME_MS * 8, 1)[1]
        assert after.count(SOUND) == 300 * 8 * len(ANSWER.split()), "from the first word, at its own level"
        assert [said.text for said in scripted.events_of(AgentSaid)] == [ANSWER]

    run_virtual(call())


def test_who_goes_on_twice_is_answered_once() -> None:
    async def call() -> None:
        scripted = await begin(300, (ANSWER, "On which day?", "Friday is full."))
        await scripted.say("for two", 500)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        await scripted.say("on friday", 500)
        await scripted.listen_until_quiet()
        assert turns(scripted) == [f"{HALF} {REST}"]
        assert [said.text for said in scripted.events_of(AgentSaid)] == ["Friday is full."]

    run_virtual(call())
