"""Response models of a workspace's rules for sign-ins (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field


@dataclass(frozen=True, slots=True)
class SignInRulesAnswer:
    """The rules."""

    second_factor_required: Annotated[
        bool, Field(description="Members without a second factor may do nothing in the workspace.")
    ]
