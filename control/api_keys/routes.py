"""Routes of a workspace's API keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from control.api_keys.rules import ApiKey, ApiKeyEdit, IssuedKey, KeySecret
from control.api_keys.service import ApiKeys
from control.http.access import member
from control.http.body import Body, ChangeBody, Name
from control.http.context import MemberContext
from control.http.fields import CreatedAt, Id
from control.http.key_text import SCOPES, Scope
from control.http.pagination import HasMore, UtcDatetime
from control.http.route import RateLimit, Route

API_KEYS: Final = "/workspaces/{workspaceId}/api-keys"
API_KEY: Final = f"{API_KEYS}/{{apiKeyId}}"
# Secrets made by a user. A system that rotates makes a few a day.
SECRETS_LIMIT: Final = RateLimit("api-key-secrets", 60, 3600, per_user=True)
DAY_S: Final = 86_400
LONGEST_OVERLAP_S: Final = 7 * DAY_S
ApiKeyId = Annotated[UUID, Field(description="Id of the API key.")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]


class NewApiKey(Body):
    """A key to create. Neither scopes nor expiry have a default, so that nobody gets more than was meant."""

    name: Annotated[Name, Field(description="What uses the key, for people.", examples=["CRM"])]
    scopes: Annotated[Scopes, Field(description="What the key may read and change: as few as its system needs.")]
    expires_at: Annotated[UtcDatetime | None, Field(description="When all secrets end (UTC); null: never.")]


class ApiKeyChange(ChangeBody):
    """Changes; a field that is left out stays as it is."""

    name: Annotated[
        Name | None, Field(description="What uses the key, for people; null leaves it as it is.", examples=["CRM"])
    ] = None
    scopes: Annotated[
        Scopes | None,
        Field(description="What the key may read and change, nothing that it may not now; null leaves it as it is."),
    ] = None
    expires_at: Annotated[
        UtcDatetime | None, Field(description="When all secrets end (UTC); null: never. Left out, it stays.")
    ] = None


class KeyRotation(Body):
    """How long the secrets before the new one stay valid."""

    overlap_s: int = Field(
        DAY_S,
        ge=0,
        le=LONGEST_OVERLAP_S,
        description="Seconds for which the secrets before stay valid: 0 to 604,800.",
        examples=[86_400],
    )


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


async def list_api_keys(context: MemberContext) -> ApiKeyList:
    """The workspace's API keys, newest first, expired ones included; it has 50 at most."""
    found = await context.services[ApiKeys].list_all(context.db, context.workspace_id, context.now)
    return ApiKeyList([to_key_view(key, context.now) for key in found], has_more=False)


async def create_api_key(context: MemberContext, body: NewApiKey) -> IssuedApiKey:
    """Create an API key. Its secret is in this answer only. It acts with your role, admin at most, while you are a
    member. No Idempotency-Key is honored, because the answer would be stored with the secret."""
    issued = await context.services[ApiKeys].create(
        context.db,
        context.actor,
        context.workspace_id,
        name=body.name,
        scopes=frozenset(body.scopes),
        expires_at=body.expires_at,
        now=context.now,
    )
    return to_issued_key(issued, context.now)


async def change_api_key(context: MemberContext, api_key_id: ApiKeyId, body: ApiKeyChange) -> ApiKeyAnswer:
    """Change an API key's name, scopes and expiry. Scopes can only be taken away."""
    edit = ApiKeyEdit(
        name=body.name,
        scopes=None if body.scopes is None else tuple(body.scopes),
        expires_at=body.expires_at,
        changes_expiry="expires_at" in body.model_fields_set,
    )
    key = await context.services[ApiKeys].update(
        context.db, context.actor, context.workspace_id, api_key_id, edit, context.now
    )
    return ApiKeyAnswer(to_key_view(key, context.now))


async def rotate_api_key(context: MemberContext, api_key_id: ApiKeyId, body: KeyRotation) -> IssuedApiKey:
    """Make a new secret of an API key, which you hold. Those before it end after `overlap_s` seconds. The secret is in
    this answer only."""
    issued = await context.services[ApiKeys].rotate(
        context.db,
        context.actor,
        context.workspace_id,
        api_key_id,
        timedelta(seconds=body.overlap_s),
        context.now,
    )
    return to_issued_key(issued, context.now)


async def revoke_api_key(context: MemberContext, api_key_id: ApiKeyId) -> None:
    """Revoke an API key with all its secrets. Requests that begin after the answer are refused."""
    await context.services[ApiKeys].revoke(context.db, context.actor, context.workspace_id, api_key_id)


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


ROUTES: tuple[Route, ...] = (
    Route("GET", API_KEYS, list_api_keys, member("admin"), beyond_spec=True),
    Route(
        "POST",
        API_KEYS,
        create_api_key,
        member("admin"),
        status=201,
        limit=SECRETS_LIMIT,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("409 api_key_limit", "422 expiry_in_the_past"),
    ),
    Route(
        "PUT",
        API_KEY,
        change_api_key,
        member("admin"),
        beyond_spec=True,
        errors=("404 api_key_not_found", "422 scopes_widened", "422 expiry_in_the_past"),
    ),
    Route("DELETE", API_KEY, revoke_api_key, member("admin"), beyond_spec=True, errors=("404 api_key_not_found",)),
    Route(
        "POST",
        f"{API_KEY}/rotate",
        rotate_api_key,
        member("admin"),
        limit=SECRETS_LIMIT,
        needs_recent_sign_in=True,
        beyond_spec=True,
        errors=("404 api_key_not_found", "409 api_key_expired", "409 secret_limit"),
    ),
)
