"""The plan with which judging is measured: both judges are asked of its words."""

import json

import msgspec

from lab.benchmarks.judges import MODEL, PLAN, TEACHER, judged_loads, judges_table
from lab.benchmarks.results import judge
from media.turn.completeness import load_completeness_model
from media.turn.second_opinion import is_uncertain
from shared.plan import CallPlan


def test_both_judges_are_asked_of_the_words() -> None:
    plan = msgspec.json.decode(PLAN.read_bytes(), type=CallPlan)
    assert plan.turn.adaptive
    text = json.loads(PLAN.read_text())["stt"][0]["options"]["text"]
    (probability,) = load_completeness_model().probabilities([text])
    assert is_uncertain(probability)
    assert str(PLAN) in MODEL.arguments and "VOCALIZED_MEDIA_TURN_TEACHER" in TEACHER.environment


def test_each_way_of_judging_has_a_line() -> None:
    loads = judged_loads(400, 40)
    result = judge([], [], 0, 60.0, [], 0.1)
    lines = list(judges_table(loads, [result] * len(loads)))
    assert [line.split(" | ")[1] for line in lines[2:]] == ["400", "400", "40", "40"]
    assert "| Vocalized media, words judged by the model | 400 | - | 2 | 0, 0 |" in lines
