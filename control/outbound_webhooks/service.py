"""The services of outbound webhooks, made once per program."""

from dataclasses import dataclass

from control.accounts.email_delivery import EmailQueue
from control.db.pool import Pool
from control.outbound_webhooks.deliveries import WebhookDeliveries
from control.outbound_webhooks.endpoints import WebhookEndpoints
from control.outbound_webhooks.http_client import MakeTransport, WebhookHttpClient
from control.outbound_webhooks.model import DeliveryPolicy
from control.outbound_webhooks.secret_safe import SecretSafe
from control.outbound_webhooks.sender import CountAttempt, WebhookSender
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class OutboundWebhooks:
    """What the API and the worker use."""

    endpoints: WebhookEndpoints
    deliveries: WebhookDeliveries
    email_queue: EmailQueue
    make_transport: MakeTransport
    policy: DeliveryPolicy

    def make_sender(self, pool: Pool, count_attempt: CountAttempt) -> WebhookSender:
        """For a worker. count_attempt: called with the outcome of each attempt."""
        client = WebhookHttpClient(self.endpoints.guard, self.make_transport, self.policy.timeout_s)
        return WebhookSender(
            pool, self.endpoints.safe, client, self.email_queue, self.policy, count_attempt=count_attempt
        )


def make_outbound_webhooks(
    workspaces: Workspaces,
    sealer: Sealer,
    guard: EgressGuard,
    email_queue: EmailQueue,
    make_transport: MakeTransport,
    policy: DeliveryPolicy,
) -> OutboundWebhooks:
    """make_transport: whose connections pass the guard, from a room above."""
    endpoints = WebhookEndpoints(workspaces, SecretSafe(sealer), guard)
    return OutboundWebhooks(endpoints, WebhookDeliveries(endpoints), email_queue, make_transport, policy)
