"""Who holds a state folder."""

import subprocess
from pathlib import Path

import pytest

from vocalized.services.child import ServiceFailed
from vocalized.services.folders import held


def test_a_state_in_use_is_refused_and_free_afterwards(tmp_path: Path) -> None:
    with (
        held(tmp_path / "lock"),
        pytest.raises(ServiceFailed, match="in use by another process"),
        held(tmp_path / "lock", patience_s=0.1),
    ):
        pass
    with held(tmp_path / "lock", patience_s=0):
        pass


def test_it_stays_in_use_until_the_last_process_that_was_given_the_lock_has_ended(tmp_path: Path) -> None:
    with held(tmp_path / "lock") as lock:
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=(lock,))
    try:
        with pytest.raises(ServiceFailed), held(tmp_path / "lock", patience_s=0):
            pass
    finally:
        process.communicate()
    with held(tmp_path / "lock", patience_s=0):
        pass
