"""The shipped providers and templates are what the programs can use."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from config.catalogue_agents import shipped_providers, shipped_templates
from control.agents.config import AgentConfig
from control.agents.facts import fill, placeholders
from media.providers.receptionist.facts import business_of, facts_of

SECRET = re.compile(
    r"api_?key|url|host|endpoint|address|secret|password|authorization|header|proxy|extra", re.IGNORECASE
)
TEMPLATES = {template["slug"]: template for template in shipped_templates()}
PROVIDERS = {provider["provider"]: provider for provider in shipped_providers()}


@pytest.fixture(params=sorted(TEMPLATES))
def template(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One after the other."""
    return TEMPLATES[request.param]


def test_there_is_one_for_each_of_the_usual_trades() -> None:
    industries = {template["industry"] for template in TEMPLATES.values()}
    assert {
        "dental", "restaurant", "legal", "real_estate", "home_services", "beauty", "hotel", "medical", "support",
    } <= industries  # fmt: skip


def test_a_template_is_a_config_that_greets_and_names_the_business(template: dict[str, Any]) -> None:
    config = AgentConfig.model_validate(template["default_config"])
    assert placeholders(config)[0] == "business_name"
    assert "automated" in config.greeting, "callers are told that no person speaks"
    assert not config.facts, "placeholders are for the customer to fill"
    assert not config.recording.enabled, "recording is the customer's decision"


def test_every_brace_of_a_template_is_a_placeholder(template: dict[str, Any]) -> None:
    config = AgentConfig.model_validate(template["default_config"])
    filled = fill(config.prompt + config.greeting + config.goodbye, dict.fromkeys(placeholders(config), "X"))
    assert "{" not in filled
    assert "}" not in filled


def test_the_local_receptionist_knows_the_business_and_says_nothing_but_facts(template: dict[str, Any]) -> None:
    config = AgentConfig.model_validate(template["default_config"])
    facts = {name: f"the {name.replace('_', ' ')}" for name in placeholders(config)} | {"business_name": "Oak House"}
    prompt = fill(config.prompt, facts)
    below = prompt.partition("Facts:\n")[2].splitlines()
    assert [f"- {fact.say}" for fact in facts_of(prompt)] == below
    assert len(below) >= 5
    assert business_of(prompt).startswith("Oak House")


def test_no_option_that_an_agent_may_set_leads_elsewhere_or_holds_a_secret() -> None:
    for name, provider in PROVIDERS.items():
        for kind, options in provider["options"].items():
            assert kind in provider["kinds"], name
            assert not [option for option in options if SECRET.search(option)], name


def test_defaults_and_prices_are_of_kinds_that_the_provider_has() -> None:
    for name, provider in PROVIDERS.items():
        for part in ("config", "cost_per_unit"):
            assert set(provider[part]) <= set(provider["kinds"]), name
        assert not provider["needs_key"] or set(provider["cost_per_unit"]) == set(provider["kinds"]), name
        for prices in provider["cost_per_unit"].values():
            assert "*" in prices, f"{name}: a model without a price of its own"


def test_without_any_key_this_machine_can_still_answer() -> None:
    served = {
        kind for provider in PROVIDERS.values() for kind in provider["kinds"]
        if provider["is_enabled"] and not provider["needs_key"] and not provider["for_tests"]
    }  # fmt: skip
    assert served == {"stt", "llm", "tts"}


def test_a_fault_in_the_data_names_the_field(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    broken = {**TEMPLATES["dental_front_desk"], "industry": "Dental Practice"}
    (tmp_path / "templates" / "a.json").write_text(json.dumps(broken))
    with pytest.raises(ValidationError, match="industry"):
        shipped_templates(tmp_path)
    (tmp_path / "providers.json").write_text(json.dumps([{"provider": "x", "kinds": ["vad"]}]))
    with pytest.raises(ValidationError, match="kinds"):
        shipped_providers(tmp_path)
