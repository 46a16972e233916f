"""Makes the rules of turn-taking that a call's plan asks for."""

from dataclasses import replace

from media.turn.endpoint import TurnRules
from shared.plan import TurnPlan


def make_turn_rules(turn: TurnPlan, language: str) -> TurnRules:
    """The plan's settings for a call in this language; the rest are the defaults."""
    rules = TurnRules(
        turn.silence_ms,
        adaptive=turn.adaptive,
        barge_in=turn.barge_in not in (False, "off"),
        min_words=turn.min_words,
        language=language,
    )
    if turn.speculate is False:
        rules = replace(rules, prepare_ms=0)
    return replace(rules, nod_ms=0) if turn.barge_in == "eager" else rules
