"""The state folder is full, and Redis is away: events stay in memory, go on in order, and each loss names its call."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from structlog.testing import capture_logs

from media.server.bus import publisher as publishing
from media.server.bus.publisher import EventPublisher
from media.server.bus.spool import EventFile
from media.server.metrics import Metrics
from shared.bus.client import bus_client
from shared.bus.events import EventStream
from shared.events import CallNudged, EventEnvelope, decode_event, encode_event
from tests.platform.bus_node import wait_until
from tests.virtual_time import run_virtual


def lines(call_id: str, count: int) -> list[bytes]:
    return [encode_event(EventEnvelope(call_id, seq, "2026-11-26T12:00:00Z", CallNudged(seq))) for seq in range(count)]


async def test_reports_events_that_memory_cannot_hold_and_keeps_the_rest(tmp_path: Path) -> None:
    metrics, folder = Metrics(), tmp_path / "comes-later"
    folder.touch()
    redis = bus_client(f"unix://{tmp_path}/no-valkey.sock", 1.0)
    with ThreadPoolExecutor(1) as disk, capture_logs() as logs:
        publisher = EventPublisher(EventStream(redis), EventFile(folder / "events.jsonl", 1 << 30), disk, metrics)
        publisher.start()
        kept = lines("call-1", publishing.MAX_WAITING)
        for line in (*kept, *lines("call-2", 3), *lines("call-3", 1)):
            publisher.publish(line)

        async def is_reported() -> bool:
            return len([entry for entry in logs if entry["event"] == "events.lost"]) == 2

        await wait_until(is_reported)
        assert any(entry["event"] == "spool.write_failed" for entry in logs)
        folder.unlink()  # the disk works again
        await publisher.wait_durable()
        assert not await publisher.close(0.1)
    await redis.aclose()
    assert {entry["call_id"]: entry["lost"] for entry in logs if entry["event"] == "events.lost"} == {
        "call-2": 3, "call-3": 1,
    }  # fmt: skip
    assert metrics.registry.get_sample_value("vocalized_media_events_lost_total") == 4
    stored = (folder / "events.jsonl").read_bytes().splitlines()
    assert [decode_event(line).seq for line in stored] == list(range(publishing.MAX_WAITING))


async def test_reports_at_the_end_events_that_were_not_stored_anywhere(tmp_path: Path) -> None:
    metrics = Metrics()
    redis = bus_client(f"unix://{tmp_path}/no-valkey.sock", 1.0)
    with ThreadPoolExecutor(1) as disk, capture_logs() as logs:
        (tmp_path / "no-folder").touch()
        file = EventFile(tmp_path / "no-folder" / "events.jsonl", 1 << 30)
        publisher = EventPublisher(EventStream(redis), file, disk, metrics)
        publisher.start()
        for line in (*lines("call-1", 2), *lines("call-2", 1)):
            publisher.publish(line)
        assert not await publisher.close(0.1)
    await redis.aclose()
    assert {entry["call_id"]: entry["lost"] for entry in logs if entry["event"] == "events.lost"} == {
        "call-1": 2, "call-2": 1,
    }  # fmt: skip
    assert metrics.registry.get_sample_value("vocalized_media_events_lost_total") == 3


def test_failing_disk_is_not_retried_for_each_event(tmp_path: Path) -> None:
    """Each attempt would write all that waits, 50,000 events at worst."""

    async def scenario() -> None:
        redis = bus_client(f"unix://{tmp_path}/no-valkey.sock", 1.0)
        (tmp_path / "no-folder").touch()
        file = EventFile(tmp_path / "no-folder" / "events.jsonl", 1 << 30)
        publisher = EventPublisher(EventStream(redis), file, disk, Metrics())
        publisher.start()
        with capture_logs() as logs:
            for line in lines("call-1", 500):
                publisher.publish(line)
                await asyncio.sleep(0.02)
        failures = [entry for entry in logs if entry["event"] == "spool.write_failed"]
        assert 2 <= len(failures) <= 11, "10 s"
        await publisher.close(0.1)
        await redis.aclose()

    with ThreadPoolExecutor(1) as disk:
        run_virtual(scenario())
