"""Response models of a user's own account (client API)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecondFactorState:
    """The user's second factor. is_enabled: each sign-in needs a code. recovery_codes_left: those that are unused; 0
    without a second factor."""

    is_enabled: bool
    recovery_codes_left: int
