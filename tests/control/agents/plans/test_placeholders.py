"""Placeholders: found, filled once, measured before, and reported when nothing fills them."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.agents.config import AgentConfig
from control.agents.plans.placeholders import (
    fill_placeholders,
    filled_length,
    find_placeholders,
    make_values,
    missing_facts,
    missing_facts_of,
    missing_variables,
    missing_variables_of,
    preview_template,
)
from control.agents.variables import PlannedCall

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
names = st.from_regex(r"[a-z][a-z0-9_]{0,5}", fullmatch=True)
# Texts with placeholders in them, whole and broken.
texts = st.lists(st.text(max_size=20) | names.map(lambda name: f"{{{name}}}"), max_size=8).map("".join)


def config(**fields: Any) -> AgentConfig:
    return AgentConfig.model_validate(fields)


def values_of(config: AgentConfig, **variables: str) -> dict[str, str]:
    return make_values(config, PlannedCall(at=NOON, variables=variables), "Desk")


def test_fact_fills_every_mention_once() -> None:
    facts = {"name": "{city}", "city": "Rome"}
    assert fill_placeholders("{name} in {city}, {name}", facts) == "{city} in Rome, {city}"


def test_placeholder_without_a_value_is_left_out() -> None:
    assert fill_placeholders("Hello {name}!", {}) == "Hello !"


@pytest.mark.parametrize("text", ["{}", "{Name}", "{a b}", "{ name }", '{"json": 1}', "{1st}", "{name"])
def test_other_braces_stay(text: str) -> None:
    assert fill_placeholders(text, {"name": "X"}) == text
    assert not find_placeholders(config(prompt=text))


@given(texts, st.dictionaries(names, st.text()))
def test_filled_text_has_the_length_that_was_reckoned(text: str, values: dict[str, str]) -> None:
    filled = fill_placeholders(text, values)
    assert filled_length(text, {name: len(value) for name, value in values.items()}) == len(filled)
    assert text == filled or find_placeholders(config(prompt=text.replace("\0", "")))


def test_missing_facts_are_listed_once_in_order() -> None:
    config_with_facts = config(greeting="{b} {a}", prompt="{c} {b}", goodbye="{d}", facts={"a": "x", "d": "   "})
    assert missing_facts(config_with_facts) == ("b", "c", "d")


def test_variables_and_built_in_values_are_no_missing_facts() -> None:
    assert missing_facts(config(prompt="{customer} {date} {fact}", variables={"customer": {}})) == ("fact",)


def test_announcement_counts_only_when_enabled() -> None:
    announcement = {"consent": "announced", "announcement": "{firm} records this call."}
    assert missing_facts(config(recording={"enabled": True, **announcement})) == ("firm",)
    assert missing_facts(config(recording={"enabled": False, **announcement})) == ()


def test_first_value_that_is_not_blank_fills() -> None:
    agent = config(
        facts={"a": "fact", "b": "fact", "c": "fact", "date": "today"},
        variables={"a": {"default": "default"}, "b": {"default": "default"}, "c": {}},
    )
    values = values_of(agent, a="own", b="  ", other="own")
    assert (values["a"], values["b"], values["c"], values["other"]) == ("own", "default", "fact", "own")
    assert (values["date"], values["weekday"]) == ("today", "Thursday")


def test_variables_that_a_call_must_bring() -> None:
    agent = config(
        prompt="{customer} {order} {firm} {time}",
        facts={"firm": "Acme"},
        variables={"customer": {"default": "there"}, "reason": {"required": True}},
    )
    assert missing_variables(agent, {}) == ("reason", "order")
    assert missing_variables(agent, {"order": " ", "reason": "a bill"}) == ("order",)
    assert missing_variables(agent, {"order": "7", "reason": "a bill"}) == ()


def test_config_of_an_older_schema_has_a_preview() -> None:
    assert missing_facts_of({"prompt": "{a}"}) == missing_variables_of({"prompt": "{a}"}, {}) == ("a",)
    assert missing_facts_of({"gone": 1, "prompt": "{a}"}) == ()
    assert missing_variables_of({"gone": 1, "prompt": "{a}"}, {}) == ()
    assert preview_template({"gone": 1}) == ({"gone": 1}, ())
    assert preview_template({"prompt": "{a}"})[1] == ("a",)
