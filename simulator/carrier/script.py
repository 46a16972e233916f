"""A caller's script: the action of each turn, and when the turn begins."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from simulator.carrier.audio_clip import Clip
from simulator.carrier.line_noise import Noise

# --- When a turn begins -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AfterAgent:
    """The turn begins when the agent has spoken since the caller's last turn and was silent for `quiet_ms`.

    If the agent says nothing, the turn begins after `patience_ms`.
    """

    quiet_ms: int = 600
    patience_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class BargeIn:
    """The turn begins `after_ms` after the agent's answer began to play, or after the answer if it is shorter."""

    after_ms: int
    patience_ms: int = 15_000


@dataclass(frozen=True, slots=True)
class After:
    """The turn begins `ms` after the end of the caller's last turn (or the start of the call), whatever
    the agent does.
    """

    ms: int


@dataclass(frozen=True, slots=True)
class Once:
    """The turn begins as soon as an event outside of the call has happened, whatever the agent does.

    If the event does not happen, the turn begins `patience_ms` after the end of the caller's last turn.
    """

    happened: Callable[[], bool]
    patience_ms: int = 15_000


When = AfterAgent | BargeIn | After | Once

# --- What a turn does -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Play:
    """Plays a recording: a file of any rate and format, or a clip."""

    sound: Path | Clip


@dataclass(frozen=True, slots=True)
class Say:
    """Says a text with the voice given to `prepare_turns`."""

    text: str


@dataclass(frozen=True, slots=True)
class Press:
    """Presses keys (0-9 * # A-D), one every `gap_ms`."""

    digits: str
    gap_ms: int = 240


@dataclass(frozen=True, slots=True)
class Rest:
    """Stays silent for `ms`. The agent's answer to the previous turn still counts."""

    ms: int


@dataclass(frozen=True, slots=True)
class HangUp:
    """Ends the call."""


Act = Play | Say | Press | Rest | HangUp


@dataclass(frozen=True, slots=True)
class Stall:
    """The line stalls `at_ms` after the start of the turn: frames are delayed for `hold_ms` and then sent at once."""

    at_ms: int
    hold_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the caller."""

    act: Act
    when: When = AfterAgent()
    noise: Noise | None = None
    stall: Stall | None = None


@dataclass(frozen=True, slots=True)
class Ending:
    """When the caller hangs up after the last turn.

    The caller hangs up if the agent answered and was silent for `quiet_ms`, did not answer within `timeout_ms`, or
    still speaks after `longest_ms`.
    """

    quiet_ms: int = 1_500
    timeout_ms: int = 20_000
    longest_ms: int = 60_000


@dataclass(frozen=True, slots=True)
class Script:
    """All turns of a caller."""

    turns: tuple[Turn, ...]
    ending: Ending = Ending()
