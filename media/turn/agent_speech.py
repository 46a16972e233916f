"""The floor's state of the agent's speech."""

from dataclasses import dataclass
from typing import Final

from media.turn.expected_dictation import ExpectedDictation
from media.turn.expected_reply import ExpectedReply
from media.turn.final_text_request import NEVER

JUST_BEGUN_MS: Final = 1_000
# Most speech is noticed or suspected this long after its true start.
NOTICED_MS: Final = 160


@dataclass(slots=True)
class AgentSpeech:
    """The agent's latest words.

    Attributes:
        expect: The likely kind of reply, as in `AgentQuestion`. Kept after the words are over.
        dictated: The text that the caller is asked to dictate. Kept after the words are over.
        asks: Whether the words contain a question or a request. Kept after the words are over.
        ends_ms: The end of the words, if known.
        is_last: The call ends with the words.
        is_audible: The words have begun and are not over.
        began_at: When the words became audible.
        open_until: Speech that began before this time continues the caller's turn.
        settles_at: When the words no longer allow the turn to change. NEVER after that, and while the words are not
            audible.
    """

    expect: ExpectedReply = ExpectedReply.REPLY
    dictated: ExpectedDictation | None = None
    asks: bool = False
    ends_ms: int | None = None
    is_last: bool = False
    is_audible: bool = False
    began_at: int = 0
    open_until: int = NEVER
    settles_at: int = NEVER

    @property
    def leaves_turn_open(self) -> bool:
        """Whether the words began so recently that the caller may still continue the turn that they answer."""
        return self.settles_at != NEVER

    def awaits_answer(self, onset: int, near_end_ms: int) -> bool:
        """Return whether the words are a question so near its end that any word may answer it."""
        return self.asks and self.ends_ms is not None and self.ends_ms - onset <= near_end_ms

    def may_be_lowered(self, t: int, near_end_ms: int) -> bool:
        """Return whether speech over the words may be a backchannel instead of a continued turn or an answer.

        People do not give backchannels to words that have just begun.
        """
        is_open = self.leaves_turn_open or self.is_last or self.awaits_answer(t, near_end_ms)
        return self.is_audible and not is_open and t - self.began_at >= JUST_BEGUN_MS

    def sound(self, t: int) -> None:
        """Record that the words became audible."""
        self.is_audible = True
        self.began_at = t

    def open_turn(self, t: int, settle_ms: int) -> None:
        """Record that the words became audible at `t` and leave the caller's turn open for `settle_ms`."""
        self.open_until = t + settle_ms
        self.settles_at = self.open_until + (NOTICED_MS if settle_ms else 0)

    def begin(self) -> None:
        """Reset the state, because the agent prepares new words."""
        self.is_audible = self.asks = self.is_last = False
        self.ends_ms = None
        self.settles_at = NEVER

    def stop(self) -> None:
        """Record that the words are over or were cut off."""
        self.is_audible = False
        self.settles_at = NEVER
