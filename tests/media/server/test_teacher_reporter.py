"""The metrics of the requests to the teacher."""

from media.providers.turn_teacher.client import Outcome
from media.server.metrics import Metrics
from media.server.teacher_reporter import TeacherReporter


def test_requests_are_counted_by_outcome_and_answers_timed() -> None:
    metrics = Metrics()
    reporter = TeacherReporter(metrics)
    outcomes: list[Outcome] = ["answered", "late", "late"]
    for outcome in outcomes:
        reporter.count_request(outcome)
    reporter.time_answer(0.06)
    found = metrics.registry.get_sample_value
    assert found("vocalized_media_turn_teacher_requests_total", {"outcome": "answered"}) == 1
    assert found("vocalized_media_turn_teacher_requests_total", {"outcome": "late"}) == 2
    assert found("vocalized_media_turn_teacher_answer_seconds_bucket", {"le": "0.05"}) == 0
    assert found("vocalized_media_turn_teacher_answer_seconds_bucket", {"le": "0.075"}) == 1
