"""Metrics of requests to the teacher."""

from media.providers.turn_teacher.client import Outcome
from media.server.metrics import Metrics


class TeacherReporter:
    """The client's `TeacherObserver`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def count_request(self, outcome: Outcome) -> None:
        """Count a request by its outcome."""
        self._metrics.teacher_requests.labels(outcome).inc()

    def time_answer(self, seconds: float) -> None:
        """Observe the duration of an answer."""
        self._metrics.teacher_answer.observe(seconds)
