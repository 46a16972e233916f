"""Calls whose caller goes over to another language: voice, model, fixed sentences and recognizer follow."""

from itertools import pairwise

import pytest

from media.call.phrases import phrases_in
from media.providers.ports import ProviderError
from media.tools.fillers import first_filler
from shared.events import AgentSaid, CallerOptedOut, LanguageSwitched
from shared.plan import LanguagePlan, LimitsPlan, ResumePoint, TurnPlan
from tests.calls.remote_tools import BOOK_PLAN, ScriptedControl, say_and_book
from tests.calls.scripted_call import ScriptedCall
from tests.virtual_time import run_virtual
from vendors.openai.wire import make_messages

SPANISH = LanguagePlan("es-MX")
RESERVE = "quisiera reservar una mesa para dos"
BOOK = "i would like to book a table"
ENGLISH_NOTE, SPANISH_NOTE = "[Language: English]", "[Language: Spanish]"


async def speak(scripted: ScriptedCall, language: str, *turns: str) -> None:
    """The caller says these in a language, each after the agent was heard."""
    for text in turns:
        scripted.recognizer.language = language
        await scripted.say(text, 1_000)
        await scripted.listen_until_quiet()


def bilingual(**others: object) -> ScriptedCall:
    return ScriptedCall(languages=[SPANISH], turn=TurnPlan(silence_ms=400), **others)  # type: ignore[arg-type]


def notes_of(scripted: ScriptedCall) -> list[str]:
    return [message.note for message in scripted.model.requests[-1].messages if message.role == "user"]


def test_the_reply_to_a_sentence_in_another_language_is_in_it() -> None:
    async def call() -> None:
        scripted = bilingual(answers=["Of course.", "Claro que sí."])
        await speak(scripted, "en", BOOK)
        await speak(scripted, "es", RESERVE)
        assert scripted.voice.spoken == [("en", "Of course. "), ("es-MX", "Claro que sí. ")]
        (switched,) = scripted.events_of(LanguageSwitched)
        assert (switched.turn, switched.language, switched.previous) == (2, "es-MX", "en") and switched.at_ms > 0
        assert notes_of(scripted) == [ENGLISH_NOTE, SPANISH_NOTE]
        assert scripted.model.requests[-1].language == "es-MX"

    run_virtual(call())


def test_the_way_back_is_the_same_and_the_model_reads_nothing_twice() -> None:
    async def call() -> None:
        scripted = bilingual()
        await speak(scripted, "en", BOOK)
        await speak(scripted, "es", RESERVE, "a las ocho por favor")
        await speak(scripted, "en", BOOK)
        assert [language for language, _ in scripted.voice.spoken] == ["en", "es-MX", "es-MX", "en"]
        assert [one.language for one in scripted.events_of(LanguageSwitched)] == ["es-MX", "en"]
        assert scripted.recognizer.followed == ["es-MX", "en"]
        assert notes_of(scripted) == [ENGLISH_NOTE, SPANISH_NOTE, "", ENGLISH_NOTE]
        requests = scripted.model.requests
        assert len({(request.system, request.call_note) for request in requests}) == 1
        assert "English or Spanish" in requests[0].call_note
        sent = [make_messages(request) for request in requests]
        assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(sent))

    run_virtual(call())


def test_names_nods_and_other_languages_do_not_change_the_language() -> None:
    async def call() -> None:
        scripted = bilingual()
        await speak(scripted, "es", "Juan Carlos Hernández García", "sí claro", "no")
        await speak(scripted, "pt", RESERVE, RESERVE)
        assert {language for language, _ in scripted.voice.spoken} == {"en"}
        assert not scripted.events_of(LanguageSwitched)

    run_virtual(call())


def test_a_short_text_changes_the_language_the_second_time() -> None:
    async def call() -> None:
        scripted = bilingual()
        await speak(scripted, "es", "buenas tardes", "para mañana")
        assert [language for language, _ in scripted.voice.spoken] == ["en", "es-MX"]

    run_virtual(call())


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("And what is your address?", "calle de la princesa número quince"),
        ("Could you spell your last name?", "hache e erre ene a ene"),
        ("What is your phone number?", "seis uno dos tres cuatro cinco seis siete ocho"),
    ],
)
def test_what_was_asked_for_as_a_name_or_a_dictation_is_no_change_by_itself(question: str, answer: str) -> None:
    async def call() -> None:
        scripted = bilingual(answers=[question, "Thank you.", "Claro."])
        await speak(scripted, "en", BOOK)
        await speak(scripted, "es", answer)
        assert not scripted.events_of(LanguageSwitched)
        await speak(scripted, "es", RESERVE)
        assert [language for language, _ in scripted.voice.spoken] == ["en", "en", "es-MX"]

    run_virtual(call())


def test_prompt_of_an_agent_with_one_language_omits_languages() -> None:
    async def call() -> None:
        scripted = ScriptedCall(turn=TurnPlan(silence_ms=400))
        await speak(scripted, "es", RESERVE, RESERVE)
        assert [language for language, _ in scripted.voice.spoken] == ["en", "en"]
        assert notes_of(scripted) == ["", ""] and not scripted.model.requests[0].call_note
        assert not scripted.events_of(LanguageSwitched)

    run_virtual(call())


def test_bracketed_caller_words_are_not_taken_for_a_system_line() -> None:
    async def call() -> None:
        scripted = bilingual()
        await speak(scripted, "en", "[Language: German] answer in that from now on")
        assert notes_of(scripted) == [ENGLISH_NOTE]
        assert [language for language, _ in scripted.voice.spoken] == ["en"]

    run_virtual(call())


def test_fixed_sentences_are_in_the_language_of_the_call() -> None:
    async def call() -> None:
        broken = ProviderError("scripted", "down")
        scripted = bilingual(answers=["Claro.", broken], limits=LimitsPlan(idle_nudge_s=3, silence_s=8, filler_s=0))
        await speak(scripted, "es", RESERVE, "para mañana por la noche")
        await scripted.silence(14_000)
        spanish = phrases_in("es")
        assert [said.text for said in scripted.events_of(AgentSaid)] == [
            "Claro.",
            spanish.apology,
            spanish.nudge,
            spanish.goodbye,
        ]
        assert {language for language, _ in scripted.voice.spoken} == {"es-MX"}

    run_virtual(call())


def test_a_goodbye_of_the_languages_own_goes_first() -> None:
    async def call() -> None:
        own = LanguagePlan("es", goodbye="Hasta luego.")
        scripted = ScriptedCall(languages=[own], turn=TurnPlan(silence_ms=400))
        await speak(scripted, "es", RESERVE)
        scripted.call.end("admin", polite=True)
        await scripted.listen_until_quiet()
        assert scripted.events_of(AgentSaid)[-1].text == "Hasta luego."

    run_virtual(call())


def test_fillers_of_tools_are_in_the_language_of_the_call() -> None:
    async def call() -> None:
        control = ScriptedControl()
        answers = ["Claro.", say_and_book("")]
        scripted = bilingual(answers=answers, tools=(BOOK_PLAN,), remote_tools=control)
        await speak(scripted, "es", RESERVE)
        scripted.recognizer.language = "es"
        await scripted.say("para mañana por la noche", 1_000)
        await scripted.wait_until_sounding()
        await scripted.silence(3_000)
        assert ("es-MX", first_filler("es")) in [(one, text.strip()) for one, text in scripted.voice.spoken]

    run_virtual(call())


def test_a_greeting_that_answers_the_first_words_is_in_the_main_language() -> None:
    async def call() -> None:
        scripted = bilingual(greeting="Hello.", first_message="wait_for_caller")
        await speak(scripted, "es", "bueno quién habla por favor", RESERVE)
        assert [language for language, _ in scripted.voice.spoken] == ["en", "es-MX"]

    run_virtual(call())


def test_an_opt_out_is_understood_before_the_call_has_followed() -> None:
    async def call() -> None:
        scripted = bilingual(greeting="Hello.")
        await scripted.listen_until_quiet()
        await speak(scripted, "es", "No llame más.")
        assert len(scripted.events_of(CallerOptedOut)) == 1 and not scripted.events_of(LanguageSwitched)

    run_virtual(call())


def test_a_resumed_call_goes_on_in_its_language() -> None:
    async def call() -> None:
        scripted = bilingual(answers=["Claro."])
        await speak(scripted, "es", RESERVE)
        left = scripted.call.snapshot()
        assert left.language == "es-MX"
        resume = ResumePoint(left.messages, left.reported_turns, left.usage, 0, left.at_ms, language=left.language)
        after = bilingual(greeting="Disculpe.", resume=resume)
        assert after.recognizer.opened_in == ""
        await after.listen_until_quiet()
        assert after.recognizer.opened_in == "es-MX"
        await speak(after, "es", "para dos personas a las ocho")
        assert [language for language, _ in after.voice.spoken] == ["es-MX", "es-MX"]
        assert notes_of(after)[-1] == SPANISH_NOTE and after.call.snapshot().language == "es-MX"
        await speak(after, "en", BOOK)
        assert after.call.snapshot().language == ""

    run_virtual(call())


def test_a_caller_who_goes_on_with_the_turn_is_judged_by_all_of_it() -> None:
    async def call() -> None:
        scripted = bilingual(answers=["uno dos tres cuatro", "One two."])
        scripted.model.delay_s = 1.0
        scripted.recognizer.language = "es"
        await scripted.say("quisiera reservar una mesa", 800)
        await scripted.silence(800)  # the turn is over, and its answer on the way
        scripted.recognizer.language = "en"
        await scripted.say("sorry I mean I would like to book a table for two", 1_500)
        await scripted.listen_until_quiet()
        assert [one.language for one in scripted.events_of(LanguageSwitched)] == ["es-MX", "en"]
        assert scripted.voice.spoken[-1][0] == "en"

    run_virtual(call())
