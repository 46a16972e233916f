"""Exports of a workspace's calls as files."""
