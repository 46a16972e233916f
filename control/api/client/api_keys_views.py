"""Response models of API keys (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.api_keys.model import ApiKey, IssuedKey, KeySecret
from control.api_keys.scopes import Scope
from control.http.pagination import HasMore


@dataclass(frozen=True, slots=True)
class ApiKeySecretView:
    """A secret of a key, without its text."""

    prefix: str
    holder_email: str
    holder_is_member: bool
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """An API key."""

    id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    is_expired: bool
    last_used_at: datetime | None
    secrets: list[ApiKeySecretView]


@dataclass(frozen=True, slots=True)
class ApiKeyAnswer:
    """An API key."""

    api_key: ApiKeyView


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """An API key with its new secret."""

    api_key: ApiKeyView
    secret: str


@dataclass(frozen=True, slots=True)
class ApiKeyList:
    """The workspace's API keys."""

    api_keys: list[ApiKeyView]
    has_more: HasMore


def to_issued_key(issued: IssuedKey, now: datetime) -> IssuedApiKey:
    return IssuedApiKey(to_key_view(issued.key, now), issued.secret)


def to_key_view(key: ApiKey, now: datetime) -> ApiKeyView:
    return ApiKeyView(
        id=key.id,
        name=key.name,
        scopes=list(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        is_expired=key.expires_at is not None and key.expires_at <= now,
        last_used_at=max((secret.last_used_at for secret in key.secrets if secret.last_used_at), default=None),
        secrets=[_to_secret_view(secret) for secret in key.secrets],
    )


def _to_secret_view(secret: KeySecret) -> ApiKeySecretView:
    return ApiKeySecretView(
        prefix=secret.prefix,
        holder_email=secret.holder_email,
        holder_is_member=secret.holder_is_member,
        created_at=secret.created_at,
        expires_at=secret.expires_at,
        last_used_at=secret.last_used_at,
    )
