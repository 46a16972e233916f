"""Who could serve a call, and why not."""

from typing import Any

import pytest

from control.agents.providers import Offers
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
    ],
)
def test_why_a_provider_cannot_serve(changed: dict[str, Any], fault: str) -> None:
    assert Offers([offer("acme", **changed)]).fault("acme", "tts") == fault


def test_a_provider_that_is_not_there_cannot_serve() -> None:
    assert Offers([]).fault("acme", "llm") == "there is no llm provider 'acme'"


def test_defaults_go_by_priority_then_name_and_leave_out_whoever_cannot_serve() -> None:
    offers = Offers([
        offer("late", priority=200), offer("b"), offer("a"),
        offer("off", is_enabled=False), offer("ear", kinds=["stt"]),
    ])  # fmt: skip
    assert offers.defaults("llm") == ["a", "b", "late"]


def test_a_stand_in_is_never_a_default_even_where_it_is_allowed() -> None:
    offers = Offers([offer("standin", for_tests=True)], standins=True)
    assert offers.fault("standin", "stt") == ""
    assert offers.defaults("stt") == []
