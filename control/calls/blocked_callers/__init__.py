"""Callers that a workspace blocks."""
