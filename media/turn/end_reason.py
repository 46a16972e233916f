"""The reasons why a caller's turn ends."""

from enum import StrEnum


class EndReason(StrEnum):
    """The evidence that decided the length of the silence that ended a turn."""

    WORDS = "words"
    SOUND = "sound"
    TIMER = "timer"
    DICTATION = "dictation"
