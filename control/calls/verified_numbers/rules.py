"""Types of the codes that verify a phone number."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneCode:
    """A code that a call speaks.

    Attributes:
        language: BCP 47.
        code: Sealed.
        failures: The number of wrong codes that were entered.
    """

    id: UUID
    workspace_id: UUID
    user_id: UUID
    phone_number: str
    call_id: UUID
    language: str
    code: bytes
    failures: int
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
