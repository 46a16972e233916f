"""Calls whose agents use tools, including hostile and failing ones."""
