"""The files of a stand-alone server: one line per event, an index by stream, and no path outside of its folder."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from media.server import sinks
from media.server.sinks import FLUSH_S, EventFiles, FileSink, StateFolder
from shared.events import CallNudged, CallStarted, Event, EventEnvelope, decode_event, encode_event
from tests.full_disk import full_disk
from tests.virtual_time import run_virtual


def envelope(seq: int, event: Event) -> EventEnvelope:
    return EventEnvelope("call-1", seq, "2026-11-24T10:00:00.000Z", event)


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    made = StateFolder(tmp_path / "state")
    made.prepare()
    made.prepare()
    return made


def write(
    folder: StateFolder,
    disk: ThreadPoolExecutor,
    *events: Event,
    count_lost: Callable[[float], object] = lambda count: None,
) -> None:
    async def main() -> None:
        sink = FileSink(EventFiles(folder, disk, count_lost), "call-1")
        for seq, event in enumerate(events, 1):
            sink.write(envelope(seq, event))
        sink.close()

    asyncio.run(main())
    disk.submit(int).result()


def test_events_of_all_calls_are_written_together(folder: StateFolder, disk: ThreadPoolExecutor) -> None:
    """One job of the disk thread for the events of FLUSH_S, and one for each call's end."""
    jobs: list[object] = []

    class CountingExecutor(ThreadPoolExecutor):
        def submit(self, work, /, *arguments, **keywords):  # type: ignore[no-untyped-def]
            jobs.append(work)
            return disk.submit(work, *arguments, **keywords)

    async def main() -> None:
        files = EventFiles(folder, CountingExecutor(1))
        sinks = [FileSink(files, f"call-{number}") for number in range(10)]
        for sink in sinks:
            sink.write(envelope(1, CallNudged(1)))
        assert jobs == []
        await asyncio.sleep(FLUSH_S * 1.5)
        assert len(jobs) == 1
        for sink in sinks:
            sink.write(envelope(2, CallNudged(2)))
        sinks[0].close()
        assert len(jobs) == 2
        for sink in sinks[1:]:
            sink.close()

    run_virtual(main())
    disk.submit(int).result()
    for number in range(10):
        assert len(folder.events(f"call-{number}").read_bytes().splitlines()) == 2


def test_one_line_per_event_in_order(folder: StateFolder, disk: ThreadPoolExecutor) -> None:
    write(folder, disk, CallNudged(1), CallNudged(2))
    lines = folder.events("call-1").read_bytes().splitlines()
    assert [decode_event(line) for line in lines] == [envelope(1, CallNudged(1)), envelope(2, CallNudged(2))]


def test_late_event_is_written_and_the_file_closed(folder: StateFolder, disk: ThreadPoolExecutor) -> None:
    """An open file would be reported at the end of the test."""

    async def main() -> None:
        sink = FileSink(EventFiles(folder, disk), "call-1")
        sink.write(envelope(1, CallNudged(1)))
        sink.close()
        sink.write(envelope(2, CallNudged(2)))

    run_virtual(main())
    disk.submit(int).result()
    assert len(folder.events("call-1").read_bytes().splitlines()) == 2


def test_call_is_found_by_its_stream(folder: StateFolder, disk: ThreadPoolExecutor) -> None:
    write(folder, disk, CallStarted("twilio", "CA1", "MZ1", "Front desk"))
    path = folder.stream("MZ1")
    assert path is not None
    assert path.read_text() == "call-1"


def test_index_entry_is_never_empty(
    folder: StateFolder, disk: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader may look for the stream at any time."""
    seen: list[bool] = []
    write_text = Path.write_text

    def slowly(self: Path, data: str) -> int:
        self.touch()
        seen.append((folder.state / "streams" / "MZ1").exists())
        return write_text(self, data)

    monkeypatch.setattr(Path, "write_text", slowly)
    write(folder, disk, CallStarted("twilio", "CA1", "MZ1", "Front desk"))
    assert seen == [False]
    assert [path.name for path in (folder.state / "streams").iterdir()] == ["MZ1"]


@pytest.mark.parametrize(
    "stream_id", ["../calls/x", "/etc/passwd", "..", ".hidden", "", "a/b", "a\\b", "a b", "x" * 129]
)
def test_unsafe_stream_id_does_not_become_a_path(folder: StateFolder, disk: ThreadPoolExecutor, stream_id: str) -> None:
    assert folder.stream(stream_id) is None
    write(folder, disk, CallStarted("twilio", "CA1", stream_id, "Front desk"))
    assert list((folder.state / "streams").iterdir()) == []
    assert len(folder.events("call-1").read_bytes().splitlines()) == 1


@pytest.mark.parametrize(
    "stream_id", ["MZ18ad3ab5a668481ce02b83e7395059f0", "32de0dea-53cb-4b21", "v3:abc_X.y", "x" * 128]
)
def test_ids_of_carriers_are_accepted(folder: StateFolder, stream_id: str) -> None:
    assert folder.stream(stream_id) == folder.state / "streams" / stream_id


def test_recording_path(folder: StateFolder) -> None:
    assert folder.recording("call-1") == folder.state / "recordings" / "call-1.wav"


def test_event_that_cannot_be_written_is_logged_and_counted(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    lost = list[float]()
    (tmp_path / "no folder").touch()
    with capture_logs() as logs:
        write(StateFolder(tmp_path / "no folder"), disk, CallNudged(1), CallNudged(2), count_lost=lost.append)
    assert [(entry["event"], entry["call_id"], entry["seq"]) for entry in logs] == [
        ("event.lost", "call-1", 1), ("event.lost", "call-1", 2),
    ]  # fmt: skip
    assert lost == [1, 1]


def test_full_disk_loses_whole_events_and_the_call_is_found_later(
    folder: StateFolder, disk: ThreadPoolExecutor
) -> None:
    events: list[Event] = [CallStarted("twilio", "CA1", "MZ1", "Front desk"), CallNudged(1), CallNudged(2)]
    lost, path = list[float](), folder.events("call-1")
    line = len(encode_event(envelope(1, events[0])))

    async def main() -> None:
        files = EventFiles(folder, disk, lost.append)
        sink = FileSink(files, "call-1")
        with full_disk(line + 20):  # the second event fits in part; the index entry would fit
            sink.write(envelope(1, events[0]))
            sink.write(envelope(2, events[1]))
            await asyncio.sleep(FLUSH_S * 1.5)
            disk.submit(int).result()
        assert lost == [1]
        sink.write(envelope(3, events[2]))
        sink.close()

    run_virtual(main())
    disk.submit(int).result()
    assert [decode_event(line).seq for line in path.read_bytes().splitlines()] == [1, 3]


def test_removed_folder_is_made_anew_and_what_was_in_it_is_named(folder: StateFolder, disk: ThreadPoolExecutor) -> None:
    async def main() -> None:
        sink = FileSink(EventFiles(folder, disk), "call-1")
        sink.write(envelope(1, CallNudged(1)))
        await asyncio.sleep(FLUSH_S * 1.5)
        disk.submit(shutil.rmtree, folder.state).result()
        sink.write(envelope(2, CallNudged(2)))
        sink.close()

    with capture_logs() as logs:
        run_virtual(main())
        disk.submit(int).result()
    assert [decode_event(line).seq for line in folder.events("call-1").read_bytes().splitlines()] == [2]
    assert [(entry["event"], entry["call_id"]) for entry in logs] == [("event.file_vanished", "call-1")]


def test_disk_that_hangs_costs_events_and_no_memory(folder: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sinks, "MAX_WAITING", 3)
    lost, released = list[float](), threading.Event()
    with ThreadPoolExecutor(1) as hanging, capture_logs() as logs:

        async def main() -> None:
            hanging.submit(released.wait)
            sink = FileSink(EventFiles(folder, hanging, lost.append), "call-1")
            for seq in range(1, 6):
                sink.write(envelope(seq, CallNudged(seq)))
            released.set()
            hanging.submit(int).result()
            sink.close()

        run_virtual(main())
    assert [(entry["event"], entry["seq"]) for entry in logs] == [("event.lost", 4), ("event.lost", 5)]
    assert sum(lost) == 2
    assert [decode_event(line).seq for line in folder.events("call-1").read_bytes().splitlines()] == [1, 2, 3]


def test_index_entry_that_a_full_disk_refused_is_written_with_the_next_event(
    folder: StateFolder, disk: ThreadPoolExecutor
) -> None:
    path = folder.stream("MZ1")
    assert path is not None

    async def main() -> None:
        sink = FileSink(EventFiles(folder, disk), "call-1")
        with full_disk(0):
            sink.write(envelope(1, CallStarted("twilio", "CA1", "MZ1", "Front desk")))
            await asyncio.sleep(FLUSH_S * 1.5)
            disk.submit(int).result()
        assert not path.exists()
        sink.write(envelope(2, CallNudged(1)))
        sink.close()

    run_virtual(main())
    disk.submit(int).result()
    assert path.read_text() == "call-1"


def test_call_without_events_creates_no_file(folder: StateFolder, disk: ThreadPoolExecutor) -> None:
    write(folder, disk)
    assert not folder.events("call-1").exists()
