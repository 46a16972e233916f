"""Makes the rules of turn-taking from a call's plan."""

from dataclasses import replace
from typing import Final

from msgspec import UNSET

from media.turn.endpoint import TurnRules
from shared.plan import Patience, TurnPlan

# The cost of cutting the caller off, in ms of waiting, and the earliest answer.
PRICES_MS: Final[dict[Patience, tuple[int, int]]] = {
    "quick": (1_000, 600),
    "normal": (2_000, 640),
    "patient": (5_000, 900),
}


def make_turn_rules(turn: TurnPlan, language: str) -> TurnRules:
    """Return the plan's settings for a call in this language, with defaults for the rest."""
    price_ms, earliest_ms = PRICES_MS["normal" if turn.patience is UNSET else turn.patience]
    rules = TurnRules(
        turn.silence_ms,
        adaptive=turn.adaptive,
        barge_in=turn.barge_in not in (False, "off"),
        min_words=turn.min_words,
        language=language,
        price_ms=price_ms,
        earliest_ms=earliest_ms,
    )
    if turn.speculate is False:
        rules = replace(rules, prepare_ms=0)
    return replace(rules, nod_ms=0) if turn.barge_in == "eager" else rules
