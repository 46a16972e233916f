"""API keys: their records, what they may do, and the text of their secrets. Pure functions."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from control.http.key_text import Scope


@dataclass(frozen=True, slots=True)
class KeySecret:
    """What can be shown of a key's secret later.

    Attributes:
        holder_email: E-mail address of the member to whom the secret was shown.
        holder_is_member: Whether the holder still is a member; otherwise the secret is refused.
        expires_at: End of a replaced secret; None if the secret ends with its key.
    """

    key_id: UUID
    prefix: str
    holder_email: str
    holder_is_member: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key.

    Attributes:
        expires_at: None: never.
        secrets: The valid one first, then those that a rotation left valid.
    """

    id: UUID
    workspace_id: UUID
    name: str
    scopes: tuple[Scope, ...]
    expires_at: datetime | None
    created_at: datetime
    secrets: tuple[KeySecret, ...] = ()


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key with the text of its new secret, which is shown once."""

    key: ApiKey
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ApiKeyEdit:
    """Changes; None leaves a part as it is.

    Attributes:
        changes_expiry: Whether `expires_at` replaces the key's, also by None.
    """

    name: str | None = None
    scopes: tuple[Scope, ...] | None = None
    expires_at: datetime | None = None
    changes_expiry: bool = False


@dataclass(frozen=True, slots=True)
class NewSecret:
    """A secret to store."""

    hash: bytes
    prefix: str
    holder_id: UUID
    created_at: datetime
