"""The command line of `vocalized completion`."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

_ROOT = Path(__file__).resolve().parents[2]

COMPLETE_VARIABLE = "_VOCALIZED_COMPLETE"
"""In its presence `python -m vocalized` prints what could follow the words so far, instead of running a command."""


class Shell(StrEnum):
    """A shell for which completion can be printed."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


# Typer's own scripts start a program on the PATH, and `vocalized` is only a function of the shell.
_SCRIPTS = {
    Shell.BASH: """\
vocalized() {{ {command} "$@"; }}
_vocalized_complete() {{
    local IFS=$'\\n'
    COMPREPLY=($(env COMP_WORDS="${{COMP_WORDS[*]}}" COMP_CWORD=$COMP_CWORD \\
        {variable}=complete_bash {command}))
}}
complete -o default -F _vocalized_complete vocalized
""",
    Shell.ZSH: """\
vocalized() {{ {command} "$@"; }}
_vocalized_complete() {{
    eval "$(env _TYPER_COMPLETE_ARGS="${{words[1,$CURRENT]}}" \\
        {variable}=complete_zsh {command})"
}}
(( $+functions[compdef] )) || {{ autoload -Uz compinit && compinit; }}
compdef _vocalized_complete vocalized
""",
    Shell.FISH: """\
function vocalized; {command} $argv; end
function _vocalized_complete
    env {variable}=complete_fish _TYPER_COMPLETE_FISH_ACTION=$argv[1] \\
        _TYPER_COMPLETE_ARGS=(commandline -cp) {command}
end
complete --command vocalized --no-files --condition "_vocalized_complete is-args" \\
    --arguments "(_vocalized_complete get-args)"
""",
}


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Prints a shell function named `vocalized` that completes commands and options.

    Bash and zsh: eval "$(.venv/bin/python -m vocalized completion bash)". Fish:
    .venv/bin/python -m vocalized completion fish | source. After this, `vocalized call` stands for
    `.venv/bin/python -m vocalized call`, in every folder. In the shell's start-up file it holds for new shells.
    """
    # The program is not installed as a package; with -P a folder of the user cannot hide its modules.
    command = f"env PYTHONPATH={shlex.quote(str(_ROOT))} {shlex.quote(sys.executable)} -P -m vocalized"
    typer.echo(_SCRIPTS[shell].format(command=command, variable=COMPLETE_VARIABLE), nl=False)
