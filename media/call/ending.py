"""How a call that we end comes to its end: last words are played out, then the line is closed, and it is bounded."""

from collections.abc import Callable
from typing import Final

from media.call.line import Line
from shared.events import EndReason

# Last words that never come, or whose end is never told, do not keep the line open for longer than this.
LONGEST_GOODBYE_MS = 20_000.0
# The agent's own endings: a caller who speaks over their goodbye has more to say, and the conversation goes on.
_TAKEN_BACK: Final[frozenset[EndReason]] = frozenset({"agent_hangup", "silence"})
# These begin a call's end, and change no other's reason: whatever else is decided holds whatever the caller says.
_FIRST_ONLY: Final[frozenset[EndReason]] = _TAKEN_BACK | {"provider_error"}


class Ending:
    """At most one ending per call. The first reason stands, unless it is a goodbye that the caller may take back: a
    limit's or somebody else's decision takes its place."""

    def __init__(self, line: Line, clock: Callable[[], float]) -> None:
        self._line = line
        self._clock = clock
        self._since = 0.0
        self._closed = False
        self.reason: EndReason | None = None
        self.detail = ""
        self.number = ""  # whom the caller is put through to (E.164)

    @property
    def is_settled(self) -> bool:
        """Whether the call ends whatever the caller says."""
        return self._closed or (self.reason is not None and self.reason not in _TAKEN_BACK)

    def begin(self, reason: EndReason, detail: str, *, after_words: bool) -> None:
        """The call is to end: now, or when the agent's current words have been played out."""
        if self._counts(reason):
            self.reason, self.detail, self._since = reason, detail, self._clock()
        if not after_words:
            self._close()

    def transfer(self, number: str, *, after_words: bool) -> None:
        """The caller is to be put through; whoever ends the line does it."""
        if self._counts("transferred"):
            self.number = number
        self.begin("transferred", "", after_words=after_words)

    def interrupted(self) -> None:
        """The caller spoke over the last words: a goodbye of the agent's own, or for silence, is taken back; what was
        decided elsewhere is done at once."""
        if not self.is_settled:
            self.reason, self.detail = None, ""
        self.agent_over()

    def agent_over(self) -> None:
        """The agent's words were played out."""
        if self.reason is not None:
            self._close()

    def tick(self, now: float, sounding: bool = False) -> None:
        """Closes the line when the last words take too long; while the agent is `sounding`, they are on their way."""
        if sounding:
            self._since = now
        if self.reason is not None and now - self._since > LONGEST_GOODBYE_MS:
            self._close()

    def _counts(self, reason: EndReason) -> bool:
        return self.reason is None or (not self.is_settled and reason not in _FIRST_ONLY)

    def _close(self) -> None:
        if not self._closed:
            self._closed = True
            self._line.hang_up()
