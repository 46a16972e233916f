"""API keys: their records and scopes, and the text of their secrets. Pure functions."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from control.http.key_text import Scope


@dataclass(frozen=True, slots=True)
class KeySecret:
    """The data of a key's secret that can be shown later.

    Attributes:
        holder_email: E-mail address of the member to whom the secret was shown.
        holder_is_member: Whether the holder is still a member; otherwise the secret is refused.
        expires_at: When a replaced secret expires; None if the secret expires with its key.
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
    """An API key of a workspace.

    Attributes:
        expires_at: None if the key never expires.
        secrets: The newest secret first, then the secrets that a rotation left valid.
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
    """Changes to a key. A field that is None stays unchanged.

    Attributes:
        changes_expiry: Whether `expires_at` replaces the key's expiry, even by None.
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
