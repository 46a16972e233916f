"""The floor's state of the agent's speech."""

from dataclasses import dataclass
from typing import Final

from media.turn.expected_dictation import ExpectedDictation
from media.turn.expected_reply import ExpectedReply
from media.turn.final_text_request import NEVER

JUST_BEGUN_MS: Final = 1_000
# Most speech is noticed, or suspected, so long after its true start.
NOTICED_MS: Final = 160


@dataclass(slots=True)
class AgentSpeech:
    """The latest words.

    expect, asks, dictated: as in `AgentQuestion`; they stay when the words are over. ends_ms: their end, if known.
    is_last: the call ends with them. is_audible: they have begun and are not over. began_at: when they did. open_until:
    speech that began earlier continues the caller's turn. settles_at: when the turn can no longer change because of
    them; NEVER once it cannot, and while they are not audible.
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
        """Whether they have begun so shortly ago that the caller may still go on with the turn that they answer."""
        return self.settles_at != NEVER

    def awaits_answer(self, onset: int, near_end_ms: int) -> bool:
        """Whether they are a question so near its end that any word may answer it."""
        return self.asks and self.ends_ms is not None and self.ends_ms - onset <= near_end_ms

    def may_be_lowered(self, t: int, near_end_ms: int) -> bool:
        """Whether speech over them may be a nod, and not the caller's turn going on or an answer: nobody nods to words
        that have just begun."""
        is_open = self.leaves_turn_open or self.is_last or self.awaits_answer(t, near_end_ms)
        return self.is_audible and not is_open and t - self.began_at >= JUST_BEGUN_MS

    def sound(self, t: int) -> None:
        """They become audible."""
        self.is_audible = True
        self.began_at = t

    def open_turn(self, t: int, settle_ms: int) -> None:
        """They became audible at `t`, and leave the caller's turn open for so long."""
        self.open_until = t + settle_ms
        self.settles_at = self.open_until + (NOTICED_MS if settle_ms else 0)

    def begin(self) -> None:
        """Other words are made; nothing is known of them yet."""
        self.is_audible = self.asks = self.is_last = False
        self.ends_ms = None
        self.settles_at = NEVER

    def stop(self) -> None:
        """They are over, or cut off."""
        self.is_audible = False
        self.settles_at = NEVER
