"""Numbers that an agent may hand a caller over to, as far as a number alone tells; see `transfers` for the rest."""

from control.agents.destinations import destination
from shared.errors import Invalid


def callable_number(text: str) -> str:
    """The number itself, if it is empty or may be called. Raises ValueError."""
    if not text:
        return text
    try:
        destination(text, "fallback_number")
    except Invalid as fault:
        raise ValueError(fault.message) from None
    return text
