"""The Prometheus metrics of one worker and of several."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from media.server.metrics import CONTENT_TYPE, LATENCY_BUCKETS_S, Metrics


def samples(text: bytes) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


def test_renders_what_was_counted() -> None:
    metrics = Metrics()
    metrics.calls_active.inc()
    metrics.calls.labels("twilio", "caller_hangup").inc()
    metrics.messages.inc(1_500)
    metrics.latency.labels("total").observe(0.45)
    found = samples(metrics.render())
    ended = frozenset({("carrier", "twilio"), ("end_reason", "caller_hangup")})
    assert found["vocalized_media_calls_active", frozenset()] == 1
    assert found["vocalized_media_calls_total", ended] == 1
    assert found["vocalized_media_messages_total", frozenset()] == 1_500
    for bucket in LATENCY_BUCKETS_S:
        labels = frozenset({("stage", "total"), ("le", str(bucket))})
        assert found["vocalized_media_answer_seconds_bucket", labels] == (1 if bucket >= 0.45 else 0)


def test_bus_metric_exists_only_on_the_bus() -> None:
    """Otherwise an alert about nodes that lost Redis would fire for stand-alone servers."""
    metrics = Metrics()
    assert "vocalized_media_bus_up" not in metrics.render().decode()
    metrics.bus_up.set(0)
    assert samples(metrics.render())["vocalized_media_bus_up", frozenset()] == 0


def test_two_workers_in_one_process_do_not_mix() -> None:
    first, second = Metrics(), Metrics()
    first.calls_active.inc()
    assert samples(second.render())["vocalized_media_calls_active", frozenset()] == 0


def test_the_content_type_is_the_text_format() -> None:
    assert CONTENT_TYPE.startswith("text/plain; version=0.0.4")


def test_each_of_several_workers_reports_all(tmp_path: Path) -> None:
    """Runs in processes, because the library chooses its storage when it is imported."""
    work = "from media.server.metrics import Metrics; m = Metrics(); m.calls_active.inc(2); m.messages.inc(5)"
    for code in (work, work, work + "; import sys; sys.stdout.buffer.write(m.render())"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)},
            capture_output=True,
            check=True,
        )
    found = samples(done.stdout)
    assert found["vocalized_media_messages_total", frozenset()] == 15
    assert found["vocalized_media_calls_active", frozenset()] == 6
