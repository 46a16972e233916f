"""Metrics of forged entries on the bus."""

from prometheus_client import CollectorRegistry, Counter


class BusMetrics:
    """Counts forged bus entries by kind and reason. See `ReportForged`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._forged = Counter(
            "vocalized_control_bus_forged",
            "Bus entries that were ignored because their author is not authorized",
            ["kind", "reason"],
            registry=registry,
        )

    def count_forged(self, kind: str, reason: str) -> None:
        """Count a forged entry."""
        self._forged.labels(kind, reason).inc()
