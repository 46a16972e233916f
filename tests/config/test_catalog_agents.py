"""The shipped providers and templates are valid for the programs."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.catalog_agents import shipped_providers, shipped_templates
from control.agents.config import AgentConfig
from control.agents.plans.placeholders import fill_placeholders, find_placeholders
from media.providers.receptionist.facts import extract_business_name, extract_facts

SECRET = re.compile(
    r"api_?key|url|host|endpoint|address|secret|password|authorization|header|proxy|extra", re.IGNORECASE
)
TEMPLATES = {template["slug"]: template for template in shipped_templates()}
PROVIDERS = {provider["provider"]: provider for provider in shipped_providers()}


@pytest.fixture(params=sorted(TEMPLATES))
def template(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each template in turn."""
    return TEMPLATES[request.param]


def test_usual_industries_have_a_template() -> None:
    industries = {template["industry"] for template in TEMPLATES.values()}
    usual = "dental restaurant legal real_estate home_services beauty hotel medical support"
    assert set(usual.split()) <= industries


def test_template_is_a_valid_config_with_greeting_and_business_name(template: dict[str, Any]) -> None:
    config = AgentConfig.model_validate(template["default_config"])
    assert find_placeholders(config)[0] == "business_name"
    assert "automated" in config.greeting, "the greeting must say that no person speaks"
    assert not config.facts, "the customer fills the placeholders"
    assert not config.recording.enabled, "recording is the customer's decision"


def test_braces_of_a_template_are_placeholders(template: dict[str, Any]) -> None:
    config = AgentConfig.model_validate(template["default_config"])
    filled = fill_placeholders(
        config.prompt + config.greeting + config.goodbye, dict.fromkeys(find_placeholders(config), "X")
    )
    assert "{" not in filled
    assert "}" not in filled


def test_local_receptionist_answers_with_facts_of_the_template(template: dict[str, Any]) -> None:
    config = AgentConfig.model_validate(template["default_config"])
    facts = {name: f"the {name.replace('_', ' ')}" for name in find_placeholders(config)} | {
        "business_name": "Oak House"
    }
    prompt = fill_placeholders(config.prompt, facts)
    fact_lines = prompt.partition("Facts:\n")[2].splitlines()
    assert [f"- {fact.sentence}" for fact in extract_facts(prompt)] == fact_lines
    assert len(fact_lines) >= 5
    assert extract_business_name(prompt).startswith("Oak House")


def test_agents_cannot_set_urls_or_secrets() -> None:
    for name, provider in PROVIDERS.items():
        for kind, options in provider["options"].items():
            assert kind in provider["kinds"], name
            assert not [option for option in options if SECRET.search(option)], name


def test_defaults_and_prices_match_the_providers_kinds() -> None:
    for name, provider in PROVIDERS.items():
        for part in ("config", "cost_per_unit"):
            assert set(provider[part]) - {"vendor"} <= set(provider["kinds"]), name
        assert not provider["needs_key"] or set(provider["cost_per_unit"]) == set(provider["kinds"]), name
        for prices in provider["cost_per_unit"].values():
            assert "*" in prices, f"{name}: a model without a price"


def test_local_providers_need_no_key() -> None:
    local = [
        provider
        for provider in PROVIDERS.values()
        if provider["is_enabled"] and not provider["needs_key"] and not provider["for_tests"]
    ]
    served = {kind for provider in local for kind in provider["kinds"]}
    assert served == {"stt", "llm", "tts"}


def test_error_in_the_data_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    broken = {**TEMPLATES["dental_front_desk"], "industry": "Dental Practice"}
    (tmp_path / "templates" / "a.json").write_text(json.dumps(broken))
    with pytest.raises(ValidationError, match="industry"):
        shipped_templates(tmp_path)
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "providers.json").write_text(json.dumps([{"provider": "x", "kinds": ["vad"]}]))
    with pytest.raises(ValidationError, match="kinds"):
        shipped_providers(tmp_path)


def test_shipped_templates_state_when_a_call_is_a_success() -> None:
    """`success_rate` is null without a criterion."""
    missing = [
        template["slug"]
        for template in shipped_templates()
        if not template["default_config"]["analysis"]["success_criterion"]
    ]
    assert missing == []
