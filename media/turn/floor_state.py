"""The states of the floor."""

from enum import Enum, auto
from typing import Final


class FloorState(Enum):
    """The party that has the floor."""

    LISTENING = auto()
    CALLER = auto()
    PAUSED = auto()
    THINKING = auto()
    SPEAKING = auto()
    HELD = auto()


# Aliases for the frame path, because looking up an enum member costs more than the comparison.
LISTENING: Final = FloorState.LISTENING
CALLER: Final = FloorState.CALLER
PAUSED: Final = FloorState.PAUSED
SPEAKING: Final = FloorState.SPEAKING
HELD: Final = FloorState.HELD
CALLER_TALKS: Final = (FloorState.CALLER, FloorState.PAUSED)
CALLER_IS_HEARD: Final = (*CALLER_TALKS, FloorState.HELD)
