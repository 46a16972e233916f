"""Checks whether Redis answers."""

import structlog

from media.server.metrics import Metrics

log = structlog.get_logger()


class BusHealth:
    """Whether Redis answered the node's latest heartbeat. Each change is logged once."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.unavailable = True  # until the first answer
        self._outage_logged = False

    def report_up(self) -> None:
        """Record that Redis answered."""
        if self.unavailable:
            log.info("bus.connected")
        self.unavailable = self._outage_logged = False
        self._metrics.bus_up.set(1)

    def report_down(self, error: str) -> None:
        """Record that Redis did not answer."""
        if not self._outage_logged:
            log.warning("bus.disconnected", error=error)
        self.unavailable = self._outage_logged = True
        self._metrics.bus_up.set(0)
