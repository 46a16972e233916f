"""The languages of an agent besides its main one: what is refused, and what the plan has of them."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from control.agents.checks import find_warnings, require_known
from control.agents.config import AgentConfig
from control.agents.plans.placeholders import missing_facts, names_contact
from control.agents.plans.rules import LANGUAGE_UNSUPPORTED, find_faults, require_fillable, require_spoken
from control.agents.rules import AgentContent, AgentVersion
from control.calls.admission.plans import make_resumed_plan
from control.calls.records.running_calls import CallPolicy, OpenCall
from control.voice.routing.rules import ProviderOffers
from shared.bus.checkpoints import Checkpoint
from shared.errors import Invalid
from shared.events import CallUsage
from shared.plan import LanguagePlan, ProviderPlan, encode_plan
from tests.control.agents.plans.test_rules import plan_of
from tests.control.agents.strategies import offer

SPANISH = {"language": "es"}
OFFERS = ProviderOffers(
    [
        offer("soniox", priority=1, options={"tts": ["voice_id"]}),
        offer("deepgram", priority=2, kinds=("stt", "tts"), options={"tts": ["model"]}),
        offer("cartesia", priority=3, kinds=("stt",)),
        offer("robot", priority=4, kinds=("llm",)),
    ]
)


def config_of(*languages: dict[str, Any], **others: Any) -> AgentConfig:
    return AgentConfig.model_validate({"additional_languages": list(languages), **others})


def faults_of(*languages: dict[str, Any], **others: Any) -> list[tuple[str, str]]:
    config = config_of(*languages, **others)
    return list(find_faults(AgentContent("Desk", config.model_dump(), None, {}), config, OFFERS))


@pytest.mark.parametrize(
    ("languages", "field", "message"),
    [
        ([{"language": "Spanish"}], ("additional_languages", 0, "language"), "pattern"),
        ([{}], ("additional_languages", 0, "language"), "required"),
        ([SPANISH | {"goodbye": "x" * 401}], ("additional_languages", 0, "goodbye"), "at most 400"),
        ([SPANISH | {"voice": {}}], ("additional_languages", 0, "voice"), "not permitted"),
        ([SPANISH] * 5, ("additional_languages",), "at most 4"),
    ],
)
def test_rejects_an_invalid_language(
    languages: list[dict[str, Any]], field: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as refused:
        config_of(*languages)
    assert refused.value.errors()[0]["loc"] == field


@pytest.mark.parametrize(
    ("languages", "others", "field", "message"),
    [
        ([{"language": "en-GB"}], {}, "additional_languages.0.language", "has this language already"),
        ([SPANISH, {"language": "es-MX"}], {}, "additional_languages.1.language", "has this language already"),
        (
            [SPANISH],
            {"speech": {"stt": [{"provider": "cartesia"}]}},
            "additional_languages",
            "cartesia hears speech first, and does not tell en, es apart: name another in speech.stt",
        ),
        (
            [SPANISH | {"voices": {"deepgram": {"model": "aura-2-thalia-en"}}}],
            {},
            "additional_languages.0.voices.deepgram",
            "deepgram does not speak es with these options",
        ),
        ([{"language": "tlh"}], {}, "additional_languages", "does not tell en, tlh apart"),
        ([{"language": "tlh"}], {}, "additional_languages.0.language", "no voice of the agent speaks tlh"),
    ],
)
def test_a_language_that_nobody_hears_or_speaks_is_refused_by_its_field(
    languages: list[dict[str, Any]], others: dict[str, Any], field: str, message: str
) -> None:
    found = dict(faults_of(*languages, **others))
    assert message in found[field]
    config = config_of(*languages, **others)
    with pytest.raises(Invalid, match="additional_languages") as refused:
        require_spoken(AgentContent("Desk", config.model_dump(), None, {}), config, OFFERS)
    assert refused.value.code == LANGUAGE_UNSUPPORTED
    assert f"config.{field}" in [error.param for error in refused.value.errors]


def test_languages_that_are_heard_and_spoken_have_no_fault() -> None:
    assert faults_of(SPANISH, {"language": "de", "voices": {"soniox": {"voice_id": "Maya"}}}) == []
    assert faults_of() == []
    nobody = ProviderOffers([])
    config = config_of(SPANISH)
    assert list(find_faults(AgentContent("Desk", {}, None, {}), config, nobody)) == [], "which other reasons tell"


def test_an_option_that_no_agent_may_set_is_refused_by_its_field() -> None:
    config = config_of(SPANISH | {"voices": {"soniox": {"base_url": "x"}, "acme": {}}})
    with pytest.raises(Invalid) as refused:
        require_known(AgentContent("Desk", {}, None, {}), config, OFFERS)
    at = "config.additional_languages.0.voices"
    assert [error.param for error in refused.value.errors] == [f"{at}.soniox.base_url", f"{at}.acme"]


def test_the_plan_has_the_languages_with_the_voices_that_speak_them() -> None:
    own = {"deepgram": {"model": "aura-2-celeste-es"}}
    plan = plan_of(
        {"additional_languages": [SPANISH | {"voices": own, "goodbye": "Adiós, {agent_name}."}, {"language": "de"}]},
        OFFERS,
    )
    spanish, german = plan.languages
    assert (spanish.language, spanish.goodbye) == ("es", "Adiós, Desk.")
    assert spanish.tts == [ProviderPlan("deepgram", own["deepgram"]), ProviderPlan("soniox")]
    assert german == LanguagePlan("de", tts=[ProviderPlan("soniox")]), "without the voice that speaks English only"


def test_a_language_that_all_voices_speak_has_the_agents_chain() -> None:
    offers = ProviderOffers([offer("soniox")])
    assert plan_of({"additional_languages": [SPANISH]}, offers).languages == (LanguagePlan("es"),)


def test_a_language_that_no_voice_speaks_any_more_is_left_out() -> None:
    offers = ProviderOffers([offer("deepgram"), offer("robot", kinds=("llm",))])
    assert plan_of({"additional_languages": [SPANISH]}, ProviderOffers([offer("deepgram")])).languages == ()
    content = AgentContent("Desk", {"additional_languages": [SPANISH], "greeting": "Hello."}, None, {})
    version = AgentVersion(UUID(int=1), UUID(int=2), 1, content, None, datetime(2026, 1, 1, tzinfo=UTC))
    warnings = [warning for warning in find_warnings(version, offers) if warning.code == LANGUAGE_UNSUPPORTED]
    assert [warning.param for warning in warnings] == ["config.additional_languages.0.language"]


def test_a_plan_of_one_language_is_read_by_nodes_of_the_version_before() -> None:
    assert b'"languages"' not in encode_plan(plan_of({"greeting": "Hello."}))
    assert "additional_languages" not in AgentConfig().model_dump()


def test_goodbyes_have_placeholders_like_other_texts() -> None:
    config = config_of(SPANISH | {"goodbye": "Adiós, {contact_first_name} y {firm}."})
    assert missing_facts(config) == ("firm",)
    assert names_contact(config.model_dump())
    long = config_of(SPANISH | {"goodbye": "{firm}" * 60}, facts={"firm": "x" * 100})
    with pytest.raises(Invalid, match=r"additional_languages\.0\.goodbye: more than 500 characters") as refused:
        require_fillable(long, "config")
    assert refused.value.param == "config.additional_languages.0.goodbye"


def test_a_resumed_call_begins_in_the_language_that_it_was_in() -> None:
    plan = plan_of({"additional_languages": [SPANISH]}, OFFERS)
    left = Checkpoint("c", "node", 0, [], 1, CallUsage(), began_ms=1, at_ms=2, language="es")
    policy, now = CallPolicy(), datetime(2026, 11, 26, tzinfo=UTC)
    call = OpenCall(
        call_id=UUID(int=1),
        workspace_id=UUID(int=2),
        agent_id=UUID(int=3),
        agent_version=1,
        leg=0,
        caller_number="+14155550100",
        called_number="+14155550199",
        direction="inbound",
        status="in_progress",
        carrier="twilio",
        carrier_call_id="CA1",
        created_at=now,
    )
    resumed = make_resumed_plan(plan, policy, 1, left, call, now)
    assert resumed.resume is not None and resumed.resume.language == "es"
    assert resumed.agent.greeting == "Disculpe, se ha cortado un momento."
    unknown = make_resumed_plan(plan, policy, 1, None, call, now)
    assert unknown.resume is not None and unknown.resume.language == ""
