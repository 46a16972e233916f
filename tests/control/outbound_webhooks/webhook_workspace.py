"""A workspace with webhook endpoints, a receiver that verifies, and a sender in virtual time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from standardwebhooks import Webhook

from control.db.keyset import PageRequest
from control.db.pool import Connection
from control.outbound_webhooks.event_types import AgentEventData, EventType
from control.outbound_webhooks.http_client import WebhookHttpClient
from control.outbound_webhooks.rules import DeliveryAttempt, DeliveryPolicy, WebhookDelivery
from control.outbound_webhooks.service import EndpointEdit, OutboundWebhooks, ReportedFact, report_facts
from control.outbound_webhooks.tasks import WebhookSender
from shared.egress import EgressGuard
from shared.ids import new_id
from tests.control.calls.call_platform import NOW, CallPlatform, LiveWorkspace
from tests.control.tools.hostile_peer import HostilePeer

LOOPBACK: Final = ("127.0.0.0/8",)
POLICY: Final = DeliveryPolicy(timeout_s=0.5)
FIRST_PAGE: Final = PageRequest(200)


@dataclass(slots=True)
class WebhookDesk:
    """A workspace, its endpoints, and one sender whose clock stands still until it is set."""

    platform: CallPlatform
    workspace: LiveWorkspace
    sender: WebhookSender
    now: datetime = NOW

    @property
    def webhooks(self) -> OutboundWebhooks:
        return self.platform.services[OutboundWebhooks]

    async def add_endpoint(
        self, url: str, *types: EventType, workspace: LiveWorkspace | None = None
    ) -> tuple[UUID, str]:
        """Its id and secret. types: none for all."""
        owner = workspace or self.workspace
        made, secret = await self.platform.in_workspace(
            owner,
            lambda db: self.platform.services[OutboundWebhooks].endpoints.create(
                db, owner.workspace_id, owner.actor, EndpointEdit(url, event_types=types), self.now
            ),
        )
        return made.id, secret

    async def report(
        self,
        type_: EventType = "agent.updated",
        *,
        object_id: UUID | None = None,
        call_id: UUID | None = None,
        workspace: LiveWorkspace | None = None,
        is_unique: bool = False,
    ) -> None:
        """Something happens."""
        fact = self.make_fact(type_, object_id=object_id, call_id=call_id, workspace=workspace, is_unique=is_unique)
        await self.platform.in_platform(lambda db: report_facts(db, [fact], self.now))

    def make_fact(
        self,
        type_: EventType,
        *,
        object_id: UUID | None = None,
        call_id: UUID | None = None,
        workspace: LiveWorkspace | None = None,
        is_unique: bool = False,
    ) -> ReportedFact:
        """A fact about an agent, whatever its type."""
        about = object_id or UUID(new_id())
        return ReportedFact(
            workspace_id=(workspace or self.workspace).workspace_id,
            type=type_,
            object_id=about,
            at=self.now,
            data=AgentEventData(about, "Desk", "live", 3),
            call_id=call_id,
            is_unique=is_unique,
        )

    async def rotate(self, endpoint_id: UUID, *, at_once: bool = False) -> str:
        """The new secret."""
        owner = self.workspace
        _, secret = await self.platform.in_workspace(
            owner,
            lambda db: self.platform.services[OutboundWebhooks].endpoints.rotate_secret(
                db, owner.workspace_id, owner.actor, endpoint_id, self.now, at_once=at_once
            ),
        )
        return secret

    async def change(self, endpoint_id: UUID, edit: EndpointEdit) -> None:
        """A member changes an endpoint."""
        owner = self.workspace
        await self.platform.in_workspace(
            owner,
            lambda db: self.platform.services[OutboundWebhooks].endpoints.update(
                db, owner.workspace_id, owner.actor, endpoint_id, edit, self.now
            ),
        )

    async def send_due(self) -> list[DeliveryAttempt]:
        """All that is due now, one after the other."""
        made = []
        for claimed in await self.sender.claim():
            attempt = await self.sender.attempt(claimed)
            await self.sender.record(claimed, attempt)
            made.append(attempt)
        return made

    async def deliveries(self, endpoint_id: UUID) -> list[WebhookDelivery]:
        """Newest first."""
        page = await self.platform.in_workspace(
            self.workspace,
            lambda db: self.platform.services[OutboundWebhooks].deliveries.list_page(
                db, self.workspace.workspace_id, endpoint_id, status=None, page=FIRST_PAGE
            ),
        )
        return page.rows

    async def pass_until_next(self, endpoint_id: UUID) -> None:
        """The clock is set to the next attempt at this endpoint."""
        self.now = min(
            delivery.due_at for delivery in await self.deliveries(endpoint_id) if delivery.status == "pending"
        )

    async def row(self, query: str, *values: Any) -> Any:
        """One value of the database."""

        async def read(db: Connection) -> Any:
            return await db.fetchval(query, *values)

        return await self.platform.in_platform(read)


def verified(request: str, secret: str) -> tuple[str, dict[str, Any]]:
    """The webhook-id and the body of a request, as the public library for Standard Webhooks accepts it. The library
    refuses a timestamp that is five minutes off, so its clock is that of the test: NOW is long ago."""
    head, _, body = request.partition("\r\n\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n")[1:])}
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), tz=NOW.tzinfo)
    signed = Webhook(secret).sign(headers["webhook-id"], at, body)
    assert signed in headers["webhook-signature"].split(" "), "the signature is not that of the library"
    return headers["webhook-id"], msgspec.json.decode(body)


def ids(peer: HostilePeer, secret: str) -> list[str]:
    """The verified webhook-ids of all requests."""
    return [verified(request, secret)[0] for request in peer.requests]


@asynccontextmanager
async def open_desk(platform: CallPlatform, policy: DeliveryPolicy = POLICY) -> AsyncIterator[WebhookDesk]:
    """A desk with a workspace of its own."""
    desk: WebhookDesk
    webhooks = platform.services[OutboundWebhooks]
    client = WebhookHttpClient(EgressGuard(LOOPBACK), policy.timeout_s)
    sender = WebhookSender(
        platform.pool, webhooks.endpoints.safe, client, webhooks.email_queue, policy, lambda: desk.now
    )
    desk = WebhookDesk(platform, await platform.create_workspace(), sender)
    yield desk
    await platform.in_platform(
        lambda db: db.execute(
            "UPDATE outbound_webhook_endpoints SET is_enabled = false WHERE workspace_id = $1",
            desk.workspace.workspace_id,
        )
    )
