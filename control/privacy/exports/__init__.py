"""Exports of a workspace's data."""
