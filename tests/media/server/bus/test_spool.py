"""Lines on disk in their order, and folders that one process owns until it dies."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.server.bus.spool import EventFile, NodeFolder, abandoned

LINES = [b'{"n":%d}' % n for n in range(10)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_gives_out_the_oldest_until_all_are_sent(path: Path) -> None:
    file = EventFile(path, 10_000)
    assert not file.waiting
    assert file.add(LINES[:3]) == 3 and file.add(LINES[3:5]) == 2
    assert file.head(2) == LINES[:2] == file.head(2)
    file.done(LINES[:2])
    file.add(LINES[5:6])
    assert file.waiting and file.head(100) == LINES[2:6]
    file.done(LINES[2:6])
    assert not file.waiting and not path.exists()
    assert file.add(LINES[:1]) == 1 and file.head(9) == LINES[:1]


def test_takes_no_more_than_it_may_and_none_in_the_place_of_an_older_one(path: Path) -> None:
    file = EventFile(path, 2 * (len(LINES[0]) + 1) + 3)
    assert file.add(LINES) == 2
    assert file.add([b"x", b"yy"]) == 1
    assert file.head(9) == [*LINES[:2], b"x"]


def test_another_process_goes_on_from_the_beginning(path: Path) -> None:
    EventFile(path, 1_000).add(LINES)
    later = EventFile(path, 0)
    assert later.waiting and later.head(100) == LINES
    later.done(LINES)
    assert not path.exists()


def test_a_line_that_was_cut_off_is_left_out(path: Path) -> None:
    path.write_bytes(b"\n".join(LINES[:2]) + b'\n{"n":')
    file = EventFile(path, 0)
    assert file.head(100) == LINES[:2]
    file.done(LINES[:2])
    assert file.head(100) == []
    file.done([])
    assert not file.waiting and not path.exists()


def test_a_long_line_is_read_whole(path: Path) -> None:
    long = b"x" * 600_000
    file = EventFile(path, 10_000_000)
    file.add([long, b"y"])
    assert file.head(2)[0] == long


def test_a_disk_that_fails_takes_none(tmp_path: Path) -> None:
    file = EventFile(tmp_path / "no folder" / "events.jsonl", 1_000)
    with pytest.raises(OSError):
        file.add(LINES)
    assert not file.waiting


@given(st.lists(st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line), max_size=5), max_size=10))
def test_whatever_goes_in_comes_out_in_order(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]]
) -> None:
    file, sent = EventFile(tmp_path_factory.mktemp("spool") / "events", 1_000_000), []
    for batch in batches:
        file.add(batch)
        if file.waiting:
            lines = file.head(3)
            file.done(lines)
            sent += lines
    while file.waiting:
        lines = file.head(3)
        file.done(lines)
        sent += lines
    assert sent == [line for batch in batches for line in batch]


class TestFolders:
    """One owner at a time."""

    def test_is_ones_own_until_it_is_released(self, tmp_path: Path) -> None:
        mine = NodeFolder.make(tmp_path, "node-1")
        assert abandoned(tmp_path) == [mine.path]
        assert NodeFolder.take(mine.path) is None
        mine.release()
        assert abandoned(tmp_path) == [] and NodeFolder.take(mine.path) is None

    def test_stays_with_what_is_left_in_it(self, tmp_path: Path) -> None:
        mine = NodeFolder.make(tmp_path, "node-1")
        recording = mine.recording("workspace", "call", 0)
        recording.parent.mkdir()
        recording.write_bytes(b"x")
        mine.release()
        heir = NodeFolder.take(mine.path)
        assert heir is not None and list(heir.recordings()) == [recording]
        recording.unlink()
        heir.release()
        assert list(tmp_path.iterdir()) == []

    def test_is_given_up_although_it_cannot_go(self, tmp_path: Path) -> None:
        mine = NodeFolder.make(tmp_path, "node-1")
        stranger = mine.path / "recordings" / "notes.txt"
        stranger.touch()
        with pytest.raises(OSError):
            mine.release()
        heir = NodeFolder.take(mine.path)
        assert heir is not None
        stranger.unlink()
        heir.release()
        assert list(tmp_path.iterdir()) == []

    def test_is_free_when_its_process_dies(self, tmp_path: Path) -> None:
        code = (
            "import os, pathlib, sys; from media.server.bus.spool import NodeFolder as N;"
            "f = N.make(pathlib.Path(sys.argv[1]), 'dead'); f.events.write_bytes(b'x'); os.kill(os.getpid(), 9)"
        )
        done = subprocess.run([sys.executable, "-c", code, str(tmp_path)])
        assert done.returncode == -9
        heir = NodeFolder.take(tmp_path / "dead")
        assert heir is not None
        heir.release()

    def test_a_file_in_its_place_is_nobodys(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("x")
        assert NodeFolder.take(tmp_path / "notes.txt") is None
        assert abandoned(tmp_path / "never made") == []
