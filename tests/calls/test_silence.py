"""Whole calls: whatever fails, the caller is never left in silence for longer than the limit."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.phrase_audio import PhraseAudioCache
from media.call.phrases import phrases_in
from media.providers.ports import LanguageModelEvent, TextDelta, ToolCall
from shared.events import AgentSaid, CallerSaid, ProviderFailed, TurnLatency, UsageRecorded
from shared.plan import LimitsPlan, ToolPlan
from tests.calls.faulty_providers import (
    ANSWER,
    FAULTS,
    FILLERS,
    Fault,
    WarmPhrases,
    booking,
    faulty_chains,
)
from tests.calls.remote_tools import ScriptedControl
from tests.calls.scripted_call import FRAME_MS, SILENCE, ScriptedCall
from tests.virtual_time import run_virtual

LIMITS = LimitsPlan(idle_nudge_s=0, silence_s=0)
LIMIT_MS = 8_000
# Limits are checked every 240 ms, frames come every 20 ms.
TICK_MS = 280
FILLER_MS, MORE_MS = 1_200, 4_000
EN = phrases_in("en")
PERSON = "+14155550100"
OK: Sequence[Sequence[Fault]] = (("ok",),)


def said(scripted: ScriptedCall) -> list[str]:
    return [event.text for event in scripted.events_of(AgentSaid)]


def faulty_call(
    stt: Sequence[Sequence[Fault]] = OK,
    llm: Sequence[Sequence[Fault]] = OK,
    tts: Sequence[Sequence[Fault]] = OK,
    *,
    first: Sequence[LanguageModelEvent] | None = None,
    tool_s: float = 0.0,
    phrases: PhraseAudioCache | None = None,
    number: str = "",
    greeting: str = "",
) -> ScriptedCall:
    return ScriptedCall(
        limits=LIMITS,
        greeting=greeting,
        transfer_number=number,
        providers=faulty_chains(stt, llm, tts, first),
        phrases=phrases,
        tools=("end_call", "transfer", ToolPlan("book", remote=True)),
        remote_tools=ScriptedControl(tool_s),
    )


async def silences_of_turn(scripted: ScriptedCall, most_ms: int = 40_000) -> list[int]:
    """Lengths of the silences, in ms, from the end of the caller's speech until the agent has answered or hung up."""
    found: list[int] = []
    silent_ms, has_sounded, idle_ms = 0, False, 0
    for _ in range(most_ms // FRAME_MS):
        await scripted.silence(FRAME_MS)
        if scripted.carrier.hung_up:
            return [*found, silent_ms]
        if scripted.carrier.played.endswith(SILENCE):
            silent_ms += FRAME_MS
        elif silent_ms:
            found.append(silent_ms)
            silent_ms = 0
        has_sounded = has_sounded or not silent_ms
        is_busy = scripted.conversation._agent.is_busy or scripted.conversation.recognizer.is_unanswered
        idle_ms = 0 if is_busy else idle_ms + FRAME_MS
        if idle_ms > 2_000:  # nothing is owed any more
            assert has_sounded, "the caller was left without a word"
            return found
    raise AssertionError(f"neither answered nor hung up: {said(scripted)}")


_scripts = st.lists(st.lists(st.sampled_from(FAULTS), min_size=1, max_size=3), min_size=1, max_size=3)


@settings(max_examples=20, deadline=None)
@given(
    stt=_scripts,
    llm=_scripts,
    tts=_scripts,
    first=st.sampled_from([None, booking(), [TextDelta("I put you through."), ToolCall("1", "transfer", "{}")]]),
    tool_s=st.sampled_from([0.5, 4.0]),
    is_warm=st.booleans(),
    number=st.sampled_from(["", PERSON]),
)
def test_no_silence_is_longer_than_the_limit(
    stt: list[list[Fault]],
    llm: list[list[Fault]],
    tts: list[list[Fault]],
    first: list[LanguageModelEvent] | None,
    tool_s: float,
    is_warm: bool,
    number: str,
) -> None:
    """For any faults of any roles, at the first turn and the next one, in the middle, during a tool and a transfer."""

    async def call() -> None:
        scripted = faulty_call(
            stt,
            llm,
            tts,
            first=first,
            tool_s=tool_s,
            phrases=WarmPhrases() if is_warm else None,
            number=number,
        )
        for _ in range(2):
            await scripted.say("", 800)
            silences = await silences_of_turn(scripted)
            assert max(silences, default=0) <= LIMIT_MS + TICK_MS
            if scripted.carrier.hung_up:
                break
        if scripted.carrier.hung_up and scripted.call.termination.reason == "transferred":
            assert scripted.call.termination.transfer_number == PERSON
        await scripted.hang_up()

    run_virtual(call())


@pytest.mark.parametrize("fault", ["refuses", "silent", "late", "stalls", "breaks"])
@pytest.mark.parametrize("role", ["stt", "llm", "tts"])
def test_a_filler_then_the_backup(role: str, fault: Fault) -> None:
    """The first provider of one role has a fault: the caller hears a word within 1.5 s, and the whole answer."""

    async def call() -> None:
        chain: Sequence[Sequence[Fault]] = ((fault,), ("ok",))
        stt, llm, tts = (chain if role == kind else OK for kind in ("stt", "llm", "tts"))
        scripted = faulty_call(stt, llm, tts, phrases=WarmPhrases())
        await scripted.say("", 800)
        silences = await silences_of_turn(scripted)
        assert silences[0] <= FILLER_MS + TICK_MS and max(silences) <= MORE_MS + TICK_MS
        words = [text for text in said(scripted) if text not in FILLERS]
        assert words == [ANSWER]
        assert len(said(scripted)) <= 2, "no filler twice in a row"
        assert [event.text for event in scripted.events_of(CallerSaid)] == ["when do you close"]
        await scripted.hang_up()

    run_virtual(call())


def test_the_answer_waits_for_no_more_than_the_rest_of_the_filler_and_latency_is_its_own() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["At nine."], limits=LIMITS, phrases=WarmPhrases())
        scripted.model.delay_s = 1.0
        await scripted.say("when do you close", 800)
        await scripted.silence(6_000)
        filler, answer = scripted.events_of(AgentSaid)
        assert (filler.text, answer.text, answer.turn) == ("One moment, please.", "At nine.", filler.turn)
        assert 0 <= answer.start_ms - filler.end_ms <= 60
        (latency,) = scripted.events_of(TurnLatency)
        assert abs(latency.total_ms - (answer.start_ms - 800)) <= 40
        assert scripted.model.requests[0].messages[-1].text == "when do you close"
        heard = scripted.call.snapshot().messages
        assert [message.text.strip() for message in heard] == ["when do you close", "At nine."]

    run_virtual(call())


def test_a_caller_who_goes_on_over_the_filler_is_answered_once() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["At nine."], limits=LIMITS, phrases=WarmPhrases())
        scripted.model.delay_s = 3.0
        await scripted.say("when do you close", 800)
        await scripted.wait_until_sounding()
        await scripted.silence(300)
        scripted.model.delay_s = 0.2
        await scripted.say("on sunday", 800)
        await scripted.silence(5_000)
        assert [event.text for event in scripted.events_of(CallerSaid)] == ["when do you close on sunday"]
        assert said(scripted)[-1] == "At nine." and said(scripted)[0] in ("One", "One moment,")
        assert scripted.model.requests[-1].messages[-1].text == "when do you close on sunday"

    run_virtual(call())


def test_an_agent_that_always_takes_a_little_longer_says_no_filler_before_each_answer() -> None:
    async def call() -> None:
        scripted = ScriptedCall(answers=["At nine."] * 6, limits=LIMITS, phrases=WarmPhrases())
        scripted.model.delay_s = 1.1  # from about 120 ms before the turn's end on, where it is asked
        for _ in range(6):
            await scripted.say("when do you close", 800)
            await scripted.silence(4_000)
        fillers = [text for text in said(scripted) if text in FILLERS]
        assert len(fillers) == 3 and fillers[0] != fillers[1]

    run_virtual(call())


def test_empty_and_tool_only_answers_do_not_count_as_an_outage() -> None:
    async def call() -> None:
        scripted = ScriptedCall(
            answers=[[], [], [], [], booking(), "It is booked."],
            limits=LIMITS,
            phrases=WarmPhrases(),
            transfer_number=PERSON,
            tools=("end_call", ToolPlan("book", remote=True)),
            remote_tools=ScriptedControl(0.5),
            models=[],
        )
        for words in ("hello", "hello again", "book a table"):
            await scripted.say(words, 800)
            await scripted.silence(4_000)
        assert said(scripted) == [EN.say_again, EN.say_again, "It is booked."]
        assert {event.reason for event in scripted.events_of(ProviderFailed)} == {"an empty reply"}
        assert scripted.call.termination.reason is None

    run_virtual(call())


def test_recognizer_without_words_for_a_sound_does_not_count_as_an_outage() -> None:
    async def call() -> None:
        scripted = ScriptedCall(limits=LIMITS, phrases=WarmPhrases())
        await scripted.say("", 900)
        await scripted.silence(6_000)
        assert said(scripted) == [EN.not_understood]

    run_virtual(call())


@pytest.mark.parametrize(("number", "reason"), [(PERSON, "transferred"), ("", "provider_error")])
@pytest.mark.parametrize("is_warm", [True, False])
def test_when_all_voices_are_dead_a_person_or_the_end(number: str, reason: str, is_warm: bool) -> None:
    """With the sentences at hand the caller hears the apology, then the last words; else the carrier says them."""

    async def call() -> None:
        dead: Sequence[Sequence[Fault]] = (("refuses",), ("silent",))
        scripted = faulty_call(tts=dead, phrases=WarmPhrases() if is_warm else None, number=number)
        last = EN.connecting if number else EN.closing
        for _ in range(2):
            await scripted.say("", 800)
            await silences_of_turn(scripted)
        assert scripted.carrier.hung_up
        termination = scripted.call.termination
        assert (termination.reason, termination.transfer_number) == (reason, number)
        assert termination.unsaid_words == ("" if is_warm else last)
        if is_warm:
            assert EN.apology in said(scripted) and said(scripted)[-1] == last
        await scripted.hang_up()

    run_virtual(call())


@pytest.mark.parametrize(("number", "last"), [(PERSON, EN.connecting), ("", EN.cannot_hear)])
def test_when_no_recognizer_is_left_a_person_or_the_end(number: str, last: str) -> None:
    async def call() -> None:
        scripted = faulty_call(stt=(("refuses",),), number=number)
        await scripted.say("", 800)
        await silences_of_turn(scripted)
        assert scripted.carrier.hung_up
        termination = scripted.call.termination
        assert (termination.transfer_number, termination.unsaid_words) == (number, last), "the caller has the floor"

    run_virtual(call())


def test_two_failed_answers_in_a_row_lead_to_a_person_though_the_apology_was_heard() -> None:
    async def call() -> None:
        scripted = faulty_call(llm=(("refuses",), ("refuses",)), number=PERSON)
        await scripted.say("", 800)
        await silences_of_turn(scripted)
        assert said(scripted) == [EN.apology] and not scripted.carrier.hung_up
        await scripted.say("", 800)
        await silences_of_turn(scripted)
        assert said(scripted)[-1] == EN.connecting and scripted.carrier.hung_up
        ended = await scripted.hang_up()
        assert (ended.end_reason, ended.status) == ("transferred", "completed")
        assert ended.detail.startswith("provider_error: llm")

    run_virtual(call())


def test_fixed_sentences_are_synthesized_once_for_all_calls_and_billed_to_the_first() -> None:
    async def call() -> None:
        cache = PhraseAudioCache()
        first = ScriptedCall(greeting="Hello and welcome.", limits=LIMITS, phrases=cache, models=[])
        await first.silence(12_000)
        second = ScriptedCall(greeting="Hello and welcome.", limits=LIMITS, phrases=cache, models=[])
        await second.silence(12_000)
        characters = [
            sum(event.quantity for event in call.events_of(UsageRecorded) if event.unit == "characters")
            for call in (first, second)
        ]
        assert characters[0] > characters[1] == len("Hello and welcome.")
        second.voice.broken = True
        second.model.answers.append("At nine.")
        await second.say("hello", 800)
        await second.silence(6_000)
        assert EN.apology in said(second), "it is heard although the voice is dead"
        await first.hang_up()
        await second.hang_up()

    run_virtual(call())


def test_a_dead_voice_at_the_greeting_is_heard_as_a_filler_and_an_apology() -> None:
    async def call() -> None:
        scripted = faulty_call(tts=(("silent",), ("silent",)), phrases=WarmPhrases(), greeting="Hello and welcome.")
        await scripted.silence(12_000)
        assert said(scripted)[0] in FILLERS and EN.apology in said(scripted)
        assert scripted.longest_silence_ms <= LIMIT_MS

    run_virtual(call())
