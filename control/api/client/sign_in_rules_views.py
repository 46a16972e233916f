"""Response models of a workspace's rules for sign-ins (client API)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SignInRulesAnswer:
    """The rules. second_factor_required: members without a second factor may do nothing in the workspace."""

    second_factor_required: bool
