"""The vendor-specific part of a `socket_recognizer` session: rules and a dialect."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from media.providers.ports import ProviderError, RecognizedText, TurnSignal
from shared.providers.errors import make_closed


class RecognizerLine(Protocol):
    """The functions of a session that its dialect uses. After the session is over, all of them do nothing."""

    @property
    def position_ms(self) -> float:
        """The duration of the audio that was pushed so far."""

    @property
    def is_waiting(self) -> bool:
        """Whether the dialect's deadline is running."""

    def flush(self) -> None:
        """Send audio that is shorter than a chunk, if the vendor accepts it."""

    def take_unsent(self) -> bytes:
        """Remove and return audio that is shorter than a chunk, so that the dialect can send it."""

    def send(self, message: bytes | str) -> None:
        """Send a text message."""

    def report(self, event: RecognizedText | TurnSignal) -> None:
        """Pass an event to the session's sink."""

    def wait(self, seconds: float) -> None:
        """Replace the deadline. `expire` is called when it passes."""

    def cancel_wait(self) -> None:
        """Remove the deadline."""


class RecognizerDialect(Protocol):
    """Encodes and interprets the messages of one vendor, and holds the transcript of one session."""

    @property
    def is_ready(self) -> bool:
        """Whether the vendor has accepted the key and the settings. True from the start if the vendor does not confirm
        them."""

    def opened(self, line: RecognizerLine) -> None:
        """Send the first messages of a session on the open connection."""

    def pushed(self, line: RecognizerLine) -> None:
        """Called after each piece of pushed audio."""

    def started(self, line: RecognizerLine) -> None:
        """Called when the caller has begun to speak."""

    def finalize(self, line: RecognizerLine, token: int) -> None:
        """Request the text of all audio pushed so far, as in `SpeechToTextSession.finalize`."""

    def next_turn(self, line: RecognizerLine) -> None:
        """Called when the current turn's text was used."""

    def read(self, line: RecognizerLine, message: bytes) -> None:
        """Read a text message and report its content. Raises ProviderError."""

    def expire(self, line: RecognizerLine) -> None:
        """Called when the deadline has passed."""


def unrefined(error: ProviderError) -> ProviderError:
    """Return the error of a refused handshake unchanged, for vendors whose HTTP status is specific enough."""
    return error


@dataclass(frozen=True, slots=True)
class ListenRules:
    """The rules that apply to all sessions with a vendor.

    Attributes:
        make_closed: Creates the error for a provider's name, a close code and its reason.
        refine_refusal: Makes the error of a refused handshake more specific, based on the vendor's answer.
        chunk_bytes: The minimum number of bytes of mu-law audio in a message.
        most_bytes: The maximum number of bytes of mu-law audio in a message.
        keeps_rest: The vendor accepts only whole chunks, so a shorter rest is not sent.
        encode: Returns the text message for audio. If it is None, audio is sent as it is, in a binary message.
        keep_alive: The message that is sent after keep_alive_s without audio. Empty if the vendor needs none.
        close_message: The message that ends a session. If it is None, only a close frame is sent.
        aborts_politely: Send close_message also after a failure, because the vendor bills until it arrives.
    """

    make_closed: Callable[[str, int, str], ProviderError] = make_closed
    refine_refusal: Callable[[ProviderError], ProviderError] = unrefined
    chunk_bytes: int = 1
    most_bytes: int = 1 << 30
    keeps_rest: bool = False
    encode: Callable[[bytes], bytes] | None = None
    keep_alive: bytes | str = ""
    keep_alive_s: float = 0.0
    close_message: str | None = None
    aborts_politely: bool = False
