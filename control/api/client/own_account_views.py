"""Response models of a user's own account (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """The user's second factor."""

    is_enabled: Annotated[bool, Field(description="Whether each sign-in needs a code.")]
    recovery_codes_left: Annotated[
        int, Field(description="Those that are unused; 0 without a second factor.", examples=[10])
    ]
