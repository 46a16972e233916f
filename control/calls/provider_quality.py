"""How the providers did in a call, from its events: the same in any order."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from control.analytics.latency import add_turn
from control.calls.state import CallState
from shared.events import ProviderFailed, TurnLatency

# The part of a turn's latency that each role takes.
_PARTS: Final[Mapping[str, str]] = {"stt": "stt_ms", "llm": "llm_first_token_ms", "tts": "tts_first_byte_ms"}


def add_latency(state: CallState, event: TurnLatency) -> CallState:
    """Adds a turn to the histograms."""
    before = state.details.latency
    parts = {role: add_turn(before.get(role, {}), getattr(event, name)) for role, name in _PARTS.items()}
    return replace(state, details=replace(state.details, latency={**before, **parts}))


def add_failure(state: CallState, event: ProviderFailed) -> CallState:
    """The provider failed in this call, however often."""
    before = state.details.failed_providers or {}
    names = tuple(sorted({*before.get(event.kind, ()), event.provider}))
    return replace(state, details=replace(state.details, failed_providers={**before, event.kind: names}))


def complete_failures(state: CallState) -> CallState:
    """A stream of the call has ended: providers of which no failure was reported did not fail."""
    if state.details.failed_providers is not None:
        return state
    return replace(state, details=replace(state.details, failed_providers={}))
