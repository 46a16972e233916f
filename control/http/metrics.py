"""Prometheus metrics of requests. With several processes, PROMETHEUS_MULTIPROC_DIR makes each report the total."""

import os

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from shared.process_metrics import ProcessMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
UNMATCHED = "unmatched"
# Requests without a route are counted under a single name, because each label value takes memory and clients choose
# paths.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_Key = tuple[str, str, int]


class HttpMetrics:
    """Counts requests by route template, method and status class (2xx), and measures durations by route template and
    method.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.process = ProcessMetrics("control", registry)
        self.requests = Counter(
            "vocalized_control_requests", "Requests answered", ["route", "method", "status"], registry=registry
        )
        self.seconds = Histogram(
            "vocalized_control_request_seconds",
            "From the request's head to the response's",
            ["route", "method"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.limits_skipped = Counter(
            "vocalized_control_limits_away",
            "Rate limits counted in the process because Redis was unavailable",
            registry=registry,
        )
        self.transaction_retries = Counter(
            "vocalized_control_transaction_repeats", "Transactions that collided and were retried", registry=registry
        )
        self._children: dict[_Key, tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: The route's template, or UNMATCHED.
        """
        key = (route, method if method in METHODS else "other", status // 100)
        children = self._children.get(key)
        if children is None:
            children = self._children[key] = (
                self.requests.labels(key[0], key[1], f"{key[2]}xx"),
                self.seconds.labels(key[0], key[1]),
            )
        children[0].inc()
        children[1].observe(seconds)

    def render(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
        if not folder:
            return generate_latest(self.registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client leaves it untyped
        return generate_latest(registry)
