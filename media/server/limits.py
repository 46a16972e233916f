"""The limits of a media worker."""

from dataclasses import dataclass

from media.call.disk_backlog import MOST_BYTES


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """The limits of one worker process.

    Attributes:
        max_calls: The maximum number of concurrent calls. Further streams are refused with 503.
        max_pending: The maximum number of concurrent sockets without a call. All callers of a lost node may arrive at
            once.
        max_message_bytes: The maximum length of a WebSocket message from a carrier.
        max_messages_per_s: The maximum number of messages from one socket per second.
        start_timeout_s: The time within which a socket must send its `start`.
        receive_timeout_s: A started stream that sends no frame for this long, not even an answer to a ping, counts as
            dead.
        send_timeout_s: A socket that accepts no data for this long counts as dead.
        max_outbox_bytes: The maximum number of bytes of audio and marks that are queued for one socket.
        max_recording_backlog_bytes: The maximum amount of recorded audio that waits for the disk. Further audio is lost
            and counted.
        drain_timeout_s: How long running calls may continue after SIGTERM.
        max_listeners: The maximum number of people who listen to calls of this worker. Further ones are refused with
            503.
        listener_stall_s: A listener's socket that accepts no data for this long is closed.
        listener_requests_at_once: The burst of whispers, pauses and takeovers that one session may send.
        listener_requests_per_s: The rate of these requests after the burst.
        teacher_calls: The maximum number of concurrent calls that use the teacher. Calls beyond this number start
            without it.
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
