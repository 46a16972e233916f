"""The Python environment of another checkout: its programs need the packages of their own version."""

import os
import subprocess
from pathlib import Path
from typing import Final

# The packages may have to be downloaded.
SETUP_S: Final = 1_200.0
# Of the environment of this process; they would lead the other checkout's script to our packages.
_OURS: Final = ("VENV", "VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")


class SetupFailed(RuntimeError):
    """A checkout's environment could not be made; the message holds the end of the output."""


def find_python(checkout: Path, setup_s: float = SETUP_S) -> Path:
    """The interpreter in the checkout's `.venv`, which its own `tools/setup.sh` makes if there is none.

    setup_s: time limit of the script. Raises SetupFailed."""
    python = checkout / ".venv" / "bin" / "python"
    if not python.exists():
        _run_setup(checkout, setup_s)
    if not python.exists():
        raise SetupFailed(f"{checkout}/tools/setup.sh made no {python}")
    return python


def _run_setup(checkout: Path, setup_s: float) -> None:
    environment = {name: value for name, value in os.environ.items() if name not in _OURS}
    try:
        done = subprocess.run(
            ["tools/setup.sh"], cwd=checkout, env=environment, timeout=setup_s, check=False, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise SetupFailed(f"{checkout}/tools/setup.sh: {error.strerror or error}") from error
    except subprocess.TimeoutExpired as error:
        raise SetupFailed(f"{checkout}/tools/setup.sh was not done after {setup_s:g} s") from error
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-15:])
        raise SetupFailed(f"{checkout}/tools/setup.sh ended with code {done.returncode}:\n{tail}")
