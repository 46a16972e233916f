"""Reads the JSON bodies of the network's own HTTP interface. Errors name the invalid field."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from simulator.carrier.audio_clip import ClipError, read_clip
from simulator.carrier.network.passive_party import PassiveParty
from simulator.carrier.network.phone_network import Behavior, Subscriber
from simulator.carrier.network.telnyx.faults import TelnyxFaults
from simulator.carrier.network.webhook_client import DeliveryFaults

_TELNYX = (
    "telnyx_refuses",
    "telnyx_silent_closes",
    "telnyx_underscores",
    "telnyx_changes_ids",
    "telnyx_refuses_repeats",
)
_REST = ("twilio_rest", "telnyx_rest", "twilio_lost", "telnyx_lost")


def read_subscriber(body: object) -> Subscriber:
    """Read a subscriber. Raises ValueError, which names the field."""
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    behavior = body.get("behaviour", "answer")
    known: tuple[Behavior, ...] = get_args(Behavior)
    if behavior not in known:
        raise ValueError(f"behavior must be one of {', '.join(known)}")
    ring_ms, greeting_ms = body.get("ring_ms", 200), body.get("greeting_ms", 3_000)
    for name, value in (("ring_ms", ring_ms), ("greeting_ms", greeting_ms)):
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 600_000:
            raise ValueError(f"{name} must be 0 to 600000")
    say = body.get("say", "")
    if not isinstance(say, str):
        raise ValueError("say must be a path, or empty")
    try:
        sound = read_clip(Path(say)).ulaw if say else b""
    except ClipError as error:
        raise ValueError(f"say: {error}") from error
    party = (lambda: PassiveParty(sound)) if sound else None
    return Subscriber(behavior, ring_ms / 1_000, party, greeting_ms / 1_000)


def read_faults(body: object) -> tuple[DeliveryFaults, Mapping[str, list[int]]]:
    """Read webhook faults, and for each field the statuses of failing REST requests. Raises ValueError, which names the
    field.
    """
    if not isinstance(body, dict):
        raise ValueError("the body must be an object")
    known = ("duplicate", "shuffle_s", "delay_s", "drop_first", *_TELNYX, *_REST)
    for name in body:
        if name not in known:
            raise ValueError(f"unknown field {name!r}; known: {', '.join(known)}")
    faults = DeliveryFaults(
        _boolean(body, "duplicate"),
        _seconds(body, "shuffle_s"),
        _seconds(body, "delay_s"),
        _boolean(body, "drop_first"),
    )
    return faults, {name: _statuses(body, name) for name in _REST}


def read_telnyx_faults(body: Mapping[str, object]) -> TelnyxFaults:
    """Read the account's faults (see TelnyxFaults). Raises ValueError, which names the field."""
    refused = body.get("telnyx_refuses", {})
    if not isinstance(refused, dict) or not all(isinstance(tag, str) for tag in refused.values()):
        raise ValueError("telnyx_refuses must be an object with texts")
    return TelnyxFaults(
        refused,
        silent_closes=_boolean(body, "telnyx_silent_closes"),
        underscores=_boolean(body, "telnyx_underscores"),
        changes_ids=_boolean(body, "telnyx_changes_ids"),
        refuses_repeats=_boolean(body, "telnyx_refuses_repeats"),
    )


def _boolean(body: Mapping[str, object], name: str) -> bool:
    value = body.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value


def _seconds(body: Mapping[str, object], name: str) -> float:
    value = body.get(name, 0.0)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 600:
        raise ValueError(f"{name} must be 0 to 600")
    return float(value)


def _statuses(body: Mapping[str, object], name: str) -> list[int]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, int) and 400 <= one <= 599 for one in value):
        raise ValueError(f"{name} must be a list of HTTP statuses from 400 to 599")
    return value
