"""What operators see of the providers' health."""

import structlog

from media.providers.health import ABANDONED_S, HealthBoard, HealthKey
from media.providers.ports import KeyRefused, ProviderSlow
from media.server.metrics import Metrics
from media.server.provider_health import ProviderHealthReporter

KEY = HealthKey("llm", "groq", "f00")
LABELS = {"kind": "llm", "provider": "groq"}


def test_each_change_is_logged_and_counted_once() -> None:
    now, metrics = 0.0, Metrics()
    board = HealthBoard(lambda: now, chance=lambda: 0.0)
    board.subscribe(ProviderHealthReporter(metrics))
    with structlog.testing.capture_logs() as logs:
        for _ in range(5):
            board.start(KEY).fail(ProviderSlow("groq", "nothing came for 4 s"))
        assert metrics.registry.get_sample_value("vocalized_media_provider_ejected", LABELS) == 1
        now = 15.0
        board.start(KEY).fail(ProviderSlow("groq", "nothing came for 4 s"))
        now = 45.0
        board.start(KEY).mark_useful()
    assert [line["event"] for line in logs] == ["provider.ejected", "provider.probe_failed", "provider.healed"]
    assert logs[0] == {
        "event": "provider.ejected",
        "log_level": "warning",
        "kind": "llm",
        "provider": "groq",
        "account": "f00",
        "shared": False,
        "cool_down_s": 15.0,
        "ejections": 1,
        "reason": "nothing came for 4 s",
    }
    assert logs[1]["cool_down_s"] == 30.0
    assert metrics.registry.get_sample_value("vocalized_media_provider_ejected", LABELS) == 0
    for to in ("ejected", "healed"):
        labels = {**LABELS, "to": to}
        assert metrics.registry.get_sample_value("vocalized_media_provider_transitions_total", labels) == 1


def test_an_account_that_is_used_no_more_is_not_counted_as_ejected() -> None:
    now, metrics = 0.0, Metrics()
    board = HealthBoard(lambda: now, chance=lambda: 0.0)
    board.subscribe(ProviderHealthReporter(metrics))
    for _ in range(2):
        board.start(KEY).fail(KeyRefused("groq", "HTTP 401"))
    assert metrics.registry.get_sample_value("vocalized_media_provider_ejected", LABELS) == 1
    now = 2 * ABANDONED_S
    board.recent()
    assert metrics.registry.get_sample_value("vocalized_media_provider_ejected", LABELS) == 0
