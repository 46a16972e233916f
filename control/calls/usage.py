"""A call's usage as numbers, computed from its costs in the ledger."""

from collections.abc import Iterable, Mapping
from typing import Final

from control.billing.model import ResourceCost

# The number that a resource's unit is part of, as in CallUsage (shared/events.py).
_NUMBERS: Final[Mapping[tuple[str, str], str]] = {
    ("stt", "ms"): "stt_ms",
    ("llm", "prompt_tokens"): "llm_prompt_tokens",
    ("llm", "cached_tokens"): "llm_prompt_tokens",
    ("llm", "cache_write_tokens"): "llm_prompt_tokens",
    ("llm", "completion_tokens"): "llm_completion_tokens",
    ("tts", "characters"): "tts_characters",
}


def make_usage(reported: Mapping[str, int] | None, costs: Iterable[ResourceCost]) -> Mapping[str, int] | None:
    """What the ledger holds replaces what media reported at the end; None where neither says anything.

    While the call runs, only the ledger's numbers are known.
    """
    booked: dict[str, int] = {}
    for cost in costs:
        name = _NUMBERS.get((cost.resource_type, cost.unit))
        if name is not None:
            booked[name] = booked.get(name, 0) + int(cost.quantity)
    return {**(reported or {}), **booked} if booked else reported
