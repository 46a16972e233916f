"""The command line: python -m vocalized."""

import sys

try:
    from vocalized.commands.cli import app
except ModuleNotFoundError as error:
    sys.exit(f"vocalized: the package `{error.name}` is not installed: run `make setup`, then use .venv/bin/python")

if __name__ == "__main__":
    app()
