"""Placeholders: found, filled once, and reported when a fact is missing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.agents.config import AgentConfig
from control.agents.facts import fill_placeholders, find_placeholders, missing_facts, missing_facts_of, preview_template


def config(**fields: Any) -> AgentConfig:
    return AgentConfig.model_validate(fields)


def test_fact_fills_every_mention_once() -> None:
    facts = {"name": "{city}", "city": "Rome"}
    assert fill_placeholders("{name} in {city}, {name}", facts) == "{city} in Rome, {city}"


@pytest.mark.parametrize("text", ["{}", "{Name}", "{a b}", "{ name }", '{"json": 1}', "{1st}", "{name"])
def test_other_braces_stay(text: str) -> None:
    assert fill_placeholders(text, {"name": "X"}) == text
    assert not find_placeholders(config(prompt=text))


@given(st.text(max_size=60), st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.text()))
def test_text_without_known_placeholders_stays(text: str, facts: dict[str, str]) -> None:
    if not any(f"{{{name}}}" in text for name in facts):
        assert fill_placeholders(text, facts) == text


def test_missing_facts_are_listed_once_in_order() -> None:
    config_with_facts = config(greeting="{b} {a}", prompt="{c} {b}", goodbye="{d}", facts={"a": "x", "d": "   "})
    assert missing_facts(config_with_facts) == ("b", "c", "d")


def test_announcement_counts_only_when_enabled() -> None:
    announcement = {"consent": "announced", "announcement": "{firm} records this call."}
    assert missing_facts(config(recording={"enabled": True, **announcement})) == ("firm",)
    assert missing_facts(config(recording={"enabled": False, **announcement})) == ()


def test_config_of_an_older_schema_has_a_preview() -> None:
    assert missing_facts_of({"prompt": "{a}"}) == ("a",)
    assert missing_facts_of({"gone": 1, "prompt": "{a}"}) == ()
    assert preview_template({"gone": 1}) == ({"gone": 1}, ())
    assert preview_template({"prompt": "{a}"})[1] == ("a",)
