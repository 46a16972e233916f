"""Sockets that have no call yet.

Anyone can open a socket, so sockets without a call have their own limit and use no capacity for calls.
"""

from media.server.connection import StreamConnection
from media.server.metrics import Metrics


class PendingSockets:
    """The sockets without a call, in the order in which they were opened, with a maximum number (`most`).

    At the limit, a new socket evicts the oldest socket that has sent nothing. A carrier sends its start within a round
    trip, so an attacker who holds silent sockets open cannot block calls.
    """

    def __init__(self, most: int, metrics: Metrics) -> None:
        self._most, self._metrics = most, metrics
        self._waiting: dict[StreamConnection, None] = {}

    @property
    def is_full(self) -> bool:
        """Whether the limit is reached and all sockets are claiming their plans, so that none can be evicted."""
        return len(self._waiting) >= self._most and self._silent() is None

    def add(self, connection: StreamConnection) -> None:
        """Add a newly opened socket."""
        if len(self._waiting) >= self._most and (silent := self._silent()) is not None:
            self.remove(silent)
            silent.evict()
            self._metrics.refused.labels("made_way").inc()
        self._waiting[connection] = None
        self._metrics.pending_sockets.inc()

    def remove(self, connection: StreamConnection) -> None:
        """Remove a socket that got its call or was closed. Unknown sockets are ignored."""
        if connection in self._waiting:
            del self._waiting[connection]
            self._metrics.pending_sockets.dec()

    def _silent(self) -> StreamConnection | None:
        return next((connection for connection in self._waiting if not connection.is_claiming_plan), None)
