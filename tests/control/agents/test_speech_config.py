"""Pronunciations and keyterms: what is refused, and what the plan has of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from control.agents.checks import require_sayable
from control.agents.config import AgentConfig
from control.agents.plans.placeholders import names_contact
from control.agents.plans.rules import make_plan
from control.agents.rules import AgentContent
from control.agents.variables import PlannedCall
from control.voice.routing.rules import ProviderOffers
from shared.errors import Invalid
from shared.plan import Pronunciation, SpeechPlan, encode_plan
from tests.control.agents.plans.test_rules import ALL, plan_of, version
from tests.control.agents.strategies import offer

NGUYEN = {"word": "Nguyen", "say": "win"}


@pytest.mark.parametrize(
    ("config", "field", "message"),
    [
        ({"pronunciations": [{"word": "two words", "say": "x"}]}, ("pronunciations", 0, "word"), "pattern"),
        ({"pronunciations": [{"word": "", "say": "x"}]}, ("pronunciations", 0, "word"), "at least 1"),
        ({"pronunciations": [{"word": "x", "say": "y" * 121}]}, ("pronunciations", 0, "say"), "at most 120"),
        ({"pronunciations": [{"word": "x", "say": "a\nb"}]}, ("pronunciations", 0, "say"), "pattern"),
        ({"pronunciations": [{"word": "x", "say": " "}]}, ("pronunciations",), "'x' is blank"),
        ({"pronunciations": [NGUYEN, NGUYEN | {"word": "NGUYEN"}]}, ("pronunciations",), "two pronunciations"),
        ({"pronunciations": [NGUYEN | {"word": f"w{at}"} for at in range(201)]}, ("pronunciations",), "at most 200"),
        ({"pronunciations": [{"word": "x", "ipa": "<x>"}]}, ("pronunciations", 0, "ipa"), "pattern"),
        ({"pronunciations": [{"word": "x"}]}, ("pronunciations",), "'x' is blank"),
        ({"keyterms": ["x" * 61]}, ("keyterms", 0), "at most 60"),
        ({"keyterms": [" "]}, ("keyterms",), "blank"),
        ({"keyterms": ["x"] * 51}, ("keyterms",), "at most 50"),
    ],
)
def test_rejects_values_that_voices_and_recognizers_do_not_support(
    config: dict[str, Any], field: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as refused:
        AgentConfig.model_validate(config)
    assert refused.value.errors()[0]["loc"] == field


def test_the_plan_has_them() -> None:
    plan = plan_of({"pronunciations": [NGUYEN], "keyterms": ["Invisalign", "Okonkwo"]})
    assert plan.speech == SpeechPlan((Pronunciation("Nguyen", "win"),), ("Invisalign", "Okonkwo"))


def test_ipa_goes_to_the_plan_and_is_left_out_without() -> None:
    told = {"word": "Okonkwo", "ipa": "\u0254\u02c8k\u0254\u014bkwo"}
    plan = plan_of({"pronunciations": [NGUYEN, told]})
    assert plan.speech.pronunciations == (Pronunciation("Nguyen", "win"), Pronunciation("Okonkwo", ipa=told["ipa"]))
    assert AgentConfig.model_validate({"pronunciations": [NGUYEN]}).model_dump()["pronunciations"] == [NGUYEN]
    assert b'"ipa"' not in encode_plan(plan_of({"pronunciations": [NGUYEN]}))


@pytest.mark.parametrize(
    ("given", "planned"),
    [
        ({"say": "\u00a0 ", "ipa": "a"}, Pronunciation("x", "", "a")),
        ({"say": "ex", "ipa": "  "}, Pronunciation("x", "ex")),
        ({"ipa": "\u0292u\u02c8\u00e3\u00e7"}, Pronunciation("x", ipa="\u0292u\u02c8a\u0303\u00e7")),
    ],
    ids=["no letters", "no ipa", "signs of two"],
)
def test_voices_are_told_no_blanks_and_each_sign_apart(given: dict[str, str], planned: Pronunciation) -> None:
    assert plan_of({"pronunciations": [{"word": "x"} | given]}).speech.pronunciations == (planned,)


@pytest.mark.parametrize(
    ("voices", "faults"),
    [
        ({"azure-speech": {}}, []),
        ({"azure-speech": {"voice_id": "en-US-Ava:DragonHDLatestNeural"}}, ["config.pronunciations.1.say"]),
        ({"google-speech": {}}, []),
        ({"google-speech": {"model": "neural2"}}, ["config.pronunciations.1.say"]),
        ({"azure-speech": {}, "cartesia": {}}, ["config.pronunciations.1.say"]),
    ],
)
def test_a_word_with_ipa_alone_needs_voices_that_take_it(voices: dict[str, Any], faults: list[str]) -> None:
    offers = ProviderOffers([offer(name, config={"tts": options}) for name, options in voices.items()])
    entries = [NGUYEN | {"ipa": "w\u026an"}, {"word": "Ada", "ipa": "\u02c8e\u026ad\u0259"}]
    config = AgentConfig.model_validate({"pronunciations": entries})
    found: list[str | None] = []
    try:
        require_sayable(AgentContent("Desk", {}, None, {}), config, offers)
    except Invalid as refused:
        found = [error.param for error in refused.errors]
        assert refused.code == "ipa_unsupported" and "take no IPA" in str(refused)
    assert found == faults


def test_a_plan_without_them_is_read_by_nodes_of_the_version_before() -> None:
    assert b'"speech"' not in encode_plan(plan_of({"greeting": "Hello."}))
    assert AgentConfig().model_dump().keys().isdisjoint(("pronunciations", "keyterms"))


def test_the_known_callers_name_is_expected_behind_the_agents_keyterms() -> None:
    contact = {"contact_name": "Ada Okonkwo", "contact_first_name": "Ada", "contact_company": "x" * 61}
    call = PlannedCall(at=datetime(2026, 11, 26, tzinfo=UTC), contact=contact)
    with_keyterms = make_plan(version(AgentContent("Desk", {"keyterms": ["crown"]}, None, {})), ALL, call)
    assert with_keyterms.speech.keyterms == ("crown", "Ada Okonkwo")
    without = make_plan(version(AgentContent("Desk", {}, None, {})), ALL, call)
    assert without.speech == SpeechPlan()


def test_the_contact_is_looked_up_for_agents_with_keyterms() -> None:
    assert names_contact({"keyterms": ["crown"]})
    assert not names_contact({"keyterms": []})
