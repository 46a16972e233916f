"""The lock of a state folder."""

import subprocess
from pathlib import Path

import pytest

from vocalized.services.folders import locked
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
