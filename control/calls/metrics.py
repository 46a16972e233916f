"""Metrics of the consumer of media's events."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from control.calls.event_consumer import EventCounts


class EventMetrics(Collector):
    """The consumer's counts at the time of the scrape."""

    def __init__(self, counts: EventCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[CounterMetricFamily]:
        """One family of events, one of pauses."""
        counts = self._counts
        events = CounterMetricFamily(
            "vocalized_worker_events", "Events of media by what became of them", None, ["outcome"]
        )
        events.add_metric(["written"], counts.written)
        events.add_metric(["repeated"], counts.repeated)
        events.add_metric(["set_aside"], counts.set_aside)
        events.add_metric(["unknown"], counts.unknown)
        waits = "Times that events waited for PostgreSQL or Redis"
        return events, CounterMetricFamily("vocalized_worker_event_pauses", waits, counts.pauses)
