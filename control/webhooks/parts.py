"""What all sources of webhooks share, made once a program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from control.db.pool import Pool
from control.http.services import Services
from control.webhooks.addresses import WebhookRoute
from control.webhooks.background_tasks import BackgroundTasks
from control.webhooks.call_routing import CallRouting
from control.webhooks.inbox.deferral import WebhookDeferral
from control.webhooks.inbox.inbox import WebhookInbox
from control.webhooks.inbox.source import WebhookSource
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.transactions import PlatformTransactions
from shared.bus.webhook_queue import DeferredWebhooks


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """Given to each source when it is built."""

    options: WebhookOptions
    services: Services
    metrics: WebhookMetrics
    transactions: PlatformTransactions
    deferral: WebhookDeferral
    inbox: WebhookInbox
    routing: CallRouting
    background: BackgroundTasks


@dataclass(frozen=True, slots=True)
class SourceDefinition:
    """A row of the table of sources. name: as in webhook_events.source. routes: the source's addresses, for the API's
    document. build: makes the source; it may raise ValueError for a key that is none."""

    name: str
    routes: Sequence[WebhookRoute]
    build: Callable[[WebhookParts], WebhookSource[Any]]


def make_parts(pool: Pool, services: Services, options: WebhookOptions, metrics: WebhookMetrics) -> WebhookParts:
    """Opens nothing."""
    transactions = PlatformTransactions(pool, metrics)
    deferral = WebhookDeferral(transactions, services[DeferredWebhooks], options.media_assignment_s)
    return WebhookParts(
        options=options,
        services=services,
        metrics=metrics,
        transactions=transactions,
        deferral=deferral,
        inbox=WebhookInbox(transactions, deferral, metrics, options.deadline_s),
        routing=CallRouting(transactions, services, metrics, options.media_assignment_s),
        # Longer than the commands of one event may take, because their result is stored afterwards.
        background=BackgroundTasks(timeout_s=options.commands_s + 4),
    )
