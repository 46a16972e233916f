"""Prometheus metrics of the requests of running calls."""

from prometheus_client import CollectorRegistry, Counter, Histogram

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class MediaRequestMetrics:
    """Metrics of media nodes' requests.

    Args:
        registry: The program's registry. Without a registry, the metrics are not published.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry if registry is not None else CollectorRegistry()
        self.requests = Counter(
            "vocalized_control_media_requests",
            "Requests of running calls, by outcome",
            ["name", "outcome"],
            registry=registry,
        )
        self.seconds = Histogram(
            "vocalized_control_media_request_seconds",
            "From taking a request to its reply",
            ["name"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.dropped = Counter(
            "vocalized_control_media_requests_dropped",
            "Requests that were not answered",
            ["reason"],
            registry=registry,
        )
