"""Runs scenarios: starts what they need, prints their verdicts, and writes the pages of evidence."""
