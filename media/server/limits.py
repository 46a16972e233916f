"""Every limit of a media worker, with its unit."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one worker process.

    max_calls: calls at once; further streams are refused with 503.
    max_waiting: sockets at once that have no call yet; a full node's callers may all come at once from a lost one.
    max_message_bytes: longest WebSocket message from a carrier.
    max_messages_per_s: messages of one socket within any second.
    start_timeout_s: a socket must bring its `start` within this time.
    receive_timeout_s: a started stream that sends nothing for this long is dead.
    send_timeout_s: a socket that takes no data for this long is dead.
    max_outbox_bytes: audio and marks waiting for one socket.
    drain_timeout_s: how long running calls may go on after SIGTERM.
    """

    max_calls: int = 1_000
    max_waiting: int = 1_000
    max_message_bytes: int = 65_536
    max_messages_per_s: int = 1_000
    start_timeout_s: float = 5.0
    receive_timeout_s: float = 10.0
    send_timeout_s: float = 5.0
    max_outbox_bytes: int = 4_000_000
    drain_timeout_s: float = 3_600.0
