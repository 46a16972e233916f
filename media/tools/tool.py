"""A tool of an agent with its traits, and the error that goes back to the model."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from media.providers.ports import ToolSpec

# Bounds the run of a tool that has no limit of its own.
DEFAULT_TIMEOUT_S: Final = 60.0

# For the model, where a run was begun and nobody knows how it ended: it would simply call the tool again, which is a
# new run, and book twice.
MAY_BE_DONE: Final = (
    "It may have been done. Tell the caller so; call it again only if that does no harm or the caller wants it."
)

# Takes the arguments (JSON as the model wrote it) and the run's id; returns text for the model. Raises ToolError, and
# msgspec.MsgspecError for arguments that do not fit.
ToolFunction = Callable[[bytes, str], Awaitable[str]]


class ToolError(Exception):
    """A tool could not be run; the message goes back to the model."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool: its description for the model, what runs, and its traits.

    timeout_s: then the run is cancelled, and the model gets an error.
    filler: said while a run keeps the caller waiting in silence, and before the end of a call where the model says
    nothing; empty: the silence is meant (the caller presses keys).
    ends_call: after it the model gets no further request, because the stream is closed; unless the caller has
    interrupted the sentence that called it.
    secret: the result is left out of events (digits may be a card number or a PIN).
    ends_answer: after it has succeeded the model is asked again only once the other side has said something.
    repeatable: a run that was lost with its node may be run again.
    stops_at_barge_in: a run is part of the sentence that called it, and is cancelled with it. takes_speech: asked then:
    the caller's words belong to the run, which goes on.
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
