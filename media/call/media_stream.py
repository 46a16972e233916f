"""The port through which a call sends audio to its carrier."""

from typing import Protocol


class MediaStream(Protocol):
    """What a call sends to its carrier. Nothing here blocks: messages are queued and sent in order."""

    def play(self, ulaw: bytes) -> None:
        """Queues agent audio (mu-law 8 kHz); the carrier buffers it and plays it in real time."""

    def mark(self, name: str) -> None:
        """Asks for `name` back once everything queued before it has been played."""

    def clear(self) -> None:
        """Drops what the carrier has buffered; pending marks then come back at once."""

    def hang_up(self) -> None:
        """Ends the stream after everything queued here has been sent."""
