"""The commands of `python -m vocalized`, one module each."""
