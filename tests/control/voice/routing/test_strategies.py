"""The order of providers: the same whatever the input's order, and no figure that gets better makes a place worse."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from control.voice.routing.rules import (
    STRATEGIES,
    DataDemands,
    ProviderOffers,
    RoutingCandidate,
    RoutingRules,
    Strategy,
    StrategyWeights,
    make_rules,
    order_candidates,
)
from tests.control.agents.strategies import offer

figures = st.none() | st.floats(0, 1e4, allow_subnormal=False)
candidates = st.lists(
    st.builds(
        RoutingCandidate,
        provider=st.sampled_from(list("abcdefgh")),
        priority=st.integers(0, 5),
        cost=figures,
        latency_ms=figures,
        error_rate=st.floats(0, 1),
        quality=st.floats(0, 100),
        is_last=st.booleans(),
    ),
    unique_by=lambda one: one.provider,
    max_size=8,
)
strategies = st.sampled_from(STRATEGIES)
weights = st.none() | st.builds(StrategyWeights, *[st.floats(0.01, 100)] * 3)


@given(candidates, strategies, weights, st.randoms())
def test_each_candidate_has_one_place_whatever_the_order_of_the_input(
    found: list[RoutingCandidate], strategy: Strategy, chosen: StrategyWeights | None, random: Any
) -> None:
    ordered = order_candidates(found, strategy, weights=chosen)
    assert sorted(ordered) == sorted(one.provider for one in found)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert order_candidates(shuffled, strategy, weights=chosen) == ordered


@given(candidates, strategies, st.data())
def test_a_better_figure_never_makes_the_place_worse(
    found: list[RoutingCandidate], strategy: Strategy, data: st.DataObject
) -> None:
    assume(found)
    one = data.draw(st.sampled_from(found))
    name = data.draw(st.sampled_from(["cost", "latency_ms", "error_rate", "quality"]))
    before = getattr(one, name)
    assume(before is not None)
    factor = data.draw(st.floats(0, 1))
    value = 100 - (100 - before) * factor if name == "quality" else before * factor
    better = replace(one, **{name: value})
    place = order_candidates(found, strategy).index(one.provider)
    others = [better if other is one else other for other in found]
    assert order_candidates(others, strategy).index(one.provider) <= place


CHEAP = RoutingCandidate("cheap", 3, cost=0.001, latency_ms=900, quality=20)
FAST = RoutingCandidate("fast", 2, cost=0.02, latency_ms=200, quality=60)
GOOD = RoutingCandidate("good", 1, cost=0.05, latency_ms=700, quality=95)


@pytest.mark.parametrize(
    ("strategy", "first"),
    [
        ("cost_optimized", "cheap"),
        ("latency_optimized", "fast"),
        ("quality_optimized", "good"),
        ("priority", "good"),
        ("balanced", "fast"),
    ],
)
def test_each_strategy_has_its_first_choice(strategy: Strategy, first: str) -> None:
    assert order_candidates([CHEAP, FAST, GOOD], strategy)[0] == first


def test_weights_hold_for_balanced_and_an_order_for_priority() -> None:
    found = [CHEAP, FAST, GOOD]
    assert order_candidates(found, "balanced", weights=StrategyWeights(cost=1))[0] == "cheap"
    assert order_candidates(found, "latency_optimized", weights=StrategyWeights(cost=1))[0] == "fast"
    assert order_candidates(found, "priority", order=["fast", "gone"]) == ["fast", "good", "cheap"]


def test_errors_and_missing_figures_cost_places_but_small_differences_do_not() -> None:
    assert order_candidates([replace(FAST, error_rate=0.9), GOOD], "latency_optimized") == ["good", "fast"]
    assert order_candidates([replace(FAST, latency_ms=None), GOOD], "latency_optimized") == ["good", "fast"]
    near = [replace(GOOD, latency_ms=501), replace(FAST, latency_ms=500)]
    assert order_candidates(near, "latency_optimized") == ["good", "fast"]


def test_a_program_of_rules_costs_nothing_and_comes_last_all_the_same() -> None:
    rules = RoutingCandidate("rules", 0, cost=0.0, latency_ms=1, is_last=True)
    assert order_candidates([rules, CHEAP], "cost_optimized") == ["cheap", "rules"]


def offers(rules: RoutingRules, **changed: dict[str, Any]) -> ProviderOffers:
    names = {"a": 1, "b": 2, "c": 3}
    return ProviderOffers(
        [offer(name, priority=place, **changed.get(name, {})) for name, place in names.items()], rules=rules
    )


def test_the_fallback_chain_follows_the_first_choice() -> None:
    assert offers(RoutingRules(fallback_chain=("c", "gone"))).defaults("llm") == ["a", "c", "b"]
    assert offers(RoutingRules(fallback_chain=("c", "gone"))).fallbacks("llm") == ["c"]
    assert offers(RoutingRules(fallback_chain=("c",), has_fallback=False)).defaults("llm") == ["a"]
    assert offers(RoutingRules(fallback_chain=("c",), has_fallback=False)).fallbacks("llm") == []


@pytest.mark.parametrize(
    ("policy", "demands", "fine"),
    [
        ({}, {}, True),
        ({}, {"no_training": True}, False),
        ({"no_training": True}, {"no_training": True}, True),
        ({"regions": ["eu"]}, {"regions": ["eu", "us"]}, True),
        ({"regions": ["eu", "us"]}, {"regions": ["eu"]}, False),
        ({}, {"regions": ["eu"]}, False),
        ({}, {"max_retention_days": 30}, False),
        ({"retention_days": 31}, {"max_retention_days": 30}, False),
        ({"retention_days": 0}, {"max_retention_days": 0}, True),
        ({"on_platform": True}, {"regions": ["eu"], "max_retention_days": 0, "no_training": True}, True),
    ],
)
def test_providers_that_do_not_meet_the_demands_serve_no_call(
    policy: dict[str, Any], demands: dict[str, Any], fine: bool
) -> None:
    rules = RoutingRules(demands=DataDemands.model_validate(demands), fallback_chain=("a",))
    found = offers(rules, a={"data_policy": policy})
    assert (
        ("a" in found.defaults("stt")) is ("a" in found.fallbacks("stt")) is (not found.find_fault("a", "stt")) is fine
    )


def test_a_config_that_cannot_be_read_demands_everything() -> None:
    stored = {"strategy": "of_next_year", "default_strategy": "balanced", "fallback_chain": None}
    rules = make_rules({**stored, "config": {"of_next_year": 1}, "fallback_enabled": None})
    assert rules.strategy == "priority" and rules.has_fallback
    assert offers(rules, a={"data_policy": {"no_training": True, "retention_days": 0}}).defaults("tts") == []
