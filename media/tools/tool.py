"""A tool of an agent with its traits, and the error that the model receives."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from media.providers.ports import ToolSpec

# The time limit of a tool without its own limit.
DEFAULT_TIMEOUT_S: Final = 60.0

# The text for the model if a run was started and its outcome is unknown. Otherwise, the model would call the tool
# again, which is a new run, and could book twice.
MAY_BE_DONE: Final = (
    "It may have been done. Tell the caller so; call it again only if that does no harm or the caller wants it."
)

# A function that accepts the arguments (the JSON that the model wrote) and the run's ID, and returns text for the
# model. Raises ToolError, and msgspec.MsgspecError for invalid arguments.
ToolFunction = Callable[[bytes, str], Awaitable[str]]


class ToolError(Exception):
    """A tool could not be run. The model receives the message."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its description for the model, its function, and its traits.

    Attributes:
        timeout_s: After this time the run is canceled, and the model gets an error.
        filler: Spoken while a run keeps the caller waiting in silence, and before the end of a call if the model says
            nothing. If it is empty, the silence is intended, because the caller presses keys.
        ends_call: After the run, the stream is closed without a further request to the model, unless the caller has
            interrupted the sentence that called the tool.
        secret: Events exclude the result (digits may be a card number or a PIN).
        ends_answer: After a successful run, the next request to the model waits until the other side has spoken.
        repeatable: A run that was lost with its node may be repeated.
        stops_at_barge_in: A run is part of the sentence that called it, and is canceled with it.
        takes_speech: Called at a barge-in. Returns whether the caller's words belong to the run, which then continues.
    """

    spec: ToolSpec
    run: ToolFunction
    timeout_s: float = DEFAULT_TIMEOUT_S
    filler: str = ""
    ends_call: bool = False
    secret: bool = False
    ends_answer: bool = False
    repeatable: bool = False
    stops_at_barge_in: bool = False
    takes_speech: Callable[[], bool] = lambda: False
