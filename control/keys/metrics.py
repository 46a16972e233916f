"""Metrics of forged entries on the bus."""

from prometheus_client import CollectorRegistry, Counter


class BusMetrics:
    """Counts by kind and reason; see `ReportForged`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._forged = Counter(
            "vocalized_control_bus_forged",
            "Entries of the bus that were ignored, because nobody who may say so has written them",
            ["kind", "reason"],
            registry=registry,
        )

    def count_forged(self, kind: str, reason: str) -> None:
        """Count a forged entry."""
        self._forged.labels(kind, reason).inc()
