"""The queue of lines on disk, and folders that a process owns until it dies."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.server.bus.spool import EventFile, NodeFolder, list_folders

LINES = [b'{"n":%d}' % n for n in range(10)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_oldest_lines_are_read_until_all_are_removed(path: Path) -> None:
    file = EventFile(path, 10_000)
    assert not file.has_unsent
    assert file.append(LINES[:3]) == 3 and file.append(LINES[3:5]) == 2
    assert file.read_oldest(2) == LINES[:2] == file.read_oldest(2)
    file.remove_oldest(LINES[:2])
    file.append(LINES[5:6])
    assert file.has_unsent and file.read_oldest(100) == LINES[2:6]
    file.remove_oldest(LINES[2:6])
    assert not file.has_unsent and not path.exists()
    assert file.append(LINES[:1]) == 1 and file.read_oldest(9) == LINES[:1]


def test_size_limit_refuses_the_newest_lines(path: Path) -> None:
    file = EventFile(path, 2 * (len(LINES[0]) + 1) + 3)
    assert file.append(LINES) == 2
    assert file.append([b"x", b"yy"]) == 1
    assert file.read_oldest(9) == [*LINES[:2], b"x"]


def test_another_process_reads_from_the_beginning(path: Path) -> None:
    EventFile(path, 1_000).append(LINES)
    later = EventFile(path, 0)
    assert later.has_unsent and later.read_oldest(100) == LINES
    later.remove_oldest(LINES)
    assert not path.exists()


def test_truncated_line_is_skipped(path: Path) -> None:
    path.write_bytes(b"\n".join(LINES[:2]) + b'\n{"n":')
    file = EventFile(path, 0)
    assert file.read_oldest(100) == LINES[:2]
    file.remove_oldest(LINES[:2])
    assert file.read_oldest(100) == []
    file.remove_oldest([])
    assert not file.has_unsent and not path.exists()


def test_long_line_is_read_completely(path: Path) -> None:
    long = b"x" * 600_000
    file = EventFile(path, 10_000_000)
    file.append([long, b"y"])
    assert file.read_oldest(2)[0] == long


def test_failing_disk_appends_nothing(tmp_path: Path) -> None:
    (tmp_path / "no folder").touch()
    file = EventFile(tmp_path / "no folder" / "events.jsonl", 1_000)
    with pytest.raises(OSError):
        file.append(LINES)
    assert not file.has_unsent


@given(st.lists(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=5), max_size=10))
def test_lines_are_read_in_the_order_they_were_appended(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]]
) -> None:
    file, sent = EventFile(tmp_path_factory.mktemp("spool") / "events", 1_000_000), []
    for batch in batches:
        file.append(batch)
        if file.has_unsent:
            lines = file.read_oldest(3)
            file.remove_oldest(lines)
            sent += lines
    while file.has_unsent:
        lines = file.read_oldest(3)
        file.remove_oldest(lines)
        sent += lines
    assert sent == [line for batch in batches for line in batch]


class TestFolders:
    """A folder has one owner at a time."""

    def test_is_locked_until_it_is_released(self, tmp_path: Path) -> None:
        own = NodeFolder.create(tmp_path, "node-1")
        assert list_folders(tmp_path) == [own.path]
        assert NodeFolder.take_over(own.path) is None
        own.release()
        assert list_folders(tmp_path) == [] and NodeFolder.take_over(own.path) is None

    def test_stays_while_files_are_left_in_it(self, tmp_path: Path) -> None:
        own = NodeFolder.create(tmp_path, "node-1")
        recording = own.recording("workspace", "call", 0)
        recording.parent.mkdir()
        recording.write_bytes(b"x")
        own.release()
        taken_over = NodeFolder.take_over(own.path)
        assert taken_over is not None and list(taken_over.recordings()) == [recording]
        recording.unlink()
        taken_over.release()
        assert list(tmp_path.iterdir()) == []

    def test_is_unlocked_even_if_it_cannot_be_removed(self, tmp_path: Path) -> None:
        own = NodeFolder.create(tmp_path, "node-1")
        foreign_file = own.path / "recordings" / "notes.txt"
        foreign_file.touch()
        with pytest.raises(OSError):
            own.release()
        taken_over = NodeFolder.take_over(own.path)
        assert taken_over is not None
        foreign_file.unlink()
        taken_over.release()
        assert list(tmp_path.iterdir()) == []

    def test_can_be_taken_over_when_its_process_dies(self, tmp_path: Path) -> None:
        code = (
            "import os, pathlib, sys; from media.server.bus.spool import NodeFolder as N;"
            "f = N.create(pathlib.Path(sys.argv[1]), 'dead'); f.events.write_bytes(b'x'); os.kill(os.getpid(), 9)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
        assert done.returncode == -9
        taken_over = NodeFolder.take_over(tmp_path / "dead")
        assert taken_over is not None
        taken_over.release()

    def test_file_in_its_place_is_ignored(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("x")
        assert NodeFolder.take_over(tmp_path / "notes.txt") is None
        assert list_folders(tmp_path / "never made") == []


def test_lines_of_a_file_that_was_removed_are_counted_and_the_next_ones_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    file = EventFile(folder / "events.jsonl", 10_000)
    file.append(LINES[:3])
    file.remove_oldest(LINES[:1])
    shutil.rmtree(folder)
    assert file.read_oldest(9) == [] and not file.has_unsent and file.take_vanished() == 2
    file.append(LINES[3:5])
    (folder / "events.jsonl").write_bytes(b"")
    assert file.append(LINES[5:6]) == 1 and file.take_vanished() == 2
    assert file.read_oldest(9) == LINES[5:6] and file.take_vanished() == 0


def test_removed_folder_is_created_again_and_stays_locked_by_its_process(tmp_path: Path) -> None:
    folder = NodeFolder.create(tmp_path, "node-a")
    assert not folder.restore()
    shutil.rmtree(folder.path)
    recording = folder.recording("w", "call", 0)
    recording.parent.mkdir(parents=True)
    recording.touch()
    assert NodeFolder.take_over(folder.path) is None, "nobody knows yet whose it is"
    assert folder.restore() and not folder.restore()
    assert NodeFolder.take_over(folder.path) is None, "its process lives"
    folder.release()
    recovered = NodeFolder.take_over(folder.path)
    assert recovered is not None and list(recovered.recordings()) == [recording]
    recovered.release()
    shutil.rmtree(folder.path)


def test_folder_that_was_removed_is_released(tmp_path: Path) -> None:
    folder = NodeFolder.create(tmp_path, "node-a")
    shutil.rmtree(folder.path)
    folder.release()
    assert list_folders(tmp_path) == []
