"""The reasons for which a caller's turn is ended."""

from enum import StrEnum


class EndReason(StrEnum):
    """What decided the length of the silence that ended a turn."""

    WORDS = "words"
    SOUND = "sound"
    TIMER = "timer"
    DICTATION = "dictation"
