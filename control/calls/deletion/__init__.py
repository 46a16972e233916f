"""Deletion of calls and their contents."""
