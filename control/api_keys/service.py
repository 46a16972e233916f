"""Manages a workspace's API keys: create, change, rotate and revoke."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.api_keys import queries
from control.api_keys.rules import ApiKey, ApiKeyEdit, IssuedKey, KeySecret, NewSecret
from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.http.auth.tokens import token_hash
from control.http.key_text import PREFIX_LENGTH, Scope, make_secret, order_scopes
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

# Expired keys count, too.
MOST_KEYS: Final = 50
# Maximum number of valid secrets of a key: the newest secret, and secrets that rotations left valid.
MOST_SECRETS: Final = 3
Values = Mapping[str, Any]


class ApiKeys:
    """Manages API keys, within the current transaction and in the workspace's scope."""

    async def list_all(self, db: Connection, workspace_id: UUID, now: datetime) -> list[ApiKey]:
        """Return the workspace's keys, newest first."""
        return await _with_secrets(db, workspace_id, await queries.select_all(db, workspace_id, MOST_KEYS), now)

    async def create(
        self,
        db: Connection,
        actor: Actor,
        workspace_id: UUID,
        *,
        name: str,
        scopes: frozenset[Scope],
        expires_at: datetime | None,
        now: datetime,
    ) -> IssuedKey:
        """Create a key. The actor, who must be a member, becomes the holder of its secret.

        Raises Conflict (code api_key_limit) and Invalid (code expiry_in_the_past).
        """
        _require_future(expires_at, now)
        await queries.lock_list(db, workspace_id)
        if len(await queries.select_all(db, workspace_id, MOST_KEYS)) >= MOST_KEYS:
            raise Conflict(f"A workspace can have at most {MOST_KEYS} API keys.", code="api_key_limit")
        key = ApiKey(UUID(new_id()), workspace_id, name, order_scopes(scopes), expires_at, now)
        await queries.insert_key(db, key)
        await _record(db, actor, "api_key.create", key, after=_audited(key))
        return await self._issue(db, actor, key, now)

    async def update(
        self, db: Connection, actor: Actor, workspace_id: UUID, key_id: UUID, edit: ApiKeyEdit, now: datetime
    ) -> ApiKey:
        """Change a key. Raises NotFound and Invalid (codes scopes_widened, expiry_in_the_past)."""
        before = await self._lock(db, workspace_id, key_id)
        if edit.changes_expiry:
            _require_future(edit.expires_at, now)
        after = replace(
            before,
            name=edit.name or before.name,
            scopes=before.scopes if edit.scopes is None else _narrow(before.scopes, edit.scopes),
            expires_at=edit.expires_at if edit.changes_expiry else before.expires_at,
        )
        await queries.update_key(db, after)
        await _record(db, actor, "api_key.update", after, before=_audited(before), after=_audited(after))
        (key,) = await _with_secrets(db, workspace_id, [after], now)
        return key

    async def rotate(
        self, db: Connection, actor: Actor, workspace_id: UUID, key_id: UUID, overlap: timedelta, now: datetime
    ) -> IssuedKey:
        """Create a new secret, held by the actor. Previous secrets end after `overlap`.

        Raises NotFound and Conflict (codes api_key_expired, secret_limit).
        """
        key = await self._lock(db, workspace_id, key_id)
        if key.expires_at is not None and key.expires_at <= now:
            raise Conflict("This key has expired. Change its expiry first.", code="api_key_expired")
        await queries.end_secrets(db, workspace_id, key_id, now + overlap, now)
        (kept,) = await _with_secrets(db, workspace_id, [key], now)
        if len(kept.secrets) >= MOST_SECRETS:
            raise Conflict(
                f"{len(kept.secrets)} secrets of this key are still valid, and at most {MOST_SECRETS} are "
                "allowed. Rotate without an overlap, or wait until a secret expires.",
                code="secret_limit",
            )
        await _record(db, actor, "api_key.rotate", key, after={"overlap_s": int(overlap.total_seconds())})
        return await self._issue(db, actor, key, now)

    async def revoke(self, db: Connection, actor: Actor, workspace_id: UUID, key_id: UUID) -> None:
        """Delete a key. Every request that begins after the transaction is refused. Raises NotFound."""
        key = await self._lock(db, workspace_id, key_id)
        await queries.delete_key(db, workspace_id, key_id)
        await _record(db, actor, "api_key.revoke", key, before=_audited(key))

    async def record_use(self, db: Connection, secret: bytes) -> None:
        """Record when a secret was last used, unless another transaction records it or the secret was deleted.

        Args:
            secret: Hash of the secret.
        """
        await queries.update_last_use(db, secret)

    async def _lock(self, db: Connection, workspace_id: UUID, key_id: UUID) -> ApiKey:
        found = await queries.select_one(db, workspace_id, key_id, lock=True)
        if found is None:
            raise NotFound("This API key does not exist.", code="api_key_not_found")
        return found

    async def _issue(self, db: Connection, actor: Actor, key: ApiKey, now: datetime) -> IssuedKey:
        assert actor.id is not None
        text = make_secret()
        secret = NewSecret(token_hash(text), text[:PREFIX_LENGTH], actor.id, now)
        await queries.insert_secret(db, key.workspace_id, key.id, secret)
        (issued,) = await _with_secrets(db, key.workspace_id, [key], now)
        return IssuedKey(issued, text)


async def _with_secrets(db: Connection, workspace_id: UUID, keys: Sequence[ApiKey], now: datetime) -> list[ApiKey]:
    secrets: dict[UUID, list[KeySecret]] = {key.id: [] for key in keys}
    for secret in await queries.select_secrets(db, workspace_id, list(secrets), now):
        secrets[secret.key_id].append(secret)
    return [replace(key, secrets=tuple(secrets[key.id])) for key in keys]


def _narrow(before: tuple[Scope, ...], wanted: tuple[Scope, ...]) -> tuple[Scope, ...]:
    wider = [scope for scope in wanted if scope not in before]
    if wider:
        raise Invalid(
            f"The key does not have {', '.join(wider)}. Scopes can only be removed; create another key.",
            code="scopes_widened",
            param="scopes",
        )
    return order_scopes(frozenset(wanted))


def _require_future(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise Invalid("This time is in the past.", code="expiry_in_the_past", param="expires_at")


async def _record(
    db: Connection, actor: Actor, action: str, key: ApiKey, before: Values | None = None, after: Values | None = None
) -> None:
    change = Change(action, "api_key", str(key.id), key.workspace_id, before=before, after=after)
    await record_change(db, actor, change)


def _audited(key: ApiKey) -> dict[str, Any]:
    ends = None if key.expires_at is None else key.expires_at.isoformat()
    return {"name": key.name, "scopes": list(key.scopes), "expires_at": ends}
