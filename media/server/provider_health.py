"""Metrics and log lines for changes of the providers' health."""

import structlog

from media.providers.health import HealthChange
from media.server.metrics import Metrics

log = structlog.get_logger()


class ProviderHealthReporter:
    """Reports changes of the providers' health as metrics and log lines."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def __call__(self, change: HealthChange) -> None:
        """Count and log a change that is relevant for operators."""
        kind, provider = change.key.kind, change.key.provider
        match change.what:
            case "ejected":
                self._metrics.provider_ejected.labels(kind, provider).inc()
                self._metrics.provider_transitions.labels(kind, provider, "ejected").inc()
                log.warning("provider.ejected", **_fields(change), **_cool_down(change))
            case "healed":
                self._metrics.provider_ejected.labels(kind, provider).dec()
                self._metrics.provider_transitions.labels(kind, provider, "healed").inc()
                log.info("provider.healed", **_fields(change))
            case "forgotten":
                self._metrics.provider_ejected.labels(kind, provider).dec()
            case "extended":
                log.warning("provider.probe_failed", **_fields(change), **_cool_down(change))


def _fields(change: HealthChange) -> dict[str, object]:
    key = change.key
    return {"kind": key.kind, "provider": key.provider, "account": key.fingerprint, "shared": change.shared}


def _cool_down(change: HealthChange) -> dict[str, object]:
    return {"cool_down_s": round(change.cool_down_s, 1), "ejections": change.ejections, "reason": change.reason}
