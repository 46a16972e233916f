"""`vocalized providers`: runs `python -m control providers` with the settings of the platform that `up` runs."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from vocalized.stack.operator_settings import read_operator_settings


def run_providers(root: Path, state: Path, arguments: Sequence[str]) -> int:
    """Returns the command's exit code. Raises StackNotRunning."""
    settings = read_operator_settings(state)
    command = [sys.executable, "-m", "control", "providers", *arguments]
    return subprocess.run(command, cwd=root, env={**os.environ, **settings}).returncode
