"""The Prometheus metrics of a media worker.

No metric is updated on the frame path: calls count their frames, and add the sum at their end.
"""

import os
from functools import cache, cached_property

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shared.process_metrics import ProcessMetrics

LATENCY_BUCKETS_S = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0)
TEACHER_BUCKETS_S = (0.025, 0.05, 0.075, 0.1, 0.125, 0.15)
FAILOVER_BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0, 8.0)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The metrics of a worker. With PROMETHEUS_MULTIPROC_DIR, every worker process returns the metrics of all."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.process = ProcessMetrics("media", registry)
        self.calls_active = Gauge(
            "vocalized_media_calls_active", "Calls running now", registry=registry, multiprocess_mode="livesum"
        )
        self.calls_max = Gauge(
            "vocalized_media_calls_max", "Calls that may run at once", registry=registry, multiprocess_mode="livesum"
        )
        self.pending_sockets = Gauge(
            "vocalized_media_waiting", "Sockets without a call yet", registry=registry, multiprocess_mode="livesum"
        )
        self.draining = Gauge(
            "vocalized_media_draining", "1 while draining", registry=registry, multiprocess_mode="livemax"
        )
        text = "End of caller speech to first agent audio, by stage"
        self.latency = self._histogram("answer_seconds", text, "stage", buckets=LATENCY_BUCKETS_S)
        # Several events of each turn update these metrics. Each child is looked up once, because `labels` costs more
        # than the update itself.
        self.latency_of = cache(self.latency.labels)
        self.calls = self._counter("calls", "Calls ended", "carrier", "end_reason")
        self.refused = self._counter("refused", "Streams refused", "reason")
        self.wire_errors = self._counter("wire_errors", "Protocol errors", "code")
        self.messages = self._counter("messages", "Carrier messages received")
        self.unknown_messages = self._counter("unknown_messages", "Carrier messages passed over", "kind")
        self.interruptions = self._counter("interruptions", "Turns taken by the caller")
        self.false_interruptions = self._counter("false_interruptions", "Interruptions taken back")
        self.prepared_answers = self._counter("prepared_answers", "Answers asked for before the turn's end", "outcome")
        self.bus_failures = self._counter("bus_failures", "Times that Redis did not answer", "part")
        self.events_sent = self._counter("events_sent", "Events that Redis took")
        self.events_spooled = self._counter("events_spooled", "Events that went to the disk first")
        self.events_lost = self._counter("events_lost", "Events for which neither memory nor disk had room")
        self.recordings = self._counter("recordings", "Recordings on their way to storage", "outcome")
        self.recording_seconds_lost = self._counter("recording_seconds_lost", "Recorded seconds that the disk refused")
        self.failovers = self._counter("failovers", "Providers that failed", "kind", "provider")
        text = "How long callers waited in vain for a provider that failed"
        self.failover_cost = self._histogram("failover_cost_seconds", text, "kind", "stage", buckets=FAILOVER_BUCKETS_S)
        self.usage = self._counter("usage", "What providers consumed, in the unit", "kind", "provider", "unit")
        self.usage_of = cache(self.usage.labels)
        self.listeners = Gauge(
            "vocalized_media_listeners",
            "People who listen to calls now",
            registry=registry,
            multiprocess_mode="livesum",
        )
        text = "Audio that listeners' connections did not take in time, in seconds of the call"
        self.listener_seconds_dropped = self._counter("listener_seconds_dropped", text)
        self.requests = self._counter("requests", "Requests to control", "outcome")
        self.provider_ejected = Gauge(
            "vocalized_media_provider_ejected",
            "Accounts of the provider that are out of service",
            ["kind", "provider"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self.provider_transitions = self._counter(
            "provider_transitions", "Providers ejected and healed", "kind", "provider", "to"
        )

    @cached_property
    def teacher_requests(self) -> Counter:
        """The counter of requests to the teacher. It is created only if a teacher is used."""
        text = "Requests to the language model that judges callers' words"
        return self._counter("turn_teacher_requests", text, "outcome")

    @cached_property
    def teacher_answer(self) -> Histogram:
        """The histogram of the teacher's answers. It is created only if a teacher is used."""
        text = "Answers of the language model that judges callers' words"
        return self._histogram("turn_teacher_answer_seconds", text, buckets=TEACHER_BUCKETS_S)

    @cached_property
    def bus_up(self) -> Gauge:
        """The gauge of the bus. It is created with the first heartbeat, so that no alert about Redis fires in
        stand-alone mode."""
        return Gauge(
            "vocalized_media_bus_up", "1 while Redis answers", registry=self.registry, multiprocess_mode="livemin"
        )

    def count_prepared_answer(self, is_used: bool) -> None:
        """Count an answer that was requested before the end of the turn.

        Args:
            is_used: The answer was used. Otherwise, it was dropped because the caller continued.
        """
        self.prepared_answers.labels("used" if is_used else "dropped").inc()

    def render(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not folder:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped
        return generate_latest(registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"vocalized_media_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, *labels: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"vocalized_media_{name}", text, labels, registry=self.registry, buckets=buckets)
