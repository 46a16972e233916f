"""Sockets without a call yet. Anybody may open one, so they are bounded by themselves and take no call's place."""

from media.server.connection import Connection
from media.server.metrics import Metrics


class Lobby:
    """In the order in which they came; most: how many.

    One that is new takes the place of the longest that has nothing to say: a carrier brings its start within a round
    trip, so who holds sockets open and is silent keeps no call out.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most, self._metrics = most, metrics
        self._waiting: dict[Connection, None] = {}

    @property
    def crowded(self) -> bool:
        """Full of sockets whose plans are being claimed: there is no place for another."""
        return len(self._waiting) >= self._most and self._silent() is None

    def enter(self, connection: Connection) -> None:
        """A socket was opened."""
        if len(self._waiting) >= self._most and (silent := self._silent()) is not None:
            self.leave(silent)
            silent.make_way()
            self._metrics.refused.labels("made_way").inc()
        self._waiting[connection] = None
        self._metrics.waiting.inc()

    def leave(self, connection: Connection) -> None:
        """It has its call, or is over; one that is not here is ignored."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._metrics.waiting.dec()

    def _silent(self) -> Connection | None:
        return next((connection for connection in self._waiting if not connection.claiming), None)
