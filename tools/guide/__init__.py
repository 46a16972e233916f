"""Builds the documents as a static site: `python -m tools.guide [--output FOLDER]`."""
