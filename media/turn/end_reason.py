"""Why a caller's turn was ended when it was."""

from enum import StrEnum


class EndReason(StrEnum):
    """What decided the length of the silence that ended a turn."""

    WORDS = "words"
    SOUND = "sound"
    TIMER = "timer"
    DICTATION = "dictation"
