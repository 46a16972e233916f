"""What other rooms see of an account."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account."""

    id: UUID
    email: str
    name: str
    is_verified: bool
    is_active: bool
    created_at: datetime
    last_login: datetime | None
