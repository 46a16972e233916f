"""The rules of turn-taking that a plan asks for."""

import pytest

from media.call.plan_turns import make_turn_rules
from media.turn.endpoint import TurnRules
from shared.plan import BargeIn, TurnPlan


def test_the_plan_s_settings_are_taken() -> None:
    plan = TurnPlan(silence_ms=700, adaptive=False, min_words=2)
    assert make_turn_rules(plan, "de") == TurnRules(700, adaptive=False, min_words=2, language="de")


@pytest.mark.parametrize(
    ("barge_in", "may_interrupt", "nod_ms"),
    [(True, True, 520), ("polite", True, 520), ("eager", True, 0), (False, False, 520), ("off", False, 520)],
)
def test_barge_in_has_three_ways(barge_in: bool | BargeIn, may_interrupt: bool, nod_ms: int) -> None:
    rules = make_turn_rules(TurnPlan(barge_in=barge_in), "en")
    assert (rules.barge_in, rules.nod_ms) == (may_interrupt, nod_ms)


@pytest.mark.parametrize(("plan", "prepare_ms"), [(TurnPlan(), 600), (TurnPlan(speculate=False), 0)])
def test_answers_are_asked_for_early_unless_the_plan_forbids_it(plan: TurnPlan, prepare_ms: int) -> None:
    assert make_turn_rules(plan, "en").prepare_ms == prepare_ms
