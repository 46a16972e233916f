"""Texts of a plan: filled within the plan's bounds, which are checked before anything is filled."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from control.agents.checks import parse_config
from control.agents.config import AgentConfig
from control.agents.plans.outside_hours import CallMoment, adapt_config
from control.agents.plans.placeholders import make_values
from control.agents.plans.rules import LONGEST_TEXTS, TextTooLong, fill_texts
from control.agents.variables import PlannedCall
from shared.errors import Invalid
from shared.plan import CallPlan, PlanError, decode_plan

# As long as a fact may be, mentioned as often as a prompt can: 40 million characters.
HUGE = {"prompt": "{a}" * 9_999, "facts": {"a": "\1" * 4_000}}
CALL = PlannedCall(at=datetime(2026, 11, 26, 12, tzinfo=UTC))
# Bytes that refusing a config may take; these take 1.6 and 40 million when they are filled.
MOST_BYTES = 1_000_000


def fill(config: dict[str, Any], **variables: str) -> dict[str, str]:
    parsed = AgentConfig.model_validate(config)
    call = PlannedCall(at=CALL.at, variables=variables)
    return fill_texts(parsed, make_values(parsed, call, "Desk"))


@contextmanager
def bounded_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES
    finally:
        tracemalloc.stop()


def test_call_fills_all_texts() -> None:
    config = {
        "greeting": "Hello {name}, this is {agent_name}.",
        "prompt": "It is {weekday}. You call {name}.",
        "goodbye": "Bye {name}.",
        "disclosure": "{agent_name} is a machine.",
        "recording": {"enabled": True, "consent": "announced", "announcement": "{name}, we record."},
    }
    assert fill(config, name="Ms Ito") == {
        "greeting": "Hello Ms Ito, this is Desk.",
        "prompt": "It is Thursday. You call Ms Ito.",
        "goodbye": "Bye Ms Ito.",
        "voicemail_message": "",
        "screening_message": "",
        "disclosure": "Desk is a machine.",
        "recording.announcement": "Ms Ito, we record.",
    }


def test_value_is_no_template() -> None:
    config = {"prompt": "{name} {a}", "variables": {"name": {}}, "facts": {"a": "{name}"}}
    assert fill(config, name="{a}{name}")["prompt"] == "{a}{name} {name}"


@pytest.mark.parametrize("config", [HUGE, {**HUGE, "prompt": "", "greeting": "{a}" * 400}])
def test_huge_text_is_refused_on_save_and_in_a_plan_without_being_filled(config: dict[str, Any]) -> None:
    with bounded_memory(), pytest.raises(Invalid, match="with its placeholders filled") as refused:
        parse_config(config)
    with bounded_memory(), pytest.raises(TextTooLong, match=r"agent\.(greeting|prompt): more than"):
        fill(config)
    assert (refused.value.code, refused.value.param in ("config.prompt", "config.greeting")) == ("too_long", True)


def test_saved_config_fits_with_its_defaults_and_the_longest_built_in_values() -> None:
    fits = {"greeting": "{name}{workspace_name}" + "x" * 1_300, "variables": {"name": {"default": "d" * 500}}}
    assert len(fits["greeting"]) <= 1_400
    assert parse_config(fits)
    with pytest.raises(Invalid) as refused:
        parse_config({**fits, "greeting": "{name}" + "{workspace_name}" * 2 + "x" * 1_300})
    assert refused.value.param == "config.greeting"


HOURS = {"weekly": {"monday": [{"opens": "09:00", "closes": "17:00"}]}}
ANNOUNCED = {"enabled": True, "consent": "announced", "announcement": "a" * 500}
LONG_ANNOUNCEMENT = {**ANNOUNCED, "announcement": "{a}"}
OUTSIDE = CallMoment(CALL.at, "UTC", "outside")


@pytest.mark.parametrize(
    ("config", "param"),
    [
        ({"outside_hours": {"text": "{a}"}, "facts": {"a": "x" * 2_001}, "recording": ANNOUNCED}, "outside_hours.text"),
        ({"outside_hours": {"instructions": "{a}"}, "facts": {"a": "x" * 4_000}, "prompt": "{a}" * 24}, "prompt"),
        ({"facts": {"a": "x" * 3_990}, "prompt": "{a}" * 25}, "prompt"),
    ],
)
def test_texts_outside_the_hours_are_reckoned_with_all_that_is_said_then(config: dict[str, Any], param: str) -> None:
    assert parse_config(config)
    with pytest.raises(Invalid) as refused:
        parse_config({**config, "hours": HOURS})
    assert (refused.value.param, refused.value.code) == (f"config.{param}", "too_long")


def test_config_that_is_saved_has_a_plan_outside_the_hours() -> None:
    text, short = {"a": "x" * 2_000}, {"a": "x" * 3_500}
    announced = {"outside_hours": {"text": "{a}"}, "facts": text, "recording": ANNOUNCED}
    long = {"outside_hours": {"instructions": "{a}", "action": "message"}, "facts": short, "prompt": "{a}" * 24}
    for raw in (announced, long):
        adapted = adapt_config(parse_config({**raw, "hours": HOURS}), OUTSIDE)
        assert fill_texts(adapted, make_values(adapted, CALL, "Desk"))
    hung_up = {"text": "{a}", "action": "hang_up"}
    assert parse_config({**announced, "outside_hours": hung_up, "hours": HOURS})


@pytest.mark.parametrize("config", [{"disclosure": "{a}"}, {"recording": LONG_ANNOUNCEMENT}])
def test_long_announcement_is_refused(config: dict[str, Any]) -> None:
    assert parse_config({**config, "facts": {"a": "x" * 2_000}})
    with pytest.raises(Invalid) as refused:
        parse_config({**config, "facts": {"a": "x" * 2_001}})
    assert refused.value.param in ("config.disclosure", "config.recording.announcement")


@pytest.mark.parametrize("name", ["facts", "variables"])
def test_many_entries_are_refused_before_their_names_are_looked_at(name: str) -> None:
    with bounded_memory(), pytest.raises(Invalid) as refused:
        parse_config({name: dict.fromkeys(map("Bad {}".format, range(10_000)), "x")})
    assert (refused.value.param, refused.value.errors[0].code) == (f"config.{name}", "too_long")


def test_call_with_long_values_is_refused() -> None:
    config = {"goodbye": "{a}{b}", "variables": {"a": {}, "b": {}}}
    assert parse_config(config)
    with pytest.raises(TextTooLong, match=r"agent\.goodbye: more than 500 characters"):
        fill(config, a="x" * 400, b="x" * 200)


def test_bounds_are_those_of_the_plan() -> None:
    places = {
        "disclosure": "disclosure",
        "recording.announcement": "consent.announcement",
        "voicemail_message": "voicemail_message",
        "screening_message": "screening_message",
    }
    for name, most in LONGEST_TEXTS.items():
        place = places.get(name, f"agent.{name}")
        assert plan_with(place, "x" * most)
        with pytest.raises(PlanError, match=place):
            plan_with(place, "x" * (most + 1))


def plan_with(place: str, text: str) -> CallPlan:
    chain = [{"provider": "standin"}]
    part, _, name = place.partition(".")
    changed = {part: {name: text} if name else text}
    return decode_plan(msgspec.json.encode({"agent": {}, "stt": chain, "llm": chain, "tts": chain, **changed}))
