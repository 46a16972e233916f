"""Service of a workspace's webhook endpoints: create, change, delete, rotate the secret."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks import store_endpoints
from control.outbound_webhooks.event_types import EventType
from control.outbound_webhooks.model import WebhookEndpoint
from control.outbound_webhooks.secret_safe import SecretSafe
from control.platform.audit import Actor, Change, record_change
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard, EgressRefused
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

MOST_ENDPOINTS: Final = 20


@dataclass(frozen=True, slots=True)
class EndpointEdit:
    """Changes; None leaves a part as it is. event_types: empty for all."""

    url: str | None = None
    description: str | None = None
    event_types: Sequence[EventType] | None = None
    is_enabled: bool | None = None


class WebhookEndpoints:
    """Works within the current transaction, in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, safe: SecretSafe, guard: EgressGuard) -> None:
        self._workspaces, self.safe, self.guard = workspaces, safe, guard

    async def list_all(self, db: Connection, workspace_id: UUID) -> list[WebhookEndpoint]:
        """All of the workspace, the oldest first."""
        return await store_endpoints.select_all(db, workspace_id, MOST_ENDPOINTS)

    async def get(
        self, db: Connection, workspace_id: UUID, endpoint_id: UUID, *, lock: bool = False
    ) -> WebhookEndpoint:
        """Raises NotFound (code webhook_endpoint_not_found)."""
        found = await store_endpoints.select_one(db, workspace_id, endpoint_id, lock=lock)
        if found is None:
            raise NotFound("There is no such webhook endpoint.", code="webhook_endpoint_not_found")
        return found

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, edit: EndpointEdit, now: datetime
    ) -> tuple[WebhookEndpoint, str]:
        """The endpoint, and its secret, which is never shown again. edit: with an url. Raises Conflict (codes
        webhook_endpoint_limit, workspace_suspended), Invalid (code address_refused)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        assert edit.url is not None
        self._require_public(edit.url)
        await store_endpoints.lock_list(db, workspace_id)
        if len(await self.list_all(db, workspace_id)) >= MOST_ENDPOINTS:
            message = f"A workspace has {MOST_ENDPOINTS} webhook endpoints at most."
            raise Conflict(message, code="webhook_endpoint_limit")
        secret, secrets = self.safe.create()
        made = WebhookEndpoint(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            url=edit.url,
            description=edit.description or "",
            event_types=edit.event_types or None,
            is_enabled=edit.is_enabled is not False,
            disabled_reason=None,
            secrets=secrets,
            failing_since=None,
            created_at=now,
            updated_at=now,
        )
        await store_endpoints.insert_endpoint(db, made)
        await _record(db, actor, "webhook_endpoint.create", None, made)
        return made, secret

    async def update(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, edit: EndpointEdit, now: datetime
    ) -> WebhookEndpoint:
        """Deliveries that wait go to the new address. Enabling forgets past failures. Raises NotFound, Conflict (code
        workspace_suspended), Invalid (code address_refused)."""
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, endpoint_id, lock=True)
        after = replace(_apply(before, edit), updated_at=now)
        self._require_public(after.url)
        await store_endpoints.update_endpoint(db, after)
        await _record(db, actor, "webhook_endpoint.update", before, after)
        return after

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID) -> None:
        """Nothing is sent to it any more, not even what waits. Raises NotFound."""
        before = await self.get(db, workspace_id, endpoint_id, lock=True)
        await store_endpoints.delete_endpoint(db, workspace_id, endpoint_id)
        await _record(db, actor, "webhook_endpoint.delete", before, None)

    async def rotate_secret(
        self, db: Connection, workspace_id: UUID, actor: Actor, endpoint_id: UUID, now: datetime, *, at_once: bool
    ) -> tuple[WebhookEndpoint, str]:
        """The endpoint, and its new secret, which is never shown again. at_once: the old secret signs no longer, as
        after a leak; else it signs as well for 24 hours. Raises NotFound."""
        before = await self.get(db, workspace_id, endpoint_id, lock=True)
        secret, secrets = self.safe.create() if at_once else self.safe.rotate(before.secrets, now)
        after = replace(before, secrets=secrets, updated_at=now)
        await store_endpoints.update_secrets(db, after)
        change = Change("webhook_endpoint.rotate", "webhook_endpoint", str(endpoint_id), workspace_id)
        await record_change(db, actor, change)
        return after, secret

    def _require_public(self, url: str) -> None:
        """Raises Invalid (code address_refused). Names are resolved and checked at each connection."""
        try:
            self.guard.check_url(url)
        except EgressRefused as refused:
            message = f"{refused}."
            raise Invalid(message[0].upper() + message[1:], code="address_refused", param="url") from None
        if urlsplit(url).scheme not in ("http", "https"):
            raise Invalid("The address begins with https://.", code="address_refused", param="url")


def _apply(before: WebhookEndpoint, edit: EndpointEdit) -> WebhookEndpoint:
    after = replace(
        before,
        url=before.url if edit.url is None else edit.url,
        description=before.description if edit.description is None else edit.description,
        event_types=before.event_types if edit.event_types is None else (edit.event_types or None),
        is_enabled=before.is_enabled if edit.is_enabled is None else edit.is_enabled,
    )
    if edit.is_enabled is None:
        return after
    return replace(after, disabled_reason=None, failing_since=None if edit.is_enabled else before.failing_since)


async def _record(
    db: Connection, actor: Actor, action: str, before: WebhookEndpoint | None, after: WebhookEndpoint | None
) -> None:
    one = after or before
    assert one is not None
    values = (None if before is None else _audited(before), None if after is None else _audited(after))
    await record_change(db, actor, Change(action, "webhook_endpoint", str(one.id), one.workspace_id, *values))


def _audited(one: WebhookEndpoint) -> dict[str, Any]:
    """Of the address only the host: paths and queries hold keys at some receivers."""
    types = "all" if one.event_types is None else list(one.event_types)
    return {"host": urlsplit(one.url).hostname, "event_types": types, "is_enabled": one.is_enabled}
