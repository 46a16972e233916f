"""What webhooks need of `control.services.Services` and of a carrier."""

from typing import Protocol

from control.billing.spend_guard import SpendGuard
from control.calls.media_assignment import MediaAssignment
from control.calls.service import Calls
from control.carriers.registry import Carriers
from shared.bus.webhook_queue import DeferredWebhooks


class WebhookServices(Protocol):
    """The part of the API's and the worker's services that webhooks use."""

    @property
    def calls(self) -> Calls:
        """Admission of calls, and their records."""

    @property
    def media_assignment(self) -> MediaAssignment:
        """Media nodes, tickets, checkpoints and stream outcomes."""

    @property
    def spend_guard(self) -> SpendGuard:
        """Keeps calls within their workspace's spending limit."""

    @property
    def carriers(self) -> Carriers:
        """The carriers' gateways, for commands."""

    @property
    def deferred_webhooks(self) -> DeferredWebhooks:
        """The queue in Redis for webhooks that arrive while the database is unavailable."""
