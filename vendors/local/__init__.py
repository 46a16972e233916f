"""Adapter for the speech engine on this machine: recognizer and voice."""
