"""Which providers can serve a call, and why not."""

from typing import Any

import pytest

from control.voice.routing.rules import DataDemands, ProviderOffers, meets
from tests.control.agents.strategies import offer


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({}, ""),
        ({"kinds": ["stt"]}, "there is no tts provider 'acme'"),
        ({"is_enabled": False}, "acme is not in service"),
        ({"allowed": False}, "acme is turned off in this workspace"),
        ({"for_tests": True}, "acme is for tests only"),
        ({"needs_key": True}, "acme has no key"),
        ({"needs_key": True, "platform_key": True}, ""),
        ({"needs_key": True, "own_key": True}, "acme has no key"),
        ({"needs_key": True, "own_key": True, "uses_platform_key": False}, ""),
        ({"needs_key": True, "platform_key": True, "uses_platform_key": False}, "acme has no key"),
        ({"uses_platform_key": False}, "acme has no key"),
    ],
)
def test_why_a_provider_cannot_serve(changed: dict[str, Any], fault: str) -> None:
    assert ProviderOffers([offer("acme", **changed)]).find_fault("acme", "tts") == fault


def test_unknown_provider_cannot_serve() -> None:
    assert ProviderOffers([]).find_fault("acme", "llm") == "there is no llm provider 'acme'"


def test_defaults_are_ordered_by_priority_and_name_and_usable() -> None:
    offers = ProviderOffers([
        offer("late", priority=200), offer("b"), offer("a"),
        offer("off", is_enabled=False), offer("ear", kinds=["stt"]),
    ])  # fmt: skip
    assert offers.defaults("llm") == ["a", "b", "late"]


def test_stand_in_is_never_a_default() -> None:
    offers = ProviderOffers([offer("standin", for_tests=True)], standins=True)
    assert offers.find_fault("standin", "stt") == ""
    assert offers.defaults("stt") == []


def test_what_is_measured_does_not_make_it_another_offer() -> None:
    assert offer("acme", figures={"llm": {"p50_ms": 1}}, estimated_costs={"llm": 0.1}) == offer("acme")
    assert offer("acme", own_config={"llm": {"model": "a"}}) != offer("acme")


def test_a_policy_of_a_later_version_meets_no_demand_and_stops_no_other_call() -> None:
    later = {"no_training": True, "law": "eu"}
    assert meets(later, DataDemands())
    assert not meets(later, DataDemands(no_training=True))
