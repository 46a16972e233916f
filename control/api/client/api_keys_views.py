"""Response models of API keys (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from control.api_keys.rules import ApiKey, IssuedKey, KeySecret
from control.http.fields import CreatedAt, Id
from control.http.key_text import Scope
from control.http.pagination import HasMore


@dataclass(frozen=True, slots=True)
class ApiKeySecretView:
    """A secret of a key, without its text."""

    prefix: Annotated[str, Field(description="First characters of the secret.", examples=["vk_live_4fT9bQ"])]
    holder_email: Annotated[
        str,
        Field(
            description="Address of the member who made the secret. It acts with this member's role, admin at most.",
            examples=["ada@example.com"],
        ),
    ]
    holder_is_member: Annotated[
        bool, Field(description="Whether the holder still is a member; if not, requests with this secret are refused.")
    ]
    created_at: CreatedAt
    expires_at: Annotated[
        datetime | None,
        Field(description="When a secret that was replaced ends (UTC); null for the newest, which ends with the key."),
    ]
    last_used_at: Annotated[
        datetime | None,
        Field(description="When a request with this secret succeeded last (UTC), to the minute; null: never."),
    ]


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """An API key."""

    id: Id
    name: Annotated[str, Field(description="What uses the key, for people.", examples=["CRM"])]
    scopes: Annotated[list[Scope], Field(description="What the key may read and change.")]
    created_at: CreatedAt
    expires_at: Annotated[datetime | None, Field(description="When all secrets end (UTC); null: never.")]
    is_expired: Annotated[bool, Field(description="Whether `expires_at` is over.")]
    last_used_at: Annotated[
        datetime | None,
        Field(
            description="When a request with the key succeeded last (UTC), to the minute; null: with none of "
            "these secrets."
        ),
    ]
    secrets: Annotated[
        list[ApiKeySecretView], Field(description="Its valid secrets, newest first, without their texts.")
    ]


@dataclass(frozen=True, slots=True)
class ApiKeyAnswer:
    """An API key."""

    api_key: Annotated[ApiKeyView, Field(description="The key.")]


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """An API key with its new secret."""

    api_key: Annotated[ApiKeyView, Field(description="The key.")]
    secret: Annotated[
        str,
        Field(
            description="Send it as `Authorization: Bearer …`. It is never shown again.",
            examples=["vk_live_0000000000000000000000000000000000000000000000000"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class ApiKeyList:
    """The workspace's API keys."""

    api_keys: Annotated[list[ApiKeyView], Field(description="The API keys, newest first.")]
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
