"""The vendor-specific part of a `socket_recognizer` session: rules and a dialect."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from media.providers.ports import ProviderError, RecognizedText, TurnSignal
from shared.providers.errors import make_closed


class RecognizerLine(Protocol):
    """What a session does for its dialect. Once the session is over, all of it does nothing."""

    @property
    def position_ms(self) -> float:
        """Audio that was pushed so far."""

    @property
    def is_waiting(self) -> bool:
        """Whether the dialect's deadline runs."""

    def flush(self) -> None:
        """Sends audio that is less than a chunk, if the vendor takes it."""

    def take_unsent(self) -> bytes:
        """Audio that is less than a chunk; the dialect sends it."""

    def send(self, message: bytes | str) -> None:
        """Sends a text message."""

    def report(self, event: RecognizedText | TurnSignal) -> None:
        """Passes an event on."""

    def wait(self, seconds: float) -> None:
        """Sets the deadline, in place of the one before: then `expire` is called."""

    def cancel_wait(self) -> None:
        """Sets no deadline."""


class RecognizerDialect(Protocol):
    """What one vendor's messages are and mean, with the transcript of one session."""

    @property
    def is_ready(self) -> bool:
        """Whether the vendor has accepted key and settings; from the start where it does not say so."""

    def opened(self, line: RecognizerLine) -> None:
        """The connection is there: sends what a session begins with."""

    def pushed(self, line: RecognizerLine) -> None:
        """A piece of audio came."""

    def started(self, line: RecognizerLine) -> None:
        """The caller began to speak a moment ago."""

    def finalize(self, line: RecognizerLine, token: int) -> None:
        """Asks for the text of all audio pushed so far, as `SpeechToTextSession.finalize`."""

    def next_turn(self, line: RecognizerLine) -> None:
        """The current turn's text has been taken."""

    def read(self, line: RecognizerLine, message: bytes) -> None:
        """Takes a text message, and reports what it says. Raises ProviderError."""

    def expire(self, line: RecognizerLine) -> None:
        """The deadline has passed."""


def unrefined(error: ProviderError) -> ProviderError:
    """The error of a refused handshake, where its status says all."""
    return error


@dataclass(frozen=True, slots=True)
class ListenRules:
    """What holds for all sessions with a vendor.

    make_closed: the error for a provider, a close code and its reason. refine_refusal: that of a refused handshake, by
    its answer.
    chunk_bytes: of mu-law audio in a message, at least; most_bytes: at most. keeps_rest: the vendor takes no less than
    a chunk, so that the rest stays behind. encode: the text message for audio; None: it goes as it is, in a binary one.
    keep_alive: the message after keep_alive_s without audio, empty where none is needed.
    close_message: ends the session; None: the close frame alone does. aborts_politely: sends it also when a session
    failed, because the vendor bills until then.
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
