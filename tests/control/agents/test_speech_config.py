"""Pronunciations and keyterms: what is refused, and what the plan has of them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from control.agents.config import AgentConfig
from control.agents.facts import names_contact
from control.agents.model import AgentContent
from control.agents.plan import make_plan
from control.agents.variables import PlannedCall
from shared.plan import Pronunciation, SpeechPlan, encode_plan
from tests.control.agents.test_plan import ALL, plan_of, version

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
        ({"keyterms": ["x" * 61]}, ("keyterms", 0), "at most 60"),
        ({"keyterms": [" "]}, ("keyterms",), "blank"),
        ({"keyterms": ["x"] * 51}, ("keyterms",), "at most 50"),
    ],
)
def test_what_voices_and_recognisers_cannot_take_is_refused(
    config: dict[str, Any], field: tuple[str | int, ...], message: str
) -> None:
    with pytest.raises(ValidationError, match=message) as refused:
        AgentConfig.model_validate(config)
    assert refused.value.errors()[0]["loc"] == field


def test_the_plan_has_them() -> None:
    plan = plan_of({"pronunciations": [NGUYEN], "keyterms": ["Invisalign", "Okonkwo"]})
    assert plan.speech == SpeechPlan((Pronunciation("Nguyen", "win"),), ("Invisalign", "Okonkwo"))


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
