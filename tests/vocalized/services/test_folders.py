"""A state folder: its creation and its lock."""

import subprocess
from pathlib import Path

import pytest

from vocalized.services.folders import locked, make_state
from vocalized.services.process import ServiceFailed


def test_locked_state_is_refused_and_free_afterwards(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock"),
        pytest.raises(ServiceFailed, match="in use by another process"),
        locked(tmp_path / "lock", patience_s=0.1),
    ):
        pass
    with locked(tmp_path / "lock", patience_s=0):
        pass


def test_state_stays_locked_until_the_last_process_with_the_lock_has_ended(tmp_path: Path) -> None:
    with locked(tmp_path / "lock") as lock:
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,))
    try:
        with pytest.raises(ServiceFailed), locked(tmp_path / "lock", patience_s=0):
            pass
    finally:
        process.communicate()
    with locked(tmp_path / "lock", patience_s=0):
        pass


def test_new_state_folder_is_closed_to_others(tmp_path: Path) -> None:
    folder = make_state(tmp_path / "new" / "state")
    assert folder == (tmp_path / "new" / "state").resolve()
    assert folder.stat().st_mode & 0o766 == 0o700  # where root runs it, PostgreSQL's user may enter
    assert list(folder.iterdir()) == []


def test_mode_of_an_existing_folder_stays(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_state(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o755


def test_unusable_state_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "state", Path("/proc/state")):
        with pytest.raises(ServiceFailed, match=f"^the state folder {folder} cannot be used: [A-Z][a-z ]+$"):
            make_state(folder)
