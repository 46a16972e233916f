"""Exports of a workspace."""
