"""What Prometheus is told about webhooks."""

from prometheus_client import CollectorRegistry, Counter


class WebhookMetrics:
    """registry: the API's own; without one, figures are kept to ourselves."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry if registry is not None else CollectorRegistry()
        self.refused = Counter(
            "vocalized_control_webhooks_refused",
            "Webhooks not from the carrier",
            ["carrier", "reason"],
            registry=registry,
        )
        self.taken = Counter(
            "vocalized_control_webhooks",
            "Webhooks by what became of them",
            ["carrier", "kind", "outcome"],
            registry=registry,
        )
        self.apologies = Counter(
            "vocalized_control_webhook_apologies", "Callers told that we failed", ["carrier"], registry=registry
        )
        self.resumed = Counter(
            "vocalized_control_webhook_resumed", "Calls led to another media stream", ["carrier"], registry=registry
        )
        self.repeats = Counter(
            "vocalized_control_webhook_repeats", "Transactions that collided and were repeated", registry=registry
        )
