"""The states of the floor."""

from enum import Enum, auto
from typing import Final


class FloorState(Enum):
    """Who has the floor."""

    LISTENING = auto()
    CALLER = auto()
    PAUSED = auto()
    THINKING = auto()
    SPEAKING = auto()
    HELD = auto()


# For the frame path, because a member of an enum costs more to look up than the comparison itself.
LISTENING: Final = FloorState.LISTENING
CALLER: Final = FloorState.CALLER
PAUSED: Final = FloorState.PAUSED
SPEAKING: Final = FloorState.SPEAKING
HELD: Final = FloorState.HELD
CALLER_TALKS: Final = (FloorState.CALLER, FloorState.PAUSED)
CALLER_IS_HEARD: Final = (*CALLER_TALKS, FloorState.HELD)
