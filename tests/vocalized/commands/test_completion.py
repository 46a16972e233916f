"""Shell completion, in the shells that this machine has."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from vocalized.commands.cli import ROOT

COMPLETE = {
    "bash": """
        COMP_WORDS=(vocalized call --au) COMP_CWORD=2
        _vocalized_complete
        printf '%s\\n' "${COMPREPLY[@]}"
    """,
    "zsh": """
        compdef() { true }
        _arguments() { print -r -- "$2$1" }
        words=(vocalized call --au) CURRENT=3
        _vocalized_complete
    """,
    "fish": 'complete -C "vocalized call --au"',
}
LOAD = {
    "bash": 'eval "$({python} -m vocalized completion bash)"\n',
    "zsh": 'compdef() {{ true }}\neval "$({python} -m vocalized completion zsh)"\n',
    "fish": "{python} -m vocalized completion fish | source\n",
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_an_option_is_completed_in_any_folder(shell: str, tmp_path: Path) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not on this machine")
    script = LOAD[shell].format(python=sys.executable)
    script += f"cd {tmp_path}\nvocalized completion --help\n{COMPLETE[shell]}\n"
    ran = subprocess.run([program, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert "Prints a shell function" in ran.stdout
    assert "--audio" in ran.stdout.splitlines()[-1]


def test_an_unknown_shell_is_refused() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "vocalized", "completion", "tcsh"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 2
    assert "tcsh" in ran.stderr
