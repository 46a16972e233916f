"""The command line: python -m vocalized."""

import os
import sys

try:
    from typer._completion_classes import completion_init

    from vocalized.commands.cli import app
    from vocalized.commands.completion_cli import COMPLETE_VARIABLE
except ModuleNotFoundError as error:
    sys.exit(f"vocalized: the package `{error.name}` is not installed: run `make setup`, then use .venv/bin/python")

if __name__ == "__main__":
    if COMPLETE_VARIABLE in os.environ:
        # Typer prepares this only for programs that also offer --install-completion.
        completion_init()
    app(complete_var=COMPLETE_VARIABLE)
