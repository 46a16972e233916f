"""A state folder that cannot be used, over the command line: one sentence, exit code 1."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("command", [["up", "--control-port=0", "--media-port=0", "--carrier-port=0"], ["services"]])
def test_unusable_state_is_reported_in_one_sentence(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    state = tmp_path / "file" / "state"
    arguments = [sys.executable, "-m", "vocalized", *command, "--state", str(state)]
    outcome = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 1
    name = "vocalized up" if command[0] == "up" else "vocalized"
    assert outcome.stderr == f"{name}: the state folder {state} cannot be used: Not a directory\n"
