"""Prometheus counters of webhooks."""

from prometheus_client import CollectorRegistry, Counter


class WebhookMetrics:
    """registry: the program's own; without one, the counters are not published."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry if registry is not None else CollectorRegistry()
        self.refused = Counter(
            "vocalized_control_webhooks_refused",
            "Webhooks refused for their signature",
            ["carrier", "reason"],
            registry=registry,
        )
        self.received = Counter(
            "vocalized_control_webhooks",
            "Webhooks received, by outcome",
            ["carrier", "kind", "outcome"],
            registry=registry,
        )
        self.apologies = Counter(
            "vocalized_control_webhook_apologies",
            "Spoken apologies after an error of ours",
            ["carrier"],
            registry=registry,
        )
        self.resumed = Counter(
            "vocalized_control_webhook_resumed", "Calls resumed on another media stream", ["carrier"], registry=registry
        )
        self.repeats = Counter(
            "vocalized_control_webhook_repeats", "Transactions repeated after a deadlock", registry=registry
        )
