"""The limits of a media worker."""

from dataclasses import dataclass

from media.call.disk_backlog import MOST_BYTES


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """Limits of one worker process.

    max_calls: concurrent calls; further streams are refused with 503.
    max_pending: concurrent sockets without a call; all callers of a lost node may come at once.
    max_message_bytes: longest WebSocket message from a carrier.
    max_messages_per_s: messages of one socket per second.
    start_timeout_s: a socket must send its `start` within this time.
    receive_timeout_s: a started stream that sends no frame for this long, not even an answer to a ping, counts as dead.
    send_timeout_s: a socket that accepts no data for this long counts as dead.
    max_outbox_bytes: bytes of audio and marks queued for one socket.
    max_recording_backlog_bytes: recorded sound that waits for the disk; more is lost, and counted.
    drain_timeout_s: how long running calls may continue after SIGTERM.
    max_listeners: people who listen to calls of this worker at once; further ones are refused with 503.
    listener_stall_s: a listener's socket that accepts no data for this long is closed.
    listener_requests_at_once, listener_requests_per_s: whispers, pauses and takings of the line of one session.
    teacher_calls: calls that may ask the teacher; one that begins beside as many others does not.
    """

    max_calls: int = 400
    max_pending: int = 1_000
    max_message_bytes: int = 65_536
    max_messages_per_s: int = 1_000
    start_timeout_s: float = 5.0
    receive_timeout_s: float = 10.0
    send_timeout_s: float = 5.0
    max_outbox_bytes: int = 4_000_000
    max_recording_backlog_bytes: int = MOST_BYTES
    drain_timeout_s: float = 3_600.0
    max_listeners: int = 200
    listener_stall_s: float = 5.0
    listener_requests_at_once: int = 10
    listener_requests_per_s: float = 1.0
    teacher_calls: int = 50
