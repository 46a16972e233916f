"""Placeholders: found, filled once, and told when they are not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.agents.config import AgentConfig
from control.agents.facts import fill, missing, missing_of, placeholders, preview


def config(**given: Any) -> AgentConfig:
    return AgentConfig.model_validate(given)


def test_a_fact_fills_every_mention_and_is_not_looked_into() -> None:
    facts = {"name": "{city}", "city": "Rome"}
    assert fill("{name} in {city}, {name}", facts) == "{city} in Rome, {city}"


@pytest.mark.parametrize("text", ["{}", "{Name}", "{a b}", "{ name }", '{"json": 1}', "{1st}", "{name"])
def test_other_braces_are_left_alone(text: str) -> None:
    assert fill(text, {"name": "X"}) == text
    assert not placeholders(config(prompt=text))


@given(st.text(max_size=60), st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True), st.text()))
def test_without_a_placeholder_of_the_facts_a_text_stays(text: str, facts: dict[str, str]) -> None:
    if not any(f"{{{name}}}" in text for name in facts):
        assert fill(text, facts) == text


def test_what_is_missing_is_told_in_the_order_of_mention_and_once() -> None:
    made = config(greeting="{b} {a}", prompt="{c} {b}", goodbye="{d}", facts={"a": "x", "d": "   "})
    assert missing(made) == ("b", "c", "d")


def test_an_announcement_counts_only_when_it_is_made() -> None:
    announcement = {"consent": "announced", "announcement": "{firm} records this call."}
    assert missing(config(recording={"enabled": True, **announcement})) == ("firm",)
    assert missing(config(recording={"enabled": False, **announcement})) == ()


def test_a_config_of_an_older_schema_can_be_shown_too() -> None:
    assert missing_of({"prompt": "{a}"}) == ("a",)
    assert missing_of({"gone": 1, "prompt": "{a}"}) == ()
    assert preview({"gone": 1}) == ({"gone": 1}, ())
    assert preview({"prompt": "{a}"})[1] == ("a",)
