"""Calls whose carriers and phones misbehave as real ones do."""
