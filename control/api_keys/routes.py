"""Routes for members to manage their workspace's API keys."""

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
# Limit of secrets that a user can create. A system that rotates its key creates a few a day.
SECRETS_LIMIT: Final = RateLimit("api-key-secrets", 60, 3600, per_user=True)
DAY_S: Final = 86_400
LONGEST_OVERLAP_S: Final = 7 * DAY_S
ApiKeyId = Annotated[UUID, Field(description="Id of the API key.")]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES))]


class NewApiKey(Body):
    """An API key to create. Scopes and expiry have no default, so that no key gets more rights than intended."""

    name: Annotated[Name, Field(description="Description of the system that uses the key.", examples=["CRM"])]
    scopes: Annotated[
        Scopes, Field(description="What the key may read and change. Choose as few scopes as the system needs.")
    ]
    expires_at: Annotated[
        UtcDatetime | None, Field(description="When all secrets of the key expire (UTC); null for never.")
    ]


class ApiKeyChange(ChangeBody):
    """Changes to an API key. Omitted fields stay unchanged."""

    name: Annotated[
        Name | None,
        Field(description="Description of the system that uses the key; null leaves it unchanged.", examples=["CRM"]),
    ] = None
    scopes: Annotated[
        Scopes | None,
        Field(description="The new scopes, which must be a subset of the current scopes; null leaves them unchanged."),
    ] = None
    expires_at: Annotated[
        UtcDatetime | None,
        Field(description="When all secrets of the key expire (UTC); null for never. If omitted, it stays unchanged."),
    ] = None


class KeyRotation(Body):
    """Options for rotating an API key."""

    overlap_s: int = Field(
        DAY_S,
        ge=0,
        le=LONGEST_OVERLAP_S,
        description="Seconds for which the previous secrets stay valid: 0 to 604,800.",
        examples=[86_400],
    )


@dataclass(frozen=True, slots=True)
class ApiKeySecretView:
    """A secret of a key, without its text."""

    prefix: Annotated[str, Field(description="First characters of the secret.", examples=["vk_live_4fT9bQ"])]
    holder_email: Annotated[
        str,
        Field(
            description="E-mail address of the member who created the secret. The secret acts with this "
            "member's role, admin at most.",
            examples=["ada@example.com"],
        ),
    ]
    holder_is_member: Annotated[
        bool, Field(description="Whether the holder is still a member. If not, requests with this secret are refused.")
    ]
    created_at: CreatedAt
    expires_at: Annotated[
        datetime | None,
        Field(
            description="When a replaced secret expires (UTC); null for the newest secret, which expires with the key."
        ),
    ]
    last_used_at: Annotated[
        datetime | None,
        Field(
            description="Time of the last successful request with this secret (UTC), to the minute; null if "
            "there was none."
        ),
    ]


@dataclass(frozen=True, slots=True)
class ApiKeyView:
    """An API key of the workspace."""

    id: Id
    name: Annotated[str, Field(description="Description of the system that uses the key.", examples=["CRM"])]
    scopes: Annotated[list[Scope], Field(description="What the key may read and change.")]
    created_at: CreatedAt
    expires_at: Annotated[
        datetime | None, Field(description="When all secrets of the key expire (UTC); null for never.")
    ]
    is_expired: Annotated[bool, Field(description="Whether `expires_at` has passed.")]
    last_used_at: Annotated[
        datetime | None,
        Field(
            description="Time of the last successful request with any of these secrets (UTC), to the minute; "
            "null if there was none."
        ),
    ]
    secrets: Annotated[
        list[ApiKeySecretView], Field(description="The valid secrets, newest first, without their text.")
    ]


@dataclass(frozen=True, slots=True)
class ApiKeyAnswer:
    """An API key of the workspace."""

    api_key: Annotated[ApiKeyView, Field(description="The key.")]


@dataclass(frozen=True, slots=True)
class IssuedApiKey:
    """An API key with its new secret."""

    api_key: Annotated[ApiKeyView, Field(description="The key.")]
    secret: Annotated[
        str,
        Field(
            description="The secret. Send it as `Authorization: Bearer …`. It is never shown again.",
            examples=["vk_live_0000000000000000000000000000000000000000000000000"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class ApiKeyList:
    """The workspace's API keys."""

    api_keys: Annotated[list[ApiKeyView], Field(description="The API keys, newest first.")]
    has_more: HasMore


async def list_api_keys(context: MemberContext) -> ApiKeyList:
    """List the workspace's API keys, newest first, including expired keys. A workspace has at most 50 keys."""
    found = await context.services[ApiKeys].list_all(context.db, context.workspace_id, context.now)
    return ApiKeyList([to_key_view(key, context.now) for key in found], has_more=False)


async def create_api_key(context: MemberContext, body: NewApiKey) -> IssuedApiKey:
    """Create an API key. Only this answer contains its secret.

    The key acts with your role, admin at most, as long as you are a member. The `Idempotency-Key` header is ignored,
    because the answer would be stored with the secret.
    """
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
    """Change an API key's name, scopes and expiry. Scopes can only be removed."""
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
    """Create a new secret of an API key, held by you. Previous secrets expire after `overlap_s` seconds.

    Only this answer contains the secret.
    """
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
