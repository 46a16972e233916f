"""What is asked of the network itself over HTTP: bodies read strictly, errors that name the field."""

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from simulator.carrier.clip import ClipError, read_clip
from simulator.carrier.network.hooks import Faults
from simulator.carrier.network.people import Listener
from simulator.carrier.network.world import Behaviour, Subscriber

_REST = ("twilio_rest", "telnyx_rest", "twilio_lost", "telnyx_lost")


def read_subscriber(told: object) -> Subscriber:
    """Raises ValueError that names the field."""
    if not isinstance(told, dict):
        raise ValueError("an object is wanted")
    behaviour = told.get("behaviour", "answer")
    known: tuple[Behaviour, ...] = get_args(Behaviour)
    if behaviour not in known:
        raise ValueError(f"behaviour must be one of {', '.join(known)}")
    ring_ms, greeting_ms = told.get("ring_ms", 200), told.get("greeting_ms", 3_000)
    for name, value in (("ring_ms", ring_ms), ("greeting_ms", greeting_ms)):
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 600_000:
            raise ValueError(f"{name} must be 0 to 600000")
    say = told.get("say", "")
    if not isinstance(say, str):
        raise ValueError("say must be a path, or blank")
    try:
        sound = read_clip(Path(say)).ulaw if say else b""
    except ClipError as error:
        raise ValueError(f"say: {error}") from error
    party = (lambda: Listener(sound)) if sound else None
    return Subscriber(behaviour, ring_ms / 1_000, party, greeting_ms / 1_000)


def read_faults(told: object) -> tuple[Faults, Mapping[str, list[int]]]:
    """Faults of webhooks, and the statuses of failing REST requests by side. Raises ValueError that names the field."""
    if not isinstance(told, dict):
        raise ValueError("an object is wanted")
    known = ("duplicate", "shuffle_s", "delay_s", "drop_first", *_REST)
    for name in told:
        if name not in known:
            raise ValueError(f"unknown field {name!r}; known: {', '.join(known)}")
    faults = Faults(
        _truth(told, "duplicate"), _seconds(told, "shuffle_s"), _seconds(told, "delay_s"), _truth(told, "drop_first")
    )
    return faults, {name: _statuses(told, name) for name in _REST}


def _truth(told: Mapping[str, object], name: str) -> bool:
    value = told.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false")
    return value


def _seconds(told: Mapping[str, object], name: str) -> float:
    value = told.get(name, 0.0)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 600:
        raise ValueError(f"{name} must be 0 to 600")
    return float(value)


def _statuses(told: Mapping[str, object], name: str) -> list[int]:
    value = told.get(name, [])
    if not isinstance(value, list) or not all(isinstance(one, int) and 400 <= one <= 599 for one in value):
        raise ValueError(f"{name} must be a list of HTTP statuses from 400 to 599")
    return value
