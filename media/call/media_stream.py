"""The port through which a call sends audio to its carrier."""

from typing import Protocol


class MediaStream(Protocol):
    """Sends the call's audio to its carrier. Nothing blocks: messages are queued and sent in order."""

    def play(self, ulaw: bytes) -> None:
        """Queue agent audio (mu-law 8 kHz). The carrier buffers it and plays it in real time."""

    def mark(self, name: str) -> None:
        """Request `name` back once everything queued before it has been played."""

    def clear(self) -> None:
        """Drop what the carrier has buffered. Pending marks then come back at once."""

    def hang_up(self) -> None:
        """End the stream after everything queued here has been sent."""
