"""Rules that do not apply to some workspaces, as the staff decided."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

ExemptionRule = Literal["tax", "payment_method"]
# A list has no more. Exemptions are for few customers.
MOST_EXEMPTIONS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A workspace to which a rule does not apply. granted_by: an administrator's e-mail address; None where it was not
    recorded."""

    id: UUID
    workspace_id: UUID
    rule: ExemptionRule
    reason: str
    granted_by: str | None
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class ListedExemption:
    """An exemption, and the name of its workspace."""

    exemption: Exemption
    workspace_name: str
