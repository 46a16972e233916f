"""`vocalized providers`, `prices` and `explain`: run the control program's commands with the settings of the platform
that `up` runs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vocalized.stack.operator_settings import read_operator_settings


def run_control_command(root: Path, state: Path, command: str, arguments: Sequence[str]) -> int:
    """Returns the command's exit code. Raises StackNotRunning."""
    settings = read_operator_settings(state)
    program = [sys.executable, "-m", "control", command, *arguments]
    return subprocess.run(program, cwd=root, env={**os.environ, **settings}).returncode
