"""Strategies for agent configs of every shape that the schema allows."""

from typing import Any

from hypothesis import strategies as st

from control.agents.rules import AgentContent
from control.voice.routing.rules import KINDS, ProviderOffer

NAMES = ("alpha", "beta", "gamma")
OPTIONS = ("model", "voice_id", "speed")

options = st.dictionaries(
    st.sampled_from(OPTIONS),
    st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
    | st.lists(st.text("abc", max_size=3), max_size=3),
    max_size=3,
)


def texts(most: int) -> st.SearchStrategy[str]:
    """Texts that can be stored and spoken, with placeholders."""
    plain = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
    return st.lists(plain | st.sampled_from(["{business_name}", "{city}", "{{x}}", "{X}"]), max_size=6).map(
        lambda parts: "".join(parts)[:most]
    )


chains = st.lists(st.fixed_dictionaries({"provider": st.sampled_from(NAMES), "options": options}), max_size=7)
seconds = st.integers(0, 86_400)
recordings = st.one_of(
    st.just({"enabled": False}),
    st.fixed_dictionaries(
        {
            "enabled": st.just(True),
            "consent": st.just("announced"),
            "announcement": texts(500).map(lambda t: f"r {t}"),
            "refusal_words": st.lists(st.sampled_from(["no", "don't record me"]), min_size=1, max_size=2),
        }
    ),
    st.just({"enabled": True, "consent": "given_otherwise", "statement": "In the terms of service."}),
)
configs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "prompt": texts(30_000),
        "greeting": texts(1_400),
        "first_message": st.just("wait_for_caller"),
        "disclosure": texts(500).map(lambda t: f"d{t}"),
        "greeting_interruptible": st.just(False),
        "language": st.sampled_from(["en", "pt-BR", "zh-Hant", "es-419"]),
        "additional_languages": st.lists(
            st.fixed_dictionaries(
                {
                    "language": st.sampled_from(["de", "fr-CA"]),
                    "voices": st.dictionaries(st.sampled_from(NAMES), options, max_size=2),
                    "goodbye": texts(400),
                }
            ),
            min_size=1,
            max_size=4,
        ),
        "goodbye": texts(400),
        "facts": st.dictionaries(
            st.sampled_from(["business_name", "city"]), texts(200).map(lambda t: f"f{t}"), max_size=2
        ),
        "variables": st.dictionaries(
            st.sampled_from(["city", "customer"]),
            st.fixed_dictionaries({}, optional={"default": st.text("abc ", max_size=50), "required": st.booleans()}),
            min_size=1,
            max_size=2,
        ),
        "speech": st.fixed_dictionaries({}, optional={kind: chains for kind in KINDS}),
        "voices": st.dictionaries(st.sampled_from(NAMES), options, max_size=3),
        "turn": st.fixed_dictionaries(
            {},
            optional={
                "silence_ms": st.integers(100, 5_000),
                "adaptive": st.booleans(),
                "barge_in": st.booleans() | st.sampled_from(["off", "polite", "eager"]),
                "min_words": st.integers(1, 10),
                "smart_turn": st.booleans(),
                "speculate": st.booleans(),
                "patience": st.sampled_from(["quick", "normal", "patient"]),
            },
        ),
        "tools": st.lists(st.sampled_from(["end_call", "collect_digits", "call_context"]), unique=True, max_size=2),
        "limits": st.fixed_dictionaries(
            {},
            optional={
                "max_duration_s": seconds,
                "idle_nudge_s": seconds,
                "silence_s": seconds,
                "reply_s": st.floats(0, 60) | st.integers(0, 60),
            },
        ),
        "recording": recordings,
        "fallback_number": st.sampled_from(["", "+14155552671", "+442079460000"]),
    },
)
contents = st.builds(
    AgentContent, st.text("abc", min_size=1, max_size=200), configs, st.sampled_from([None, *NAMES]), options
)


def offer(provider: str, **changed: Any) -> ProviderOffer:
    """A provider of all kinds that needs no key."""
    fields: dict[str, Any] = {
        "kinds": KINDS,
        "is_enabled": True,
        "priority": 100,
        "needs_key": False,
        "for_tests": False,
        "config": {},
        "options": {kind: OPTIONS for kind in KINDS},
        "platform_key": False,
    }
    return ProviderOffer(provider, **{**fields, **changed})
