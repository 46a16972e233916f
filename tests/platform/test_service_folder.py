"""Where the data of the tests' servers are."""

from pathlib import Path

import pytest

from tests.platform.service_folder import make_service_folder


@pytest.mark.parametrize(("room_bytes", "in_memory"), [(1, True), (2**70, False)])
def test_the_folder_is_in_memory_if_there_is_room(room_bytes: int, in_memory: bool, tmp_path: Path) -> None:
    folder = make_service_folder(tmp_path, room_bytes)
    try:
        assert folder.parent == (tmp_path if in_memory else Path("/tmp"))
        assert folder.stat().st_mode & 0o777 == 0o711
    finally:
        folder.rmdir()


def test_without_shared_memory_the_folder_is_on_disk(tmp_path: Path) -> None:
    folder = make_service_folder(tmp_path / "missing")
    assert folder.parent == Path("/tmp")
    folder.rmdir()
