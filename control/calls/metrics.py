"""What Prometheus is told about media's events on their way into the records."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from control.calls.sink import Counts


class EventFigures(Collector):
    """The sink's counts, as they are when Prometheus asks."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[CounterMetricFamily]:
        """One family of events, one of waits."""
        counts = self._counts
        told = CounterMetricFamily(
            "vocalized_worker_events", "Events of media by what became of them", None, ["outcome"]
        )
        told.add_metric(["written"], counts.written)
        told.add_metric(["repeated"], counts.repeated)
        told.add_metric(["set_aside"], counts.set_aside)
        told.add_metric(["unknown"], counts.unknown)
        waits = "Times that events waited for PostgreSQL or Redis"
        return told, CounterMetricFamily("vocalized_worker_event_pauses", waits, counts.pauses)
