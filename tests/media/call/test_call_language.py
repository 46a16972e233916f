"""The language that a call is in."""

import pytest

from media.call.call_language import CallLanguage, plan_language
from media.call.language_codes import base_language
from media.call.phrases import phrases_in
from shared.events import CallUsage
from shared.plan import AgentPlan, CallPlan, LanguagePlan, ProviderPlan, ResumePoint
from tests.media.call.languages import spoken

SENTENCE = "quisiera reservar una mesa"


def hear(language: CallLanguage, turn: int, told: str, text: str = SENTENCE) -> str:
    language.heard(turn, told)
    return language.take_turn(turn, text, is_dictated=False)


@pytest.mark.parametrize("told", ["es", "es-419", "spa", "ES"])
def test_the_language_is_the_agents_own_whatever_the_recognizer_calls_it(told: str) -> None:
    language = spoken("en", "es-MX")
    assert (language.tag, language.is_main, language.others) == ("en", True, ["es-MX"])
    assert hear(language, 0, told) == "en"
    assert (language.tag, language.is_main, language.others) == ("es-MX", False, ["en"])
    assert language.phrases == phrases_in("es")


@pytest.mark.parametrize(
    ("tag", "told"), [("nb", "no"), ("no", "nb"), ("fil", "tl"), ("zh-Hant", "cmn"), ("cs", "ces"), ("el", "gre")]
)
def test_codes_of_the_same_language_are_one(tag: str, told: str) -> None:
    language = spoken("en", tag)
    hear(language, 0, told, "jeg vil gjerne bestille et bord")
    assert language.tag == tag and base_language(tag) == base_language(told)


def test_only_a_change_returns_the_language_before() -> None:
    language = spoken("en", "es")
    assert [hear(language, turn, code) for turn, code in enumerate(("es", "es", "en"))] == ["en", "", "es"]


def test_what_was_told_of_a_turn_holds_for_it_and_for_no_other() -> None:
    language = spoken("en", "es")
    language.heard(4, "es")
    language.heard(4, "")  # of a backup that tells none
    assert language.preview(4, SENTENCE, is_dictated=False) == "es" and language.tag == "en"
    assert language.take_turn(5, SENTENCE, is_dictated=False) == ""
    language.heard(6, "es")
    language.heard(7, "")
    assert language.take_turn(7, SENTENCE, is_dictated=False) == ""


def test_goodbyes_are_the_languages_own_ours_or_the_agents() -> None:
    agents = CallLanguage((LanguagePlan("en", "Bye."), LanguagePlan("es"), LanguagePlan("pl")), "es")
    assert agents.goodbye == "Adiós."
    assert CallLanguage((LanguagePlan("en", "Bye."), LanguagePlan("pl")), "pl").goodbye == "Bye."
    assert CallLanguage((LanguagePlan("en", "Bye."), LanguagePlan("es", "Chau.")), "es").goodbye == "Chau."
    assert spoken("en").goodbye == "", "an agent that wants none has none"


@pytest.mark.parametrize(("resumed", "tag"), [("es-MX", "es-MX"), ("", "en"), ("de", "en")])
def test_a_resumed_call_begins_in_the_language_that_it_was_in(resumed: str, tag: str) -> None:
    standin = [ProviderPlan("standin")]
    point = ResumePoint([], 1, CallUsage(), 0, 0, language=resumed)
    plan = CallPlan(AgentPlan(), standin, standin, standin, resume=point, languages=(LanguagePlan("es-MX"),))
    assert plan_language(plan).tag == tag
