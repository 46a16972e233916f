"""Deletion of calls, and of what calls hold."""
