"""Ends a call from our side: plays the last words within a time limit, then closes the stream."""

from collections.abc import Callable
from typing import Final

from media.call.media_stream import MediaStream
from shared.events import EndReason

# The line is closed after this time if the last words, or the report of their end, never arrive.
LONGEST_GOODBYE_MS = 20_000.0
# The agent's own reasons: a caller who speaks over the goodbye has more to say, so the conversation continues.
_REVOCABLE: Final[frozenset[EndReason]] = frozenset({"agent_hangup", "silence"})
# These never replace another reason.
_FIRST_ONLY: Final[frozenset[EndReason]] = _REVOCABLE | {"provider_error"}


class CallTermination:
    """Why and how a call ends. There is at most one ending per call.

    The first reason stays, unless it is a goodbye that the caller may interrupt: a limit, or a decision from outside,
    replaces it.

    Attributes:
        reason: None while the call is not being ended.
        transfer_number: The number to which the caller is transferred (E.164); empty for no transfer.
        conference: Where the target waits for the caller; empty if the target has not been called yet.
        unsaid_words: Words for the caller that the agent could not say. The carrier says them once the stream is
            over.
    """

    def __init__(self, stream: MediaStream, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._since = 0.0
        self._closed = False
        self.reason: EndReason | None = None
        self.detail = ""
        self.transfer_number = self.conference = ""
        self.unsaid_words = ""

    @property
    def is_final(self) -> bool:
        """Whether the call ends whatever the caller says."""
        return self._closed or (self.reason is not None and self.reason not in _REVOCABLE)

    def begin(self, reason: EndReason, detail: str, *, after_speech: bool) -> None:
        """End the call: at once, or when the agent's current words have been played."""
        if self._replaces(reason):
            self.reason, self.detail, self._since = reason, detail, self._clock()
        if not after_speech:
            self._close()

    def transfer(self, number: str, *, after_speech: bool, detail: str = "", conference: str = "") -> None:
        """End the call to transfer the caller. Control transfers once the stream is over."""
        if self._replaces("transferred"):
            self.transfer_number, self.conference = number, conference
        self.begin("transferred", detail, after_speech=after_speech)

    def interrupted(self) -> None:
        """Called when the caller spoke over the last words.

        The agent's own goodbye, or the goodbye after silence, is revoked. Any other decision is carried out at once.
        """
        if not self.is_final:
            self.reason, self.detail = None, ""
        self.agent_finished()

    def agent_finished(self) -> None:
        """Called when the agent's words were played to their end."""
        if self.reason is not None:
            self._close()

    def tick(self, now: float, is_agent_sounding: bool = False) -> None:
        """Close the stream if the last words take too long. The time does not run while the agent is audible."""
        if is_agent_sounding:
            self._since = now
        if self.reason is not None and now - self._since > LONGEST_GOODBYE_MS:
            self._close()

    def _replaces(self, reason: EndReason) -> bool:
        return self.reason is None or (not self.is_final and reason not in _FIRST_ONLY)

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._stream.hang_up()
